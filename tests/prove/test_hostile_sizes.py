"""Bodies as large as they may be and made to cost: each is refused in a time that grows with its size alone."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from app.web import json as web_json
from bench.findings import Finding
from tests.caller import ACCOUNTS, Caller, Open, data
from tests.conftest import Scale
from tests.prove.conftest import Record

# Several times what the slowest takes; small bodies are not timed: one collection of garbage is longer than they are.
SECONDS_PER_MEGABYTE = 4
TIMED_BYTES = 100_000
# An answer names what was wrong, and so may be longer than what was sent, but not by any factor.
ANSWER_BYTES, ANSWER_BYTES_PER_BYTE = 500_000, 4
BULK = "/v6/work-period-payments/bulk"
QUERY = "/v6/work-period-payments/query"


def repeated(item: bytes, size: int) -> bytes:
    return b",".join([item] * (size // (len(item) + 1)))


def names(size: int) -> bytes:
    return b",".join(b'"name%d":1' % number for number in range(size // 16))


def hostile(size: int) -> Iterator[tuple[str, str, bytes]]:
    """What each is, where it is sent, and about as many bytes as asked for."""
    for path in ("/v6/clients", ACCOUNTS):
        yield "brackets", path, b'{"name":' + b"[" * size
        yield "digits", path, b'{"name":"x","budget":' + b"9" * size + b"}"
        yield "decimals", path, b'{"name":"x","budget":0.' + b"9" * size + b"}"
        yield "digits in a text", path, b'{"name":"x","budget":"' + b"9" * size + b'"}'
        yield "a long time", path, b'{"name":"x","startDate":"2025-01-01T00:00:00.' + b"0" * size + b'Z"}'
        yield "unknown names", path, b"{" + names(size) + b"}"
        yield "the last name twice", path, b"{" + names(size) + b',"name0":1,"end":1,"end":1}'
        yield "empty lists", path, b'{"name":[' + repeated(b"[]", size) + b"]}"
        yield "escapes", path, b'{"name":"' + b"\\ud83d\\udc0e" * (size // 12) + b'"}'
        yield "white space", path, b" " * size + b"{}"
    yield "empty items", BULK, b"[" + repeated(b"{}", size) + b"]"
    yield "a thousand long items", BULK, b"[" + b",".join([b'{"days":%s}' % (b"9" * (size // 1100))] * 1000) + b"]"
    yield "empty amounts", f"{ACCOUNTS}/consume-amounts", b'{"consumes":[' + repeated(b"{}", size) + b"]}"
    yield "bad numbers", QUERY, b'{"query":{"projectIds":[' + repeated(b'""', size) + b"]}}"


def too_costly(caller: Caller, bodies: Iterator[tuple[str, str, bytes]]) -> tuple[list[str], float]:
    """Those that were not refused cheaply, and the most seconds per megabyte of those that were."""
    found, most = [], 0.0
    for name, path, body in bodies:
        # The work of this thread, which reads and refuses: not what others on the machine do meanwhile, nor what the
        # test does with the answer.
        begun = time.thread_time()
        answer = caller.send("POST", path, body)
        rate = (time.thread_time() - begun) / (len(body) / 1_000_000)
        # A bulk call answers 200 with a failure for each item.
        refused = answer.status_code == 400 or (answer.status_code == 200 and path == BULK)
        short = len(answer.data) < ANSWER_BYTES + ANSWER_BYTES_PER_BYTE * len(body)
        quick = rate < SECONDS_PER_MEGABYTE or len(body) < TIMED_BYTES
        if refused and short and quick:
            most = max(most, rate)
        else:
            found.append(f"{name}: {answer.status_code}, {len(answer.data)} bytes, {rate:.1f} s/MB")
    return found, most


def search_each_name(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """What the reader of JSON did before."""
    all_names = [name for name, _ in pairs]
    if len(set(all_names)) < len(pairs):
        raise ValueError(next(name for name in all_names if all_names.count(name) > 1))
    return dict(pairs)


def test_hostile_bodies_cost_what_their_size_costs(
    admin: Caller, scale: Scale, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = scale(4_000_000, 60_000)
    bodies = list(hostile(size))
    found, most = too_costly(admin, iter(bodies))
    assert found == []
    monkeypatch.setattr(web_json, "_object_without_repeats", search_each_name)
    twice = b"{" + names(150_000) + b',"end":1,"end":1}'
    control, _ = too_costly(admin, iter([("the last name twice", "/v6/clients", twice)]))
    assert control != []
    record(
        Finding(
            check="bodies made to cost: depth, digits, names, items",
            done=f"{len(bodies)} bodies of {size / 1_000_000:g} MB",
            wrong=len(found),
            control=f"names compared with each other: {'; '.join(control)}",
            also=f"the slowest took {most:.2f} s/MB",
        )
    )


def test_a_page_far_away_is_empty_and_still_counts(admin: Caller, open_account: Open) -> None:
    open_account()
    for sort in ("", "&sortBy=remainingBudget"):
        page = data(admin.get(f"{ACCOUNTS}?page=1000000000&perPage=10000{sort}"))
        assert (page["results"], page["count"], page["totalPages"]) == ([], 1, 1)
