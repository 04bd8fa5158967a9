from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from app.billing_accounts import audit as budgets
from app.work_periods import audit
from tests.caller import Caller, data
from tests.factories.bookings import PERIODS, create_booking, move, pay, periods_of

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
        return periods_of(admin, create_booking(admin, account, **values)["id"])

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
