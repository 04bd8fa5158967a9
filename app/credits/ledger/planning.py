"""Assigning plans to accounts, which takes the lock of the balance: no month begins meanwhile."""

from enum import StrEnum
from typing import Any

from app.audit.models import ObjectType
from app.audit.recording import record
from app.credits import plan_queries
from app.credits.ledger import causes
from app.credits.ledger.book import Book
from app.credits.ledger.due import lot_of_plan, next_month
from app.credits.ledger.standing import Standing
from app.customers.models import AccountStatus
from app.db.base import db


class Starts(StrEnum):
    """When an account begins to be on a plan."""

    NOW = "now"
    NEXT_MONTH = "next_month"


def assign(account_id: int, plan: Any, starts: Starts) -> None:
    """Put an account on a plan from today or the next month (UTC) on. Raises NotFound and Forbidden."""
    # What fell due is written first, the present month with it.
    Book([account_id]).write()
    book = Book([account_id], entries=1)
    standing = book.standing(account_id)
    standing.require_open()
    start = standing.now if starts == Starts.NOW else next_month(standing.now)
    known = db.session.execute(plan_queries.PLAN_ON, {"account_id": account_id, "now": start}).one()
    assignment = {"account_id": account_id, "valid_from": start.date(), "plan_id": plan.id}
    db.session.execute(plan_queries.ASSIGN, assignment)
    if starts == Starts.NOW:
        _grant_difference(standing, plan)
    book.write()
    before, after = {"plan": known.name}, {"plan": plan.name, "plan_from": start.date()}
    record(ObjectType.CUSTOMER_ACCOUNT, account_id, before=before, after=after, account_id=account_id)


def _grant_difference(standing: Standing, plan: Any) -> None:
    """Grant what the plan grants in a month by now, beyond what the account got, or was to get, in this one."""
    month = {"account_id": standing.account_id, "month": standing.now.date().replace(day=1)}
    granted: int = db.session.execute(plan_queries.GRANTED_IN, month).scalar_one()
    missing = plan.credits_per_month - granted
    if missing > 0 and standing.status == AccountStatus.ACTIVE:
        description = f"{plan.name} plan, {standing.now:%B %Y}"
        standing.add(lot_of_plan(missing, standing, plan.rollover, causes.current(), description))
    # Also what was not granted, as the account was suspended: to leave a plan and come back to it does not grant it.
    db.session.execute(plan_queries.RAISE_GRANT, {**month, "raised": max(granted, plan.credits_per_month)})
