"""Paying every due day of the work periods that match."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from sqlalchemy import Row

from app.auth.actor import Actor
from app.billing_accounts.ledger.batch import Rehearsal
from app.billing_accounts.models import ExternalType
from app.clock import utc_now
from app.db.base import db
from app.db.transaction import transaction
from app.errors import ServiceError
from app.money import ZERO
from app.work_periods import queries
from app.work_periods.batch import Batch, Outcome

# Its id, and the handle of its user.
DuePeriod: TypeAlias = Row[str, str | None]
PERIODS_AT_ONCE = 500
# More failures than this are of no use to a person or a page.
ERRORS_SHOWN = 1000
_FIRST = "00000000-0000-0000-0000-000000000000"


class PaymentRun:
    """The figures of a payment run: periods matched and paid, amounts by account, and failures."""

    def __init__(self) -> None:
        self.total_success = 0
        self.total_error = 0
        self.amount_total = ZERO
        self.errors: list[dict[str, Any]] = []
        self._available: dict[int, Decimal] = {}
        self._amounts: dict[int, Decimal] = {}

    @property
    def total(self) -> int:
        """Number of periods with due days that matched."""
        return self.total_success + self.total_error

    @property
    def by_billing_account(self) -> list[dict[str, Any]]:
        """The amount charged to each account, and its remaining budget before, ordered by account id."""
        return [
            {"billing_account_id": account_id, "amount": self._amounts[account_id], "available": available}
            for account_id, available in sorted(self._available.items())
        ]

    def note_available(self, account_id: int, available: Decimal) -> None:
        """Record the remaining budget of an account, unless it was recorded before."""
        if account_id not in self._available:
            self._available[account_id], self._amounts[account_id] = available, ZERO

    def note(self, period: DuePeriod, outcome: Outcome) -> None:
        """Record the outcome of a period."""
        if isinstance(outcome, ServiceError):
            self.total_error += 1
            if len(self.errors) < ERRORS_SHOWN:
                failure = {"work_period_id": period.id, "user_handle": period.user_handle, "error": outcome}
                self.errors.append(failure)
        else:
            self.total_success += 1
            self.amount_total += outcome["amount"]
            self._amounts[outcome["billing_account_id"]] += outcome["amount"]


def pay_matching(actor: Actor, query: Mapping[str, Any], *, dry_run: bool = False) -> PaymentRun:
    """Pay the due days of every matching period that has begun, unless its booking is cancelled.

    Commits page by page: an interrupted call has paid whole pages, and the next call pays the rest. A second call
    finds nothing due. With `dry_run` nothing is locked or changed, and the figures are those of a call that pays.
    """
    statement = queries.due_periods(query, lock=not dry_run)
    run = PaymentRun()
    rehearsal = Rehearsal(ExternalType.WORK_PERIOD_PAYMENT) if dry_run else None
    last: str | None = _FIRST
    while last is not None:
        with transaction():
            parameters = {**query, "after": last, "today": utc_now().date(), "limit": PERIODS_AT_ONCE}
            periods = db.session.execute(statement, parameters).all()
            outcomes = _pay(actor, periods, run, rehearsal)
        for period, outcome in zip(periods, outcomes, strict=True):
            run.note(period, outcome)
        # Other transactions may have paid part of a page, which is then shorter; only an empty page is the end.
        last = periods[-1].id if periods else None
    return run


def _pay(actor: Actor, periods: Sequence[DuePeriod], run: PaymentRun, rehearsal: Rehearsal | None) -> Sequence[Outcome]:
    if not periods:
        return []
    statement = queries.LOCK_PERIODS if rehearsal is None else queries.READ_PERIODS
    batch = Batch(actor, statement, period_ids=[period.id for period in periods])
    if rehearsal is None:
        batch.lock_budgets(batch.account_ids)
    else:
        rehearsal.look_at(batch.account_ids)
        batch.decide_by(rehearsal)
    for account_id in batch.account_ids:
        run.note_available(account_id, batch.available(account_id))
    outcomes = batch.create([{"work_period_id": period.id} for period in periods])
    if rehearsal is None:
        batch.write()
    return outcomes
