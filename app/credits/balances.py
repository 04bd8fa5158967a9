"""Reading the credits of an account: balance, transactions and usage."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from app.clock import utc_now
from app.credits import queries
from app.db.base import db
from app.db.paging import Page


def balance(account_id: int) -> Row[Any]:
    """The balance of an account, and the credits spent this month (UTC)."""
    month = utc_now().date().replace(day=1)
    return db.session.execute(queries.BALANCE, {"account_id": account_id, "month": month}).one()


def transactions(account_id: int, arguments: Mapping[str, Any]) -> Page:
    """One page of the transactions of an account."""
    return queries.TRANSACTIONS.page(arguments, account_id=account_id)


def usage(account_id: int, arguments: Mapping[str, Any]) -> Page:
    """One page of the usage of an account."""
    return queries.USAGE.page(arguments, account_id=account_id)


def credits_of(account_id: int) -> int:
    """The credit balance of an account."""
    credits: int = db.session.execute(queries.CREDITS, {"account_id": account_id}).scalar_one()
    return credits
