"""Whose credits a call is about: a member's own account, or the one that a machine names."""

from collections.abc import Mapping, Sequence
from typing import Any

from app import tenancy
from app.auth.actor import Actor
from app.customers.membership import Membership
from app.errors import Invalid, NotFound, ServiceError


def account_of(item: Mapping[str, Any], membership: Membership | None, *, location: str = "json") -> int:
    """The account whose credits an item is about.

    Raises Invalid if a machine names none, and NotFound if a member names an account other than their own.
    """
    named: int | None = item.get("account_id")
    if membership is None:
        if named is None:
            raise Invalid.field("account_id", "Is required for machines.", location=location)
        return named
    if named not in {None, membership.account_id}:
        raise NotFound(f"Account {named} was not found")
    return membership.account_id


def enter(item: Mapping[str, Any], membership: Membership | None, *, location: str = "json") -> int:
    """As `account_of`, and make the account the tenant."""
    account_id = account_of(item, membership, location=location)
    if membership is None:
        tenancy.set_account(account_id)
    return account_id


def of_items(items: Sequence[Mapping[str, Any]], membership: Membership | None) -> list[int | ServiceError]:
    """The account of each item, or the failure of `account_of`; they become the tenant, if need be all."""
    if membership is None:
        named = {item.get("account_id") for item in items}
        only_one = named.pop() if len(named) == 1 else None
        if only_one is None:
            tenancy.set_every_account()
        else:
            tenancy.set_account(only_one)
    accounts: list[int | ServiceError] = []
    for item in items:
        try:
            accounts.append(account_of(item, membership))
        except ServiceError as failure:
            accounts.append(failure)
    return accounts


def person(actor: Actor, membership: Membership | None, item: Mapping[str, Any]) -> str:
    """The person that an operation is for: who is named, else the member who calls; empty if nobody is known."""
    named: str = item["user_id"]
    return named or (actor.user_id or "" if membership is not None else "")
