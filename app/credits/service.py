"""Spending and granting credits."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from app import origin, tenancy
from app.auth.actor import Actor
from app.credits import spending_accounts
from app.credits.ledger import batch, grants, reversal, single
from app.credits.ledger.batch import Entry, Outcome, Posted
from app.credits.ledger.grants import Granted, Terms
from app.credits.ledger.lots import Lot
from app.credits.ledger.transactions import Transaction
from app.credits.models import TransactionType
from app.customers.membership import Membership
from app.errors import NotFound, ServiceError
from app.tenancy import Routed


def spend(actor: Actor, membership: Membership | None, item: Mapping[str, Any]) -> Row[Any] | Posted:
    """Spend credits on one operation, as `spend_many` does.

    Raises PaymentRequired, Invalid (no account given), NotFound or KeyReused, and then changes nothing.
    """
    account_id = spending_accounts.account_of(item, membership)
    return single.spend(_entry(actor, membership, item, account_id), key_owner=actor.identity)


def spend_many(actor: Actor, membership: Membership | None, items: Sequence[Mapping[str, Any]]) -> list[Outcome]:
    """Spend credits for each item (`operation_type`, `credits_used`), in order; the usage or the failure of each.

    A machine, which has no `membership`, names the account (`account_id`); a member spends the credits of their
    account.
    """
    accounts = spending_accounts.of_items(items, membership)
    entries = [
        each if isinstance(each, ServiceError) else _entry(actor, membership, item, each)
        for item, each in zip(items, accounts, strict=True)
    ]
    posted = iter(batch.post([each for each in entries if isinstance(each, Entry)], key_owner=actor.identity))
    return [next(posted) if isinstance(each, Entry) else each for each in entries]


def reverse(membership: Membership | None, usage_id: int, values: Mapping[str, Any]) -> Transaction:
    """Take a charge back, all or some of it. Raises NotFound, Conflict, and Invalid (no account given)."""
    account_id = spending_accounts.enter(values, membership)
    return reversal.reverse(account_id, usage_id, values.get("credits"), values["reason"])


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
    account_id = tenancy.set_account_of(Routed.CREDIT_LOT, lot_id)
    if account_id is None:
        raise NotFound(f"Lot {lot_id} was not found")
    with origin.because(reason):
        return grants.void(account_id, lot_id, reason)


def _entry(actor: Actor, membership: Membership | None, item: Mapping[str, Any], account_id: int) -> Entry:
    return Entry(
        account_id,
        item["credits_used"],
        TransactionType.DEDUCTION,
        item["description"],
        item["operation_type"],
        item.get("key"),
        spending_accounts.person(actor, membership, item),
        actor.key_id,
    )
