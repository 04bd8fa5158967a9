"""Reading an account's credits: the balance, the transactions behind it, and what was used."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from app.auth.actor import Actor
from app.clock import utc_now
from app.credits import queries
from app.customers import membership
from app.db.base import db
from app.db.paging import Page


def balance(actor: Actor) -> Row[Any]:
    """The balance of the caller's account, and what was used of it this month (UTC)."""
    account_id = membership.enter(actor).account_id
    month = utc_now().date().replace(day=1)
    return db.session.execute(queries.BALANCE, {"account_id": account_id, "month": month}).one()


def transactions(actor: Actor, arguments: Mapping[str, Any]) -> Page:
    """One page of the transactions of the caller's account."""
    return queries.TRANSACTIONS.page(arguments, account_id=membership.enter(actor).account_id)


def usage(actor: Actor, arguments: Mapping[str, Any]) -> Page:
    """One page of what the caller's account spent."""
    return queries.USAGE.page(arguments, account_id=membership.enter(actor).account_id)


def credits_of(account_id: int) -> int:
    """The balance of an account that this transaction sees."""
    credits: int = db.session.execute(queries.CREDITS, {"account_id": account_id}).scalar_one()
    return credits
