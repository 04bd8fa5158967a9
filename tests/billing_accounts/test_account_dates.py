"""Accounts before their start and after their end."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app.clock import utc_now
from tests.billing_accounts.conftest import totals
from tests.caller import ACCOUNTS, Caller, Open, data, error
from tests.factories.bookings import PAYMENTS, create_booking, pay, periods_of

PAST, FUTURE = (-2, -1), (1, 2)


def period(days: tuple[int | None, int | None]) -> dict[str, str | None]:
    """Start and end that many days from now."""
    moments = [None if each is None else (utc_now() + timedelta(days=each)).isoformat() for each in days]
    return dict(zip(("startDate", "endDate"), moments, strict=True))


@pytest.fixture
def enforcing(app_with: Callable[..., Flask], token: Callable[..., str]) -> Caller:
    """An administrator calling the service where dates are enforced."""
    return Caller(app_with(account_dates_enforced=True), token())


@pytest.fixture
def path(admin: Caller, open_account: Open) -> str:
    """An account with 20 locked for c1 and 20 consumed for c2."""
    path = f"{ACCOUNTS}/{open_account()}"
    data(admin.patch(f"{path}/lock-amount", {"challengeId": "c1", "amount": 20}))
    data(admin.patch(f"{path}/consume-amount", {"challengeId": "c2", "amount": 20}))
    return path


def raises(path: str) -> list[tuple[str, str, Any]]:
    """Calls that would raise the reserved total of the account."""
    charge = {"externalType": "ENGAGEMENT", "externalId": "e1", "amount": 1}
    batch = {"consumes": [{"billingAccountId": int(path.rpartition("/")[2]), "externalId": "e1", "amount": 1}]}
    return [
        ("PATCH", f"{path}/lock-amount", {"challengeId": "c3", "amount": 1}),
        ("PATCH", f"{path}/lock-amount", {"challengeId": "c1", "amount": 21}),
        ("PATCH", f"{path}/consume-amount", {"challengeId": "c1", "amount": 21}),
        ("PATCH", f"{path}/consume-amount", charge),
        ("POST", f"{ACCOUNTS}/consume-amounts", batch),
    ]


@pytest.mark.parametrize("days", [PAST, FUTURE, (None, -1), (1, None)])
def test_outside_its_dates_an_account_refuses_only_what_raises_it(
    admin: Caller, enforcing: Caller, path: str, days: Any
) -> None:
    data(admin.patch(path, period(days)))
    for call in raises(path):
        error(enforcing.call(*call), 409, "account_not_current")
    assert totals(admin, path) == (20, 20)
    data(enforcing.patch(f"{path}/lock-amount", {"challengeId": "c1", "amount": 20}))
    data(enforcing.patch(f"{path}/lock-amount", {"challengeId": "c1", "amount": 15}))
    data(enforcing.patch(f"{path}/consume-amount", {"challengeId": "c1", "amount": 15}))
    data(enforcing.patch(f"{path}/consume-amount", {"challengeId": "c2", "amount": 10}))
    assert data(enforcing.patch(f"{path}/lock-amount", {"challengeId": "c4", "amount": 0})) == {"unlocked": True}
    assert totals(admin, path) == (0, 25)


@pytest.mark.parametrize("days", [(None, None), (-1, 1), (-1, None), (None, 1)])
def test_inside_its_dates_it_takes_everything(admin: Caller, enforcing: Caller, path: str, days: Any) -> None:
    data(admin.patch(path, period(days)))
    for call in raises(path):
        data(enforcing.call(*call))


@pytest.mark.parametrize("days", [PAST, FUTURE])
def test_without_the_setting_only_the_status_counts(admin: Caller, path: str, days: Any) -> None:
    data(admin.patch(path, period(days)))
    for call in raises(path):
        data(admin.call(*call))


def test_an_inactive_account_is_told_so_first_and_dates_go_before_funds(
    admin: Caller, enforcing: Caller, path: str
) -> None:
    data(admin.patch(path, period(PAST)))
    calls = [(method, address, {**body, "amount": 500}) for method, address, body in raises(path)[:4]]
    for call in calls:
        error(enforcing.call(*call), 409, "account_not_current")
    data(admin.patch(path, {"status": "INACTIVE"}))
    for call in [*calls, raises(path)[4]]:
        error(enforcing.call(*call), 409, "account_inactive")


def test_payments_go_by_the_dates_too(admin: Caller, enforcing: Caller, open_account: Open) -> None:
    account = open_account(budget=1000)
    booking = create_booking(admin, account, endDate="2025-03-07", memberRate=50)
    (week,) = periods_of(admin, booking["id"])
    payment = pay(admin, week, days=2)
    data(admin.patch(f"{ACCOUNTS}/{account}", period(PAST)))
    error(enforcing.post(PAYMENTS, {"workPeriodId": week, "days": 1}), 409, "account_not_current")
    (item,) = data(enforcing.post(f"{PAYMENTS}/bulk", [{"workPeriodId": week, "days": 1}]))
    assert (item["error"]["code"], item["error"]["reason"]) == (409, "account_not_current")
    error(enforcing.patch(f"{PAYMENTS}/{payment['id']}", {"days": 3}), 409, "account_not_current")
    data(enforcing.patch(f"{PAYMENTS}/{payment['id']}", {"status": "cancelled"}))
    pay(admin, week, days=1)


def test_a_refused_lock_still_takes_one_round_trip(admin: Caller, enforcing: Caller, path: str, messages: Any) -> None:
    data(admin.patch(path, period(PAST)))
    lock = f"{path}/lock-amount", {"challengeId": "c3", "amount": 1}
    error(enforcing.patch(*lock), 409, "account_not_current")
    messages.clear()
    error(enforcing.patch(*lock), 409, "account_not_current")
    assert len(messages) == 1, messages
