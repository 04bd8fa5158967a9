"""Bulk calls for payments at the same time, on the same budgets and periods."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.billing_accounts import audit as budgets
from app.work_periods import audit
from tests.caller import Caller, Open, data
from tests.concurrency.callers import THREADS, at_once, statuses
from tests.concurrency.locks import holding
from tests.factories.bookings import create_booking, periods_of

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
    periods = periods_of(caller, create_booking(caller, account, projectId=1, memberRate=5, **dates)["id"])
    assert len(periods) == weeks
    return periods


def paid(answers: list[TestResponse]) -> int:
    return sum("error" not in item for answer in answers for item in data(answer))


def test_many_bulk_calls_pay_exactly_what_the_budget_allows(admin: Caller, open_account: Open) -> None:
    account = open_account(budget=5 * 100 + 3)
    periods = [period for _ in range(16) for period in book(admin, account, 16)]
    chance = random.Random(1)
    calls: list[Callable[[], Any]] = []
    for _ in range(64):
        items = [{"workPeriodId": period} for period in chance.sample(periods, 12)]
        calls.append(partial(admin.post, f"{PAYMENTS}/bulk", items))
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
            calls.append(partial(admin.post, f"{PAYMENTS}/bulk", extras))
            calls.append(partial(admin.patch, f"{PAYMENTS}/bulk", moves))
            calls.append(partial(admin.post, "/v6/billing-accounts/consume-amounts", {"consumes": consumes}))
    chance.shuffle(calls)
    assert "error" not in str([data(answer) for answer in at_once(calls)])


def test_of_two_processors_one_gets_the_payment(
    app: Flask,
    admin: Caller,
    open_account: Open,
    as_caller: Callable[..., Caller],
    until_waiting: Callable[[int], None],
) -> None:
    rivals = 4
    period = book(admin, open_account(budget=10_000), 4)[0]
    processors = [as_caller(scopes=("process:taas-workPeriodPayments",), user=f"processor {n}") for n in range(rivals)]
    for _ in range(4):
        payment = data(admin.post(PAYMENTS, {"workPeriodId": period, "days": 1}), 201)
        path = f"{PAYMENTS}/{payment['id']}"
        with ThreadPoolExecutor(rivals) as pool:
            with holding(app, "SELECT FROM work_periods FOR UPDATE"):
                moves = [pool.submit(each.patch, path, {"status": "in-progress"}) for each in processors]
                until_waiting(rivals)
            answers = [each.result() for each in moves]
        assert statuses(answers) == {200: 1, 409: rivals - 1}
        (winner,) = [n for n, answer in enumerate(answers) if answer.status_code == 200]
        assert data(admin.get(path))["updatedBy"] == f"processor {winner}"
        assert data(processors[winner].patch(path, {"status": "in-progress"}))["status"] == "in-progress"


def test_a_correction_and_a_lock_share_the_last_of_a_budget(
    admin: Caller, open_account: Open, as_caller: Callable[..., Caller]
) -> None:
    account = open_account(budget=15)
    processor = as_caller(scopes=("process:taas-workPeriodPayments",), user="processor")
    payment = data(admin.post(PAYMENTS, {"workPeriodId": book(admin, account, 4)[0]}), 201)
    path, account_path = f"{PAYMENTS}/{payment['id']}", f"/v6/billing-accounts/{account}"
    for status in ("in-progress", "completed"):
        data(processor.patch(path, {"status": status}))
    for number in range(6):
        lock = {"challengeId": f"c{number}", "amount": 10}
        calls: list[Callable[[], Any]] = [
            partial(admin.patch, path, {"amount": 15}),
            partial(admin.patch, f"{account_path}/lock-amount", lock),
        ]
        answers = at_once(calls[:: (-1) ** number])
        assert statuses(answers) == {200: 1, 400: 1}
        found = data(admin.get(account_path))
        assert found["lockedBudget"] + found["consumedBudget"] == 15
        data(admin.patch(path, {"amount": 5}))
        data(admin.patch(f"{account_path}/lock-amount", {**lock, "amount": 0}))
