"""Spending and granting credits."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row

from app import tenancy
from app.auth.actor import Actor
from app.credits.ledger import batch, single
from app.credits.ledger.batch import Entry, Outcome, Transaction
from app.credits.models import TransactionType
from app.customers.membership import Membership
from app.errors import Invalid, NotFound, ServiceError


def spend(membership: Membership | None, item: Mapping[str, Any]) -> Row[Any]:
    """Spend credits on one operation, as `spend_many` does.

    Raises PaymentRequired, Invalid (no account given) or NotFound, and then changes nothing.
    """
    return single.spend(
        _account_of(item, membership),
        item["credits_used"],
        item["operation_type"],
        item["description"],
    )


def spend_many(actor: Actor, membership: Membership | None, items: Sequence[Mapping[str, Any]]) -> list[Outcome]:
    """Spend credits for each item (`operation_type`, `credits_used`), in order; the usage or the failure of each.

    A machine, which has no `membership`, names the account (`account_id`); a member spends the credits of their
    account.
    """
    if membership is None:
        named = {item.get("account_id") for item in items}
        only_one = named.pop() if len(named) == 1 else None
        if only_one is None:
            tenancy.set_every_account()
        else:
            tenancy.set_account(only_one)
    entries = [_deduction(item, membership) for item in items]
    posted = iter(batch.post([each for each in entries if isinstance(each, Entry)], key_owner=actor.identity))
    return [next(posted) if isinstance(each, Entry) else each for each in entries]


def grant(values: Mapping[str, Any]) -> Transaction:
    """Grant credits to an account, or adjust its balance. Raises NotFound, and PaymentRequired below zero."""
    tenancy.set_account(values["account_id"])
    entry = Entry(
        account_id=values["account_id"],
        amount=values["amount"],
        transaction_type=TransactionType(values["transaction_type"]),
        description=values["description"],
    )
    return batch.post_one(entry)


def _deduction(item: Mapping[str, Any], membership: Membership | None) -> Entry | ServiceError:
    """The entry for an item, or the failure that refuses it."""
    try:
        account_id = _account_of(item, membership)
    except ServiceError as error:
        return error
    return Entry(
        account_id=account_id,
        amount=-item["credits_used"],
        transaction_type=TransactionType.DEDUCTION,
        description=item["description"],
        operation_type=item["operation_type"],
        usage_key=item.get("key"),
    )


def _account_of(item: Mapping[str, Any], membership: Membership | None) -> int:
    """The account whose credits an item spends.

    Raises Invalid if a machine names none, and NotFound if a member names an account other than their own.
    """
    named: int | None = item.get("account_id")
    if membership is None:
        if named is None:
            raise Invalid.field("account_id", "Is required for machines.")
        return named
    if named not in {None, membership.account_id}:
        raise NotFound(f"Account {named} was not found")
    return membership.account_id
