"""The one clock. Everything that needs the present asks here, so it can be stopped."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_stopped_at: ContextVar[datetime | None] = ContextVar("stopped_at", default=None)


def utc_now() -> datetime:
    """The present moment in UTC, in the whole milliseconds that are shown of it."""
    return whole_milliseconds(_stopped_at.get() or datetime.now(UTC))


def whole_milliseconds(moment: datetime) -> datetime:
    """`moment` without what is less than a millisecond."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Stop the clock inside the block, for telling a history."""
    token = _stopped_at.set(moment)
    try:
        yield
    finally:
        _stopped_at.reset(token)
