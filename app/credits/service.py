"""Spending and granting credits."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row

from app.auth.actor import Actor
from app.auth.permissions import scopes
from app.credits import ledger
from app.credits.ledger import Entry, Outcome, Transaction
from app.credits.models import TransactionType
from app.customers import membership
from app.db import tenancy
from app.errors import Invalid, NotFound

RESOURCE = "credits"
SPEND_SCOPES = scopes(RESOURCE, "spend")
GRANT_SCOPES = scopes(RESOURCE, "grant")


def spend(actor: Actor, item: Mapping[str, Any]) -> Row[Any]:
    """Take credits for one operation, as `spend_many` does.

    Raises PaymentRequired, Invalid (nobody's credits are named) or NotFound, and changes nothing then.
    """
    own = _own_account(actor)
    if not _may_name(item, own):
        raise _refused(item)
    return ledger.spend(
        item.get("account_id") or own or "",
        item["credits_used"],
        item["operation_type"],
        item.get("description"),
        created_by=actor.subject,
    )


def spend_many(actor: Actor, items: Sequence[Mapping[str, Any]]) -> list[Outcome]:
    """Take credits for each item (`operation_type`, `credits_used`), in order, or say why not.

    Machines say whose credits (`account_id`); an owner or admin of an account spends that account's.
    """
    own = _own_account(actor)
    if own is None:
        named = {item.get("account_id") for item in items}
        tenancy.see((named.pop() if len(named) == 1 else None) or tenancy.EVERY_ACCOUNT)
    outcomes: list[Outcome | None] = [None if _may_name(item, own) else _refused(item) for item in items]
    entries = [
        Entry(
            account_id=item.get("account_id") or own or "",
            amount=-item["credits_used"],
            transaction_type=TransactionType.DEDUCTION,
            description=item.get("description"),
            operation_type=item["operation_type"],
            usage_key=item.get("key"),
        )
        for item, outcome in zip(items, outcomes, strict=True)
        if outcome is None
    ]
    posted = iter(ledger.post(entries, created_by=actor.subject))
    return [next(posted) if outcome is None else outcome for outcome in outcomes]


def grant(actor: Actor, values: Mapping[str, Any]) -> Transaction:
    """Give an account credits, or adjust its balance. Raises NotFound, and PaymentRequired for more than it has."""
    tenancy.see(values["account_id"])
    entry = Entry(
        account_id=values["account_id"],
        amount=values["amount"],
        transaction_type=TransactionType(values["transaction_type"]),
        description=values.get("description"),
    )
    return ledger.post_one(entry, created_by=actor.subject)


def _own_account(actor: Actor) -> str | None:
    """The one account whose credits the caller may spend; None for a machine, which spends those of the named ones."""
    return None if actor.has_scope(SPEND_SCOPES) else membership.enter_as_manager(actor).account_id


def _may_name(item: Mapping[str, Any], own: str | None) -> bool:
    named = item.get("account_id")
    return named is not None if own is None else named in {None, own}


def _refused(item: Mapping[str, Any]) -> Invalid | NotFound:
    if item.get("account_id") is None:
        return Invalid.field("account_id", "Is required: say whose credits are spent.")
    return NotFound(f"Account {item['account_id']} was not found")
