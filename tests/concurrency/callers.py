"""Several callers at once, and what they were answered."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from werkzeug.test import TestResponse

THREADS = 8


def at_once(calls: Iterable[Callable[[], TestResponse]], threads: int = THREADS) -> list[TestResponse]:
    """The answers to the calls, of which so many are under way at any time, in the order of the calls."""
    with ThreadPoolExecutor(threads) as pool:
        return [each.result() for each in [pool.submit(call) for call in calls]]


def statuses(answers: Iterable[TestResponse]) -> dict[int, int]:
    """How many answers had each status."""
    found = [answer.status_code for answer in answers]
    return {status: found.count(status) for status in sorted(set(found))}
