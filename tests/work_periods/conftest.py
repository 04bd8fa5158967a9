from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from app.billing_accounts import audit as budgets
from app.work_periods import audit
from tests.caller import Caller, data

BOOKINGS, PERIODS, PAYMENTS = "/v6/resource-bookings", "/v6/work-periods", "/v6/work-period-payments"
# Three whole weeks: Monday 2025-03-03 to Friday 2025-03-21.
BOOKING = {
    "projectId": 17,
    "userId": "40051399",
    "userHandle": "ann",
    "startDate": "2025-03-03",
    "endDate": "2025-03-21",
    "memberRate": 500,
    "customerRate": 700,
    "rateType": "weekly",
}
UNKNOWN = "00000000-0000-4000-8000-000000000000"
Book = Callable[..., list[str]]
# The moves of processing that lead to a status.
WAYS = {
    "scheduled": [],
    "in-progress": ["in-progress"],
    "completed": ["in-progress", "completed"],
    "failed": ["in-progress", "failed"],
}


@pytest.fixture
def account(open_account: Callable[..., int]) -> int:
    """A billing account with a budget of 10,000."""
    return open_account(budget=10_000)


@pytest.fixture
def book(admin: Caller, account: int) -> Book:
    """Makes a booking and yields the ids of its work periods, first week first: `book(memberRate=100)`."""

    def make(**values: Any) -> list[str]:
        booking = data(admin.post(BOOKINGS, {**BOOKING, "billingAccountId": account, **values}), 201)
        return periods_of(admin, booking["id"])

    return make


@pytest.fixture
def machine(as_caller: Any) -> Caller:
    """What moves payments through processing."""
    made: Caller = as_caller(scopes=("process:taas-workPeriodPayments",), user="processor")
    return made


@pytest.fixture(autouse=True)
def _sound_books(app: Flask) -> Iterator[None]:
    """Whatever happened, every total equals its rows."""
    yield
    with app.app_context():
        assert list(budgets.differences()) == []
        assert list(audit.differences()) == []


def periods_of(caller: Caller, booking_id: str) -> list[str]:
    found = data(caller.get(f"{PERIODS}?resourceBookingId={booking_id}&sortBy=startDate&perPage=1000"))
    return [period["id"] for period in found["results"]]


def pay(caller: Caller, period_id: str, **values: Any) -> Any:
    return data(caller.post(PAYMENTS, {"workPeriodId": period_id, **values}), 201)


def move(caller: Caller, payment: Any, *statuses: str) -> Any:
    for status in statuses:
        payment = data(caller.patch(f"{PAYMENTS}/{payment['id']}", {"status": status}))
    return payment


def summary(caller: Caller, period_id: str) -> tuple[int, Any, str]:
    """Days paid, payment total and payment status."""
    period = data(caller.get(f"{PERIODS}/{period_id}"))
    return period["daysPaid"], period["paymentTotal"], period["paymentStatus"]


def budget(caller: Caller, account: int) -> tuple[Any, Any]:
    """What is locked and consumed."""
    found = data(caller.get(f"/v6/billing-accounts/{account}"))
    return found["lockedBudget"], found["consumedBudget"]


def payment_in(status: str, admin: Caller, machine: Caller, period_id: str) -> Any:
    payment = pay(admin, period_id)
    return move(admin, payment, "cancelled") if status == "cancelled" else move(machine, payment, *WAYS[status])
