"""Bulk calls for payments at the same time, on the same budgets and periods."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.billing_accounts import audit as budgets
from app.work_periods import audit
from tests.caller import Caller, Open, data
from tests.concurrency.callers import THREADS, at_once

BOOKINGS, PERIODS, PAYMENTS = "/v6/resource-bookings", "/v6/work-periods", "/v6/work-period-payments"


@pytest.fixture(autouse=True)
def _sound_books(app: Flask) -> Iterator[None]:
    yield
    with app.app_context():
        assert list(budgets.differences()) == []
        assert list(audit.differences()) == []


def book(caller: Caller, account: int, weeks: int) -> list[str]:
    """The work periods of a new booking that pays 5 for each week."""
    last = {4: "2024-01-26", 16: "2024-04-19"}[weeks]
    dates = {"startDate": "2024-01-01", "endDate": last}
    booking = {"projectId": 1, "userId": "7", "rateType": "weekly", "memberRate": 5, "billingAccountId": account}
    made = data(caller.post(BOOKINGS, {**booking, **dates}), 201)
    found = data(caller.get(f"{PERIODS}?resourceBookingId={made['id']}&perPage=100"))["results"]
    assert len(found) == weeks
    return [period["id"] for period in found]


def paid(answers: list[TestResponse]) -> int:
    return sum("error" not in item for answer in answers for item in data(answer))


def test_many_bulk_calls_pay_exactly_what_the_budget_allows(admin: Caller, open_account: Open) -> None:
    account = open_account(budget=5 * 100 + 3)
    periods = [period for _ in range(16) for period in book(admin, account, 16)]
    chance = random.Random(1)
    calls: list[Callable[[], Any]] = []
    for _ in range(64):
        items = [{"workPeriodId": period} for period in chance.sample(periods, 12)]
        calls.append(lambda items=items: admin.post(f"{PAYMENTS}/bulk", items))
    answers = at_once(calls)
    assert paid(answers) == 100
    assert data(admin.get(f"/v6/billing-accounts/{account}"))["lockedBudget"] == 500


def test_days_are_paid_once_whoever_asks(admin: Caller, open_account: Open) -> None:
    account = open_account(budget=10_000)
    periods = book(admin, account, 16)
    query = {"query": {"projectId": 1}}
    calls: list[Callable[[], Any]] = [lambda: admin.post(f"{PAYMENTS}/query", query)] * 8
    answers = [data(answer) for answer in at_once(calls)]
    assert sum(answer["totalSuccess"] for answer in answers) == len(periods)
    assert sum(answer["totalError"] for answer in answers) == 0
    assert data(admin.get(f"/v6/billing-accounts/{account}"))["lockedBudget"] == 5 * len(periods)


def test_calls_over_the_same_accounts_wait_in_no_circle(admin: Caller, open_account: Open) -> None:
    """Each call has periods of its own, so that budgets are all that calls can wait for."""
    accounts = [open_account(budget=2000) for _ in range(4)]
    chance = random.Random(2)
    calls: list[Callable[[], Any]] = []
    for _ in range(THREADS):
        periods = [book(admin, account, 4)[0] for account in accounts]
        extras = [{"workPeriodId": each, "days": 0, "amount": 1} for each in periods]
        payments = data(admin.post(f"{PAYMENTS}/bulk", extras))
        for _ in range(6):
            moves = [{"id": each["id"], "billingAccountId": chance.choice(accounts)} for each in payments]
            consumes = [{"billingAccountId": each, "externalId": "e", "amount": 1} for each in accounts]
            chance.shuffle(consumes)
            calls.append(lambda extras=extras: admin.post(f"{PAYMENTS}/bulk", extras))
            calls.append(lambda moves=moves: admin.patch(f"{PAYMENTS}/bulk", moves))
            calls.append(
                lambda consumes=consumes: admin.post("/v6/billing-accounts/consume-amounts", {"consumes": consumes})
            )
    chance.shuffle(calls)
    assert "error" not in str([data(answer) for answer in at_once(calls)])
