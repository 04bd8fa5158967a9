"""Payments for work periods: created and changed one by one or by the hundred, always set-wise.

The periods concerned are locked first, in id order, then the budgets; whoever holds a period is alone with its
payments. Each item is then decided in memory, in order, seeing what those before it did, and everything is written by a
few statements, however many items there are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import uuid4

from sqlalchemy import Row, TextClause

from app.auth.actor import Actor
from app.auth.permissions import Role, scopes
from app.billing_accounts.holds import Hold, Holds
from app.billing_accounts.models import ExternalType, Kind
from app.clock import utc_now
from app.db.base import db
from app.db.paging import Page
from app.errors import Conflict, Forbidden, Invalid, NotFound, ServiceError
from app.money import MAX_AMOUNT, round_cents
from app.work_periods import queries, transitions
from app.work_periods.models import PaymentStatus
from app.work_periods.transitions import ACTIVE, OPEN

RESOURCE = "taas-workPeriodPayments"
UPDATE_SCOPES = scopes(RESOURCE, "update")
PEOPLE = (Role.ADMINISTRATOR, Role.BOOKING_MANAGER)

DAYS_IN_WORK_WEEK = 5
_AMOUNTS = frozenset({"member_rate", "days", "amount", "billing_account_id"})

Payment = dict[str, Any]
Item = Mapping[str, Any]
Outcome = Payment | ServiceError


def search(arguments: Mapping[str, Any]) -> Page:
    """One page of the payments that match."""
    return queries.PAYMENTS.page(arguments)


def get(payment_id: str) -> Row[Any]:
    """The payment. Raises NotFound."""
    payment = db.session.execute(queries.PAYMENT, {"payment_id": payment_id}).one_or_none()
    if payment is None:
        raise _no_payment(payment_id)
    return payment


def create_many(actor: Actor, items: Sequence[Item]) -> list[Outcome]:
    """A payment for each item (`work_period_id`, `days`, `amount`), or why there is none."""
    book = _Book(queries.LOCK_PERIODS, period_ids=sorted({item["work_period_id"] for item in items}))
    book.hold(period.billing_account_id for period in book.rows if period.billing_account_id is not None)
    outcomes = _each(items, lambda item: book.create(actor, item))
    book.write()
    return outcomes


def update_many(actor: Actor, items: Sequence[Item]) -> list[Outcome]:
    """The changed payment for each item (`id` and the fields to change), or why it was not changed."""
    payment_ids = sorted({item["id"] for item in items})
    book = _Book(queries.LOCK_PERIODS_OF_PAYMENTS, payment_ids=payment_ids)
    book.read_payments(payment_ids)
    wanted = (item["billing_account_id"] for item in items if "billing_account_id" in item)
    book.hold([*wanted, *(payment["billing_account_id"] for payment in book.payments.values())])
    outcomes = _each(items, lambda item: book.update(actor, item))
    book.write()
    return outcomes


def _each(items: Sequence[Item], act: Callable[[Item], Payment]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for item in items:
        try:
            outcomes.append(act(item))
        except ServiceError as failure:
            outcomes.append(failure)
    return outcomes


class _Period:
    """A locked work period with the totals of its active payments."""

    def __init__(self, row: Row[Any]) -> None:
        self.row = row
        self.days_paid: int = row.days_paid
        self.payment_total: Decimal = row.payment_total
        self.open_payments: int = row.open_payments
        self.completed_payments: int = row.completed_payments

    def count(self, payment: Payment, sign: int) -> None:
        """Add a payment to the totals, or with -1 take it from them."""
        if payment["status"] in ACTIVE:
            self.days_paid += sign * payment["days"]
            self.payment_total += sign * payment["amount"]
        if payment["status"] in OPEN:
            self.open_payments += sign
        elif payment["status"] == PaymentStatus.COMPLETED:
            self.completed_payments += sign


class _Book:
    """The periods, payments and budgets of one call, and what was decided on them."""

    def __init__(self, lock_periods: TextClause, **parameters: Any) -> None:
        self.rows = db.session.execute(lock_periods, parameters).all()
        self.payments: dict[str, Payment] = {}
        self._periods = {row.id: _Period(row) for row in self.rows}
        self._changed: dict[str, Payment] = {}
        self._now = utc_now()

    def read_payments(self, payment_ids: Sequence[str]) -> None:
        """Read payments of the locked periods."""
        rows = db.session.execute(queries.PAYMENTS_TO_CHANGE, {"payment_ids": payment_ids}).mappings()
        self.payments = {row["id"]: dict(row) for row in rows}

    def hold(self, account_ids: Iterable[int]) -> None:
        """Lock the budgets of the accounts."""
        self._holds = Holds(ExternalType.WORK_PERIOD_PAYMENT, account_ids)

    def create(self, actor: Actor, item: Item) -> Payment:
        """A new payment."""
        period = self._periods.get(item["work_period_id"])
        if period is None:
            raise NotFound(f"Work period {item['work_period_id']} was not found")
        days, amount = _days_and_amount(item, period, self._now.date())
        payment: Payment = {
            "id": str(uuid4()),
            "work_period_id": period.row.id,
            "challenge_id": None,
            "member_rate": period.row.member_rate,
            "customer_rate": period.row.customer_rate,
            "days": days,
            "amount": amount,
            "status": PaymentStatus.SCHEDULED,
            "status_details": None,
            "billing_account_id": period.row.billing_account_id,
            "created_by": actor.subject,
            "updated_by": None,
            "created_at": self._now,
            "updated_at": self._now,
        }
        return self._accept(period, None, payment)

    def update(self, actor: Actor, item: Item) -> Payment:
        """The payment with the item's changes."""
        payment = self.payments.get(item["id"])
        if payment is None:
            raise _no_payment(item["id"])
        period = self._periods[payment["work_period_id"]]
        changes = {name: value for name, value in item.items() if name != "id"}
        _require_allowed(actor, payment, changes)
        changed = {**payment, **changes, "updated_by": actor.subject, "updated_at": self._now}
        if not self._holds.knows(changed["billing_account_id"]):
            raise Invalid.field("billingAccountId", f"Billing account {changed['billing_account_id']} does not exist.")
        _settle_days(period, payment, changed, changes)
        _settle_amount(payment, changed, changes)
        return self._accept(period, payment, changed)

    def write(self) -> None:
        """Write every payment and period that changed, and what they hold."""
        changed = list(self._changed.values())
        if not changed:
            return
        columns = {name: [payment[name] for payment in changed] for name in queries.WRITTEN_FIELDS}
        db.session.execute(queries.WRITE_PAYMENTS, columns)
        periods = [self._periods[period_id] for period_id in sorted({each["work_period_id"] for each in changed})]
        totals = ("days_paid", "payment_total", "open_payments", "completed_payments")
        values = {name: [getattr(period, name) for period in periods] for name in totals}
        ids = [period.row.id for period in periods]
        db.session.execute(queries.WRITE_PERIODS, {"ids": ids, "now": self._now, **values})
        self._holds.write()

    def _accept(self, period: _Period, before: Payment | None, after: Payment) -> Payment:
        self._holds.move(after["id"], None if before is None else _hold(before), _hold(after))
        if before is not None:
            period.count(before, -1)
        period.count(after, 1)
        self.payments[after["id"]] = self._changed[after["id"]] = after
        return after


def _no_payment(payment_id: str) -> NotFound:
    return NotFound(f"Work period payment {payment_id} was not found")


def _hold(payment: Payment) -> Hold | None:
    """What a payment holds on its budget."""
    if payment["status"] not in ACTIVE:
        return None
    kind = Kind.LOCKED if payment["status"] in OPEN else Kind.CONSUMED
    return Hold(payment["billing_account_id"], kind, payment["amount"])


def _days_and_amount(item: Item, period: _Period, today: Any) -> tuple[int, Decimal]:
    """The days a new payment is for and its amount. Raises Invalid or Conflict."""
    row, due = period.row, period.row.days_worked - period.days_paid
    days = item.get("days")
    if "amount" in item and days != 0:
        raise Invalid.field("amount", "Goes with days 0 only: otherwise it follows from rate and days.")
    if days == 0 and "amount" not in item:
        raise Invalid.field("amount", "Is required with days 0.")
    if row.start_date > today:
        raise Invalid.field("workPeriodId", f"The work period starts on {row.start_date}.")
    if row.billing_account_id is None:
        raise Conflict("The booking has no billing account")
    if not row.member_rate:
        raise Conflict("The booking has no positive member rate")
    if days == 0:
        return 0, item["amount"]
    if due == 0:
        raise Conflict("No days of this work period are due")
    if days is not None and days > due:
        raise Invalid.field("days", f"Only {due} days of this work period are due.")
    days = due if days is None else days
    return days, _amount_for(row.member_rate, days)


def _amount_for(member_rate: Decimal, days: int) -> Decimal:
    amount = round_cents(member_rate * days / DAYS_IN_WORK_WEEK)
    if not 0 < amount <= MAX_AMOUNT:
        raise Invalid.field("days", f"The amount would be {amount}.")
    return amount


def _require_allowed(actor: Actor, payment: Payment, changes: Mapping[str, Any]) -> None:
    """Raise Forbidden or Conflict unless the caller may make these changes to the payment as it stands."""
    may_update = actor.has_role(*PEOPLE) or actor.has_scope(UPDATE_SCOPES)
    if not may_update and changes.keys() - {"status", "status_details"}:
        raise Forbidden("Your scopes allow to move payments through processing only")
    if "status_details" in changes and not actor.has_scope([transitions.PROCESS_SCOPE]):
        raise Forbidden("Only processing says how a payment went")
    present = PaymentStatus(payment["status"])
    if present == PaymentStatus.IN_PROGRESS and changes.keys() & _AMOUNTS:
        raise Conflict("The payment is in progress: its amount stands")
    if "status" in changes:
        transitions.require(actor, present, PaymentStatus(changes["status"]), may_update=may_update)


def _settle_days(period: _Period, payment: Payment, changed: Payment, changes: Mapping[str, Any]) -> None:
    """Raise Invalid or Conflict when more days would be paid than were worked."""
    becomes_active = changed["status"] in ACTIVE and payment["status"] not in ACTIVE
    if "days" not in changes and not becomes_active:
        return
    others = period.days_paid - (payment["days"] if payment["status"] in ACTIVE else 0)
    left = period.row.days_worked - others
    if changed["days"] > left:
        if "days" in changes:
            raise Invalid.field("days", f"Only {left} days of this work period are left.")
        raise Conflict(f"Only {left} days of this work period are left")


def _settle_amount(payment: Payment, changed: Payment, changes: Mapping[str, Any]) -> None:
    """Work out the amount anew where days or rate changed, unless one was agreed on. Raises Invalid."""
    if "amount" in changes:
        return
    if changed["days"] == 0:
        if payment["days"] > 0:
            raise Invalid.field("amount", "Is required with days 0.")
    elif changes.keys() & {"days", "member_rate"}:
        changed["amount"] = _amount_for(changed["member_rate"], changed["days"])
