"""Paying every due day of the work periods that match."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import text

from app.auth.actor import Actor
from app.clock import utc_now
from app.db.base import db
from app.db.transaction import transaction
from app.errors import ServiceError
from app.work_periods import payments, queries

PERIODS_AT_ONCE = 500
_FIRST = "00000000-0000-0000-0000-000000000000"


class Paid(NamedTuple):
    """How many due periods matched, and how many of them were paid."""

    total: int
    total_success: int
    total_error: int


def pay_matching(actor: Actor, query: Mapping[str, Any]) -> Paid:
    """Pay the due days of every period that began and that matches.

    Commits page by page: a call that is cut short has paid whole pages, and the next one pays the rest. A second call
    finds nothing due.
    """
    conditions = " AND ".join(f"({queries.MATCHING[name]})" for name in sorted(query)) or "true"
    statement = text(queries.DUE_PERIODS.format(conditions=conditions))
    last: str | None = _FIRST
    success = errors = 0
    while last is not None:
        with transaction():
            parameters = {**query, "after": last, "today": utc_now().date(), "limit": PERIODS_AT_ONCE}
            period_ids = list(db.session.execute(statement, parameters).scalars())
            outcomes = payments.create_many(actor, [{"work_period_id": period_id} for period_id in period_ids])
        failed = sum(isinstance(outcome, ServiceError) for outcome in outcomes)
        errors += failed
        success += len(outcomes) - failed
        # A page that others paid some of is shorter than it could be: only an empty one is the end.
        last = period_ids[-1] if period_ids else None
    return Paid(success + errors, success, errors)
