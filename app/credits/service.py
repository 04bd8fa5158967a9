"""Spending and granting credits."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from app import origin, tenancy
from app.auth.actor import Actor
from app.credits import queries
from app.credits.ledger import batch, grants, single
from app.credits.ledger.batch import Entry, Outcome, Posted
from app.credits.ledger.grants import Granted, Terms
from app.credits.ledger.lots import Lot
from app.credits.models import TransactionType
from app.customers.membership import Membership
from app.db.base import db
from app.errors import Invalid, NotFound, ServiceError


def spend(membership: Membership | None, item: Mapping[str, Any]) -> Row[Any] | Posted:
    """Spend credits on one operation, as `spend_many` does.

    Raises PaymentRequired, Invalid (no account given) or NotFound, and then changes nothing.
    """
    return single.spend(_entry(item, _account_of(item, membership)))


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


def grant(values: Mapping[str, Any]) -> Granted:
    """Grant credits to an account as a lot of their own, or adjust its balance.

    Raises NotFound, PaymentRequired (an adjustment below zero), Conflict (the reference of another grant) or Invalid.
    """
    account_id, kind = values["account_id"], TransactionType(values["transaction_type"])
    tenancy.set_account(account_id)
    if values["amount"] < 0:
        entry = Entry(account_id, -values["amount"], kind, values["description"])
        posted = batch.post_one(entry)
        about = kind, posted.description, posted.created_at, posted.balance_after
        return Granted(None, posted.id, posted.amount, *about, is_new=True)
    expires_in = values.get("expires_in")
    terms = Terms(
        account_id,
        values["amount"],
        kind,
        values["description"],
        values.get("effective_at"),
        values.get("expires_at"),
        None if expires_in is None else timedelta(seconds=expires_in),
        values["priority"],
        reference=values["reference"],
    )
    return grants.grant(terms)


def void(lot_id: int, reason: str) -> Lot:
    """Void what is not held of a lot. Raises NotFound, and Conflict for a bought lot."""
    tenancy.set_every_account()
    account_id = db.session.execute(queries.ACCOUNT_OF_LOT, {"lot_id": lot_id}).scalar_one_or_none()
    if account_id is None:
        raise NotFound(f"Lot {lot_id} was not found")
    tenancy.set_account(account_id)
    with origin.because(reason):
        return grants.void(account_id, lot_id, reason)


def _deduction(item: Mapping[str, Any], membership: Membership | None) -> Entry | ServiceError:
    """The entry for an item, or the failure that refuses it."""
    try:
        return _entry(item, _account_of(item, membership))
    except ServiceError as error:
        return error


def _entry(item: Mapping[str, Any], account_id: int) -> Entry:
    return Entry(
        account_id,
        item["credits_used"],
        TransactionType.DEDUCTION,
        item["description"],
        item["operation_type"],
        item.get("key"),
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
