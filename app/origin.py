"""Who causes what is written at present, and why: kept with every movement of money."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import NamedTuple


class Origin(NamedTuple):
    """The cause of a change. `actor_kind` is person, machine, key, command or gateway.

    `action` is the operation of a request or the name of a command. `account_id` is the customer account that the actor
    is a member of, where they act as one.
    """

    actor: str
    actor_kind: str
    action: str
    reason: str | None = None
    request_id: str | None = None
    account_id: int | None = None


COMMAND, GATEWAY = "command", "gateway"
# The actor of what falls due, whichever request posts it.
SERVICE = "service"
# Of code that neither a request nor a command runs.
_SHELL = Origin("shell", COMMAND, "shell")
_current: ContextVar[Origin] = ContextVar("origin", default=_SHELL)


def current() -> Origin:
    """The cause of what is written now."""
    return _current.get()


def act_in(account_id: int) -> None:
    """Let the actor be a member of this customer account from here on."""
    _current.set(_current.get()._replace(account_id=account_id))


@contextmanager
def acting(origin: Origin) -> Iterator[None]:
    """Let the changes of the block have this cause."""
    token = _current.set(origin)
    try:
        yield
    finally:
        _current.reset(token)


def because(reason: str) -> AbstractContextManager[None]:
    """Let the changes of the block have this reason, whatever the request's header says."""
    return acting(current()._replace(reason=reason))
