"""Plans and their monthly grants."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Row

from app import tenancy
from app.clock import utc_now
from app.credits import queries
from app.credits.ledger import balances, batch
from app.credits.ledger.batch import Entry
from app.credits.models import TransactionType
from app.db.base import db
from app.errors import NotFound


class Granted(NamedTuple):
    """Number of months granted, and their credits in total."""

    months: int
    credits: int


def every_plan() -> Sequence[Row[Any]]:
    """All plans, smallest first."""
    return db.session.execute(queries.PLANS).all()


def put(name: str, credits_per_month: int, usd_per_credit: Decimal, *, default: bool) -> None:
    """Create a plan, or change it from today on; with `default` it becomes the plan of new accounts."""
    values = {"name": name, "credits_per_month": credits_per_month, "usd_per_credit": usd_per_credit}
    now = utc_now()
    db.session.execute(queries.SET_PLAN, {**values, "now": now, "today": now.date()})
    if default:
        db.session.execute(queries.SET_DEFAULT_PLAN, {"name": name, "now": now})


def assign(account_id: int, name: str) -> None:
    """Assign a plan to an account from today on; it applies to months that begin from then on. Raises NotFound."""
    tenancy.set_account(account_id)
    if not balances.put_on_plan(account_id, name, utc_now().date()):
        raise NotFound(f"Account {account_id} or plan {name!r} was not found")


def start(account_id: int, *, first_credits: bool) -> None:
    """Open the balance of a new account on the default plan; without `first_credits` its first month grants none."""
    now = utc_now()
    balances.open_balance(account_id, now.date())
    if first_credits:
        grant_due([account_id])
    else:
        values = {"account_ids": [account_id], "months": [_month(now.date())], "credits": [0], "now": now}
        db.session.execute(queries.RECORD_GRANTS, values)


def grant_due(account_ids: Sequence[int]) -> Granted:
    """Grant each account the credits of every month not granted yet, up to the current one (UTC).

    A month is granted by the plan that the account had on the first of the month, with its credits on that day. No
    month is granted twice, even by concurrent calls.
    """
    # Locked before due months are read, so that no other transaction can grant them.
    balances.lock(account_ids)
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
    batch.post(entries)
    return Granted(len(due), sum(credits))


def accounts_after(account_id: int, limit: int) -> list[int]:
    """The next account ids after `account_id`, in order."""
    return list(db.session.execute(queries.ACCOUNTS_AFTER, {"after": account_id, "limit": limit}).scalars())


def _month(day: date) -> date:
    return day.replace(day=1)
