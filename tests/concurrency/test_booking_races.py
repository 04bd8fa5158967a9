"""A booking changed while one of its weeks is paid: whichever has the week first decides."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from flask import Flask

from app.billing_accounts import audit as budgets
from app.work_periods import audit
from tests.caller import Caller, Open, data, error
from tests.concurrency.callers import at_once
from tests.concurrency.locks import holding
from tests.factories.bookings import create_booking, periods_of

BOOKINGS, PERIODS, PAYMENTS = "/v6/resource-bookings", "/v6/work-periods", "/v6/work-period-payments"
CHANGES: dict[str, dict[str, Any]] = {
    "cancelled": {"status": "cancelled"},
    "another person": {"userId": "8", "userHandle": "bob"},
    "without the week": {"startDate": "2024-01-08"},
}
PAID_BY: dict[str, Callable[[str], tuple[str, Any]]] = {
    "one payment": lambda period: (PAYMENTS, {"workPeriodId": period}),
    "bulk": lambda period: (f"{PAYMENTS}/bulk", [{"workPeriodId": period, "days": 0, "amount": 5}]),
    "query": lambda _: (f"{PAYMENTS}/query", {"query": {"workPeriods.startDate": "2023-12-31"}}),
}


@pytest.fixture(autouse=True)
def _sound_books(app: Flask) -> Iterator[None]:
    yield
    with app.app_context():
        assert list(budgets.differences()) == []
        assert list(audit.differences()) == []


@pytest.fixture
def booking(admin: Caller, open_account: Open) -> str:
    """A booking of four weeks."""
    dates = {"startDate": "2024-01-01", "endDate": "2024-01-26"}
    account = open_account(budget=10_000)
    return str(create_booking(admin, account, projectId=1, userId="7", memberRate=5, **dates)["id"])


@pytest.fixture
def first_week(admin: Caller, booking: str) -> str:
    return periods_of(admin, booking)[0]


def payments(caller: Caller) -> list[Any]:
    return list(data(caller.get(PAYMENTS))["results"])


@pytest.mark.parametrize("way", PAID_BY)
@pytest.mark.parametrize("change", CHANGES)
def test_a_payment_that_waited_sees_the_change(
    app: Flask,
    admin: Caller,
    booking: str,
    first_week: str,
    until_waiting: Callable[[int], None],
    change: str,
    way: str,
) -> None:
    path, body = PAID_BY[way](first_week)
    with ThreadPoolExecutor(2) as pool:
        with holding(app, "SELECT FROM work_periods FOR UPDATE"):
            changing = pool.submit(admin.patch, f"{BOOKINGS}/{booking}", CHANGES[change])
            until_waiting(1)
            paying = pool.submit(admin.post, path, body)
            until_waiting(2)
        data(changing.result())
        answer = paying.result()
    assert answer.status_code < 500
    made = payments(admin)
    if change == "another person":
        assert [(payment["userId"], payment["userHandle"]) for payment in made] == [("8", "bob")]
    else:
        assert made == []
    if way == "one payment" and change == "cancelled":
        error(answer, 409, "booking_cancelled")
    if way == "one payment" and change == "without the week":
        error(answer, 404, "not_found")


@pytest.mark.parametrize("way", PAID_BY)
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_waited_sees_the_payment(
    app: Flask,
    admin: Caller,
    booking: str,
    first_week: str,
    until_waiting: Callable[[int], None],
    change: str,
    way: str,
) -> None:
    before = data(admin.get(f"{BOOKINGS}/{booking}"))
    path, body = PAID_BY[way](first_week)
    with ThreadPoolExecutor(2) as pool:
        with holding(app, "SELECT FROM work_periods FOR UPDATE"):
            paying = pool.submit(admin.post, path, body)
            until_waiting(1)
            changing = pool.submit(admin.patch, f"{BOOKINGS}/{booking}", CHANGES[change])
            until_waiting(2)
        assert paying.result().status_code < 300
        error(changing.result(), 409, "conflict")
    assert [payment["userId"] for payment in payments(admin)] == ["7"]
    assert data(admin.get(f"{BOOKINGS}/{booking}")) == before


def test_many_that_pay_and_cancel_wait_in_no_circle(admin: Caller, open_account: Open) -> None:
    account = open_account(budget=100_000)
    dates = {"startDate": "2024-01-01", "endDate": "2024-01-26"}
    bookings = [create_booking(admin, account, projectId=1, memberRate=5, **dates)["id"] for _ in range(6)]
    periods = [period["id"] for period in data(admin.get(f"{PERIODS}?perPage=100"))["results"]]
    calls: list[Callable[[], Any]] = []
    for booking in bookings:
        calls.append(lambda: admin.post(f"{PAYMENTS}/bulk", [{"workPeriodId": each, "days": 1} for each in periods]))
        calls.append(partial(admin.patch, f"{BOOKINGS}/{booking}", {"status": "cancelled"}))
        calls.append(lambda: admin.post(f"{PAYMENTS}/query", {"query": {"projectId": 1}}))
    answers = at_once(calls)
    assert {answer.status_code for answer in answers} <= {200, 409}
    cancelled = {b["id"] for b in data(admin.get(f"{BOOKINGS}?status=cancelled"))["results"]}
    paid = {payment["resourceBookingId"] for payment in data(admin.get(f"{PAYMENTS}?perPage=1000"))["results"]}
    assert not cancelled & paid
