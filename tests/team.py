"""Building the team of a customer account."""

from collections.abc import Callable
from typing import Any

from tests.caller import Caller, data

TEAM = "/v1/account/team/"
INVITATIONS = "/v1/account/invitations/"
Callers = Callable[..., Caller]


def invite(manager: Caller, email: str, role: str = "member") -> Any:
    """The team row of a new invitation."""
    return data(manager.post(TEAM, {"email": email, "role": role}), 201)


def accept(caller: Caller, invitation_id: int) -> Any:
    """The invitation, which the caller accepts."""
    return data(caller.post(f"{INVITATIONS}{invitation_id}/accept/", None))


def join(manager: Caller, as_caller: Callers, name: str, role: str = "member") -> Caller:
    """A new member of the manager's account: the user `name`, with an address of that name."""
    email = f"{name}@harbour.example"
    caller = as_caller(user=name, email=email)
    accept(caller, invite(manager, email, role)["id"])
    return caller
