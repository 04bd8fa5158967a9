"""Random sequences of operations against a plain model kept beside them."""

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.caller import Caller, Open, data
from tests.factories.bookings import PAYMENTS, create_booking, periods_of
from tests.work_periods.conftest import budget, summary

ACTIVE, OPEN_STATUSES = {"scheduled", "in-progress", "completed"}, {"scheduled", "in-progress"}
_PEOPLE = {
    ("scheduled", "cancelled"),
    ("completed", "cancelled"),
    ("failed", "cancelled"),
    ("failed", "scheduled"),
    ("in-progress", "failed"),
}
MOVES = {
    # An administrator.
    "people": _PEOPLE,
    "processing": {
        ("scheduled", "in-progress"),
        ("in-progress", "completed"),
        ("in-progress", "failed"),
        ("in-progress", "scheduled"),
    },
}
RATE, WORKED, BUDGET = Decimal("333.33"), 5, Decimal(1500)


@dataclass
class Payment:
    period: int
    days: int
    amount: Decimal
    status: str = "scheduled"
    moved_by: str = ""


@dataclass
class Model:
    """Two work periods of one booking on one budget."""

    payments: list[Payment] = field(default_factory=list)

    def paid(self, period: int, *, but: Payment | None = None) -> int:
        return sum(p.days for p in self.payments if p.period == period and p.status in ACTIVE and p is not but)

    def reserved(self, *, but: Payment | None = None) -> Decimal:
        return sum((p.amount for p in self.payments if p.status in ACTIVE and p is not but), Decimal(0))

    def create(self, period: int, days: int | None, amount: int | None) -> bool:
        due = WORKED - self.paid(period)
        if days == 0:
            if amount is None:
                return False
            total = Decimal(amount)
        else:
            days = due if days is None else days
            if amount is not None or not 0 < days <= due:
                return False
            total = price(days)
        if self.reserved() + total > BUDGET:
            return False
        self.payments.append(Payment(period, days, total))
        return True

    def change_days(self, payment: Payment, days: int) -> bool:
        left = WORKED - self.paid(payment.period, but=payment)
        if payment.status not in {"scheduled", "completed"} or (payment.status == "completed" and days != payment.days):
            return False
        if days == payment.days:
            # An extra payment stays one, and an amount that was agreed on stands.
            return True
        if not 0 < days <= left:
            return False
        if not self.affords(payment, price(days), payment.status):
            return False
        payment.days, payment.amount = days, price(days)
        return True

    def correct(self, payment: Payment, amount: Decimal) -> bool:
        if payment.status not in {"scheduled", "completed"} or not self.affords(payment, amount, payment.status):
            return False
        payment.amount = amount
        return True

    def move(self, payment: Payment, who: str, status: str) -> bool:
        if payment.status == status:
            return payment.moved_by == who
        if (payment.status, status) not in MOVES[who]:
            return False
        retried = payment.status == "failed" and status == "scheduled"
        if retried and payment.days > WORKED - self.paid(payment.period, but=payment):
            return False
        if not self.affords(payment, payment.amount, status):
            return False
        payment.status, payment.moved_by = status, who
        return True

    def affords(self, payment: Payment, amount: Decimal, status: str) -> bool:
        held = payment.amount if payment.status in ACTIVE else Decimal(0)
        wanted = amount if status in ACTIVE else Decimal(0)
        return wanted <= held or self.reserved(but=payment) + wanted <= BUDGET


def price(days: int) -> Decimal:
    return (RATE * days / 5).quantize(Decimal("0.01"), ROUND_HALF_UP)


PERIOD, INDEX = st.integers(0, 1), st.integers(0, 7)
ACTIONS = st.one_of(
    st.tuples(st.just("create"), PERIOD, st.sampled_from([None, 0, 1, 2, 3, 6]), st.sampled_from([None, None, 7, 600])),
    st.tuples(st.just("days"), INDEX, st.integers(0, 6)),
    st.tuples(st.just("amount"), INDEX, st.sampled_from(["0.01", "333.34", "700", "1500"])),
    st.tuples(
        st.just("move"),
        INDEX,
        st.sampled_from(["people", "processing"]),
        st.sampled_from(["scheduled", "in-progress", "completed", "failed", "cancelled"]),
    ),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(ACTIONS, st.booleans()), min_size=5, max_size=25))
def test_totals_budget_and_payments_follow_the_model(
    admin: Caller, machine: Caller, open_account: Open, sequence: list[tuple[tuple[Any, ...], bool]]
) -> None:
    account = open_account(budget=int(BUDGET))
    booking = create_booking(admin, account, endDate="2025-03-14", memberRate=RATE)
    periods = periods_of(admin, booking["id"])
    model, ids = Model(), []
    for action, in_bulk in sequence:
        if action[0] == "create":
            _, period, days, amount = action
            body = {"workPeriodId": periods[period], "days": days, "amount": amount}
            item = {name: value for name, value in body.items() if value is not None}
            payment = send(admin, "POST", "", item, in_bulk=in_bulk)
            assert (payment is not None) == model.create(period, days, amount), action
            ids += [] if payment is None else [payment["id"]]
            continue
        if action[1] >= len(ids):
            continue
        known = model.payments[action[1]]
        if action[0] == "days":
            expected = model.change_days(known, action[2])
            caller, changes = admin, {"days": action[2]}
        elif action[0] == "amount":
            expected = model.correct(known, Decimal(action[2]))
            caller, changes = admin, {"amount": action[2]}
        else:
            expected = model.move(known, action[2], action[3])
            caller, changes = {"people": admin, "processing": machine}[action[2]], {"status": action[3]}
        payment = send(caller, "PATCH", ids[action[1]], changes, in_bulk=in_bulk)
        assert (payment is not None) == expected, (action, known)
    compare(admin, model, ids, periods, account)


def send(caller: Caller, method: str, payment_id: str, values: Any, *, in_bulk: bool) -> Any:
    """The payment, or None when it was refused."""
    if in_bulk:
        item = {"id": payment_id, **values} if payment_id else values
        (outcome,) = data(caller.call(method, f"{PAYMENTS}/bulk", [item]))
        return None if "error" in outcome else outcome
    answer = caller.call(method, f"{PAYMENTS}/{payment_id}", values)
    assert answer.status_code < 500
    return data(answer, answer.status_code) if answer.status_code < 400 else None


def compare(caller: Caller, model: Model, ids: list[str], periods: list[str], account: int) -> None:
    for payment_id, known in zip(ids, model.payments, strict=True):
        payment = data(caller.get(f"{PAYMENTS}/{payment_id}"))
        assert (payment["days"], payment["amount"], payment["status"]) == (known.days, known.amount, known.status)
    for number, period_id in enumerate(periods):
        mine = [payment for payment in model.payments if payment.period == number and payment.status in ACTIVE]
        days, total, _ = summary(caller, period_id)
        assert (days, total) == (sum(p.days for p in mine), sum(p.amount for p in mine))
    locked = sum(payment.amount for payment in model.payments if payment.status in OPEN_STATUSES)
    consumed = sum(payment.amount for payment in model.payments if payment.status == "completed")
    assert budget(caller, account) == (locked, consumed)
