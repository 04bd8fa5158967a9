"""Accounts of customers, their teams and their credits."""

from collections.abc import Callable
from typing import Any

from tests.caller import Caller, data

ACCOUNT = "/v1/account/"
TEAM = "/v1/account/team/"
INVITATIONS = "/v1/account/invitations/"
CREDITS = "/v1/billing/credits/"
Callers = Callable[..., Caller]


def open_customer(owner: Caller, name: str = "Harbour Studio") -> Any:
    """A new account, with the 100 credits of the free plan if it is the owner's first."""
    return data(owner.post(ACCOUNT, {"name": name}), 201)


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


def credits_of(member: Caller) -> int:
    """The balance of the member's account."""
    return int(data(member.get(f"{CREDITS}balance/"))["credits"])


def spend(member: Caller, credits: int, operation: str = "search", **more: Any) -> Any:
    """The usage of the member's credits for an operation."""
    return data(member.post(f"{CREDITS}usage/", {"operation_type": operation, "credits_used": credits, **more}), 201)


def grant(staff: Caller, account_id: int, credits: int, kind: str = "grant") -> Any:
    """The transaction by which an account was given credits."""
    body = {"account_id": account_id, "amount": credits, "transaction_type": kind, "description": "Goodwill"}
    return data(staff.post(f"{CREDITS}grant/", body), 201)
