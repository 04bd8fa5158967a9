"""Who causes a transaction and why: the caller, or the service itself for what falls due."""

from typing import NamedTuple

from app.audit import actors, cause
from app.origin import COMMAND, SERVICE


class Cause(NamedTuple):
    """The columns of `app.audit.cause`. The actor is a reference; None stands for the service itself."""

    actor: bytes | None
    actor_kind: str
    action: str
    reason: str | None = None
    request_id: str | None = None


MONTH_BEGAN = Cause(None, COMMAND, "monthly grant")
LOT_ENDED = Cause(None, COMMAND, "expiry")
LOT_OWED = Cause(None, COMMAND, "payment returned")


def current() -> Cause:
    """The cause of what is written now."""
    values = cause.current()
    return Cause(*(values[name] for name in Cause._fields))


def service() -> bytes:
    """The reference to the service as an actor."""
    return actors.reference(SERVICE, None)
