"""Memory does not grow with the list."""

from collections.abc import Callable

import psutil
import pytest

from tests.caller import Caller

ROWS = 60_000
# Rows as Python objects would take several times as much.
MOST_MEGABYTES = 16
CLIENTS = "/v6/clients"


@pytest.mark.parametrize("format_", ["csv", "ndjson"])
def test_memory_stays_flat(admin: Caller, many_clients: Callable[[int], None], format_: str) -> None:
    process = psutil.Process()
    for _ in range(3):
        admin.get(f"{CLIENTS}?format={format_}")
    many_clients(ROWS)
    before = most = process.memory_info().rss
    answer = admin.send("GET", f"{CLIENTS}?format={format_}")
    size = 0
    last = b""
    for last in answer.iter_encoded():
        size += len(last)
        most = max(most, process.memory_info().rss)
    answer.close()
    assert str(ROWS).encode() in last
    assert size > ROWS * 80
    assert (most - before) / 2**20 < MOST_MEGABYTES
