"""The payments of one call, decided one by one and written together.

The periods concerned are locked first, in id order, then the budgets; the holder of a period lock is alone with its
payments. Each item is then decided in memory, in order, seeing what those before it did, and everything is written by a
few statements, however many items there are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from app.audit.models import ObjectType
from app.audit.recording import record
from app.auth.actor import Actor
from app.billing_accounts.ledger.batch import Budgets
from app.billing_accounts.ledger.standing import Line
from app.billing_accounts.models import ExternalType, Kind
from app.clock import utc_now
from app.db import versions
from app.db.base import db
from app.db.fast.prepared import AnyPrepared
from app.db.time_ordered import time_ordered_ids
from app.errors import Conflict, Invalid, NotFound, Reason, ServiceError
from app.work_periods import amounts, queries, states
from app.work_periods.models import BookingStatus, PaymentStatus
from app.work_periods.states import ACTIVE, OPEN

Payment = dict[str, Any]
Item = Mapping[str, Any]
Outcome = Payment | ServiceError

# Of budget lines.
MAX_NAME = 255
# What an item of a change has besides the fields to change.
_NOT_CHANGED = frozenset({"id", "if_match"})
# What entries say of a payment.
_AUDITED = (
    "work_period_id",
    "billing_account_id",
    "challenge_id",
    "member_rate",
    "customer_rate",
    "days",
    "amount",
    "status",
    "status_details",
)
_STAMPS = {PaymentStatus.COMPLETED: "completed_at", PaymentStatus.CANCELLED: "cancelled_at"}


def _each(items: Sequence[Item], act: Callable[[Item], Payment]) -> list[Outcome]:
    """The outcome of every item, in order."""
    outcomes: list[Outcome] = []
    for item in items:
        try:
            outcomes.append(act(item))
        except ServiceError as failure:
            outcomes.append(failure)
    return outcomes


class _Period:
    """A work period with the totals of its active payments."""

    def __init__(self, row: Row[Any]) -> None:
        self.row = row
        self.days_paid: int = row.days_paid
        self.payment_total: Decimal = row.payment_total
        self.open_payments: int = row.open_payments
        self.completed_payments: int = row.completed_payments

    @property
    def days_due(self) -> int:
        """Days that are worked and not paid."""
        return int(self.row.days_worked) - self.days_paid

    def count(self, payment: Payment, sign: int) -> None:
        """Add a payment to the totals, or with -1 take it from them."""
        if payment["status"] in ACTIVE:
            self.days_paid += sign * payment["days"]
            self.payment_total += sign * payment["amount"]
        if payment["status"] in OPEN:
            self.open_payments += sign
        elif payment["status"] == PaymentStatus.COMPLETED:
            self.completed_payments += sign

    def require_open_booking(self) -> None:
        """Raise Conflict when the booking was cancelled."""
        if self.row.booking_status == BookingStatus.CANCELLED:
            raise Conflict("The booking is cancelled and cannot be paid", reason=Reason.BOOKING_CANCELLED)


class Batch:
    """The periods, payments and budgets of one call, and what was decided on them."""

    def __init__(self, actor: Actor, periods: AnyPrepared, **parameters: Any) -> None:
        self._actor = actor
        self._now = utc_now()
        self._periods = {row.id: _Period(row) for row in db.session.execute(periods, parameters)}
        self._payments: dict[str, Payment] = {}
        # By the payment: what it was, and what it became.
        self._before: dict[str, Payment | None] = {}
        self._changed: dict[str, Payment] = {}

    @property
    def account_ids(self) -> set[int]:
        """The billing accounts of the bookings concerned."""
        found = (period.row.billing_account_id for period in self._periods.values())
        return {account_id for account_id in found if account_id is not None}

    def read_payments(self, payment_ids: Sequence[str]) -> set[int]:
        """Read payments of the locked periods; the billing accounts that pay them."""
        rows = db.session.execute(queries.PAYMENTS_TO_CHANGE, {"payment_ids": payment_ids}).mappings()
        self._payments = {row["id"]: dict(row) for row in rows}
        return {payment["billing_account_id"] for payment in self._payments.values()}

    def lock_budgets(self, account_ids: Iterable[int]) -> None:
        """Lock the budgets of the accounts."""
        self.decide_by(Budgets(ExternalType.WORK_PERIOD_PAYMENT, account_ids))

    def decide_by(self, budgets: Budgets) -> None:
        """Decide by these budgets."""
        self._budgets = budgets

    def available(self, account_id: int) -> Decimal:
        """What the account has available for another payment."""
        return self._budgets.available(account_id)

    def create(self, items: Sequence[Item]) -> list[Outcome]:
        """A new payment for each item, or why there is none. Their ids sort in the order of the items."""
        ids = iter(time_ordered_ids(self._now, len(items)))
        return _each(items, lambda item: self._create(item, next(ids)))

    def update(self, items: Sequence[Item]) -> list[Outcome]:
        """The payment with the changes of each item, or why it was not changed."""
        return _each(items, self._update)

    def write(self) -> None:
        """Write every payment and period that changed, and what they hold."""
        changed = list(self._changed.values())
        if not changed:
            return
        columns = {name: [payment[name] for payment in changed] for name in queries.WRITTEN_FIELDS}
        db.session.execute(queries.WRITE_PAYMENTS, columns)
        periods = [self._periods[period_id] for period_id in sorted({payment["work_period_id"] for payment in changed})]
        totals = {name: [getattr(period, name) for period in periods] for name in queries.TOTALS}
        ids = [period.row.id for period in periods]
        db.session.execute(queries.WRITE_PERIODS, {"id": ids, "now": self._now, **totals})
        self._budgets.write()
        for payment in changed:
            before = self._before[payment["id"]]
            record(
                ObjectType.WORK_PERIOD_PAYMENT,
                payment["id"],
                before=None if before is None else {name: before[name] for name in _AUDITED},
                after={name: payment[name] for name in _AUDITED},
            )

    def _create(self, item: Item, payment_id: str) -> Payment:
        period = self._periods.get(item["work_period_id"])
        if period is None:
            raise NotFound(f"Work period {item['work_period_id']} was not found")
        amounts.require_sound(item)
        period.require_open_booking()
        if period.row.billing_account_id is None:
            raise Conflict("The booking has no billing account")
        days, amount = amounts.of_new(item, period.row, period.days_due, self._now.date())
        payment: Payment = dict.fromkeys(queries.WRITTEN_FIELDS) | {
            **{name: getattr(period.row, name) for name in queries.COPIED_FROM_BOOKING},
            "id": payment_id,
            "work_period_id": period.row.id,
            "days": days,
            "amount": amount,
            "status": PaymentStatus.SCHEDULED,
            "version": 1,
            "created_by": self._actor.subject,
            "created_at": self._now,
            "updated_at": self._now,
        }
        return self._accept(period, None, payment)

    def _update(self, item: Item) -> Payment:
        payment = self._payments.get(item["id"])
        if payment is None:
            raise no_payment(item["id"])
        period = self._periods[payment["work_period_id"]]
        versions.require(payment["version"], item.get("if_match"))
        changes = {name: value for name, value in item.items() if name not in _NOT_CHANGED}
        wanted = states.move(self._actor, payment, changes)
        if changes.keys() <= {"status"} and wanted is None:
            return payment
        changed = {**payment, **self._moved_to(wanted), **changes}
        changed |= {"updated_by": self._actor.subject, "updated_at": self._now, "version": payment["version"] + 1}
        if not self._budgets.knows(changed["billing_account_id"]):
            raise Invalid.field("billingAccountId", f"Billing account {changed['billing_account_id']} does not exist.")
        self._settle(period, payment, changed, set(changes))
        return self._accept(period, payment, changed)

    def _moved_to(self, status: PaymentStatus | None) -> Payment:
        """What a move to the status sets, apart from what was sent with it."""
        if status is None:
            return {}
        values: Payment = {"moved_by": self._actor.identity}
        if status in OPEN:
            # A new attempt: how the last one went is not how this one goes.
            values["status_details"] = None
        elif status in _STAMPS:
            values[_STAMPS[status]] = self._now
        return values

    def _settle(self, period: _Period, payment: Payment, changed: Payment, named: set[str]) -> None:
        """Check the days of a changed payment, and work out its amount. Raises Invalid or Conflict."""
        was_active = payment["status"] in ACTIVE
        becomes_active = changed["status"] in ACTIVE and not was_active
        if becomes_active:
            period.require_open_booking()
        if becomes_active or "days" in named:
            left = period.days_due + (payment["days"] if was_active else 0)
            amounts.require_days_left(changed["days"], left, chosen="days" in named)
        amounts.settle(payment, changed, named, period.row.start_date, self._now.date())

    def _accept(self, period: _Period, before: Payment | None, after: Payment) -> Payment:
        name = _name(after, period.row.start_date)
        self._budgets.move(after["id"], None if before is None else _line(before), _line(after), name)
        if before is not None:
            period.count(before, -1)
        period.count(after, 1)
        self._before.setdefault(after["id"], before)
        self._payments[after["id"]] = self._changed[after["id"]] = after
        return after


def no_payment(payment_id: str) -> NotFound:
    """The failure that says there is no such payment."""
    return NotFound(f"Work period payment {payment_id} was not found")


def _name(payment: Payment, week: date) -> str:
    """What a payment is called among the lines of its budget: person and week."""
    of_week = f", week of {week}"
    return f"{(payment['user_handle'] or payment['user_id'])[: MAX_NAME - len(of_week)]}{of_week}"


def _line(payment: Payment) -> Line | None:
    """What a payment locks or has consumed of its budget."""
    if payment["status"] not in ACTIVE:
        return None
    kind = Kind.LOCKED if payment["status"] in OPEN else Kind.CONSUMED
    return Line(payment["billing_account_id"], kind, payment["amount"])
