"""Memory does not grow with the list."""

from collections.abc import Callable

import psutil

from tests.caller import Caller

ROWS = 100_000
# The rows as the driver keeps them take about twenty.
MOST_MEGABYTES = 8
CSV = "/v6/clients?format=csv"


def test_memory_stays_flat(admin: Caller, many_clients: Callable[[int], None]) -> None:
    process = psutil.Process()
    for _ in range(3):
        admin.get(CSV)
    many_clients(ROWS)
    before = most = process.memory_info().rss
    answer = admin.send("GET", CSV)
    size = 0
    last = b""
    for last in answer.iter_encoded():
        size += len(last)
        most = max(most, process.memory_info().rss)
    answer.close()
    assert last == f"#end,{ROWS}\r\n".encode()
    assert size > ROWS * 80
    assert (most - before) / 2**20 < MOST_MEGABYTES
