"""Plans and their monthly credits."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from app.clock import utc_now
from app.credits import ledger, queries
from app.credits.ledger import Entry
from app.credits.models import TransactionType
from app.db.base import db

_ISSUER = "monthly grant"


class Granted(NamedTuple):
    """How many months were granted, and the credits they came to."""

    months: int
    credits: int


def start(account_id: str) -> None:
    """Begin the balance of a new account, on the default plan and with its first month's credits."""
    db.session.execute(queries.OPEN, {"account_id": account_id})
    grant_due([account_id])


def grant_due(account_ids: Sequence[str]) -> Granted:
    """Give each account its plan's credits for every month that it has not got them for, up to the present one (UTC).

    Nothing is granted twice, also by two calls at once.
    """
    # Held from here on: what is due is looked up when nobody else can grant it any more.
    db.session.execute(queries.LOCK_BALANCES, {"account_ids": account_ids})
    now = utc_now()
    due = db.session.execute(queries.DUE_GRANTS, {"account_ids": account_ids, "month": _month(now.date())}).all()
    if not due:
        return Granted(0, 0)
    credits = [grant.credits_per_month for grant in due]
    values = {"account_ids": [grant.account_id for grant in due], "months": [grant.month for grant in due]}
    db.session.execute(queries.RECORD_GRANTS, {**values, "credits": credits, "now": now})
    entries = [
        Entry(
            account_id=grant.account_id,
            amount=grant.credits_per_month,
            transaction_type=TransactionType.GRANT,
            description=f"{grant.plan} plan, {grant.month:%B %Y}",
        )
        for grant in due
        if grant.credits_per_month > 0
    ]
    ledger.post(entries, created_by=_ISSUER)
    return Granted(len(due), sum(credits))


def accounts_after(account_id: str, limit: int) -> list[str]:
    """The next accounts in the order of their ids."""
    return list(db.session.execute(queries.ACCOUNTS_AFTER, {"after": account_id, "limit": limit}).scalars())


def _month(day: date) -> date:
    return day.replace(day=1)
