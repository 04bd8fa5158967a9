"""Many callers at once on the holds of one account."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time

from app.credits import audit
from tests.caller import TEN_YEARS, Caller, data
from tests.concurrency.callers import at_once, statuses
from tests.factories.customers import credits_of, grant

HOLDS = "/v1/billing/credits/holds/"
CALLERS = 20


@pytest.fixture(autouse=True)
def _sound_books(app: Flask) -> Iterator[None]:
    yield
    with app.app_context():
        assert list(audit.differences()) == []


def terms(amount: int, reference: str, **more: Any) -> dict[str, Any]:
    return {"amount": amount, "operation_type": "images", "reference": reference, **more}


def test_exactly_as_many_holds_are_made_as_fit(customer: Caller, customer_id: int, admin: Caller) -> None:
    grant(admin, customer_id, 400)
    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(lambda n: customer.post(HOLDS, terms(75, f"job-{n}")), range(CALLERS)))
    assert statuses(answers) == {201: 6, 402: 14}
    balance = data(customer.get("/v1/billing/credits/balance/"))
    assert (balance["credits"], balance["credits_held"], balance["credits_available"]) == (500, 450, 50)


def test_one_hold_for_a_reference(customer: Caller) -> None:
    answers = list(at_once(lambda: customer.post(HOLDS, terms(60, "job")) for _ in range(CALLERS)))
    assert statuses(answers) == {201: 1, 200: CALLERS - 1}
    assert len({answer.json["data"]["id"] for answer in answers if answer.json}) == 1
    assert data(customer.get("/v1/billing/credits/balance/"))["credits_held"] == 60


def test_each_hold_is_captured_once(customer: Caller, customer_id: int, admin: Caller) -> None:
    grant(admin, customer_id, 900)
    made = data(customer.post(f"{HOLDS}bulk/", [terms(2, f"job-{n}") for n in range(500)]))
    calls = [each["id"] for each in made for _ in range(2)]
    random.Random(7).shuffle(calls)
    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(lambda hold: customer.post(f"{HOLDS}{hold}/capture/", {"amount": 1}), calls))
    assert statuses(answers) == {200: 500, 409: 500}
    assert credits_of(customer) == 500
    usage = data(customer.get("/v1/billing/credits/usage/?per_page=1"))
    assert usage["count"] == 500


def test_capture_release_and_expiry_meet_and_one_of_them_wins(as_caller: Callable[..., Caller]) -> None:
    owner = as_caller(user="tick", hours=TEN_YEARS)
    with freeze_time("2031-03-10T12:00:00Z"):
        data(owner.post("/v1/account/", {"name": "Tick"}), 201)
        made = data(owner.post(f"{HOLDS}bulk/", [terms(1, f"job-{n}", expires_in=60) for n in range(40)]))
    with freeze_time("2031-03-10T12:00:59.990Z", tick=True):
        calls: list[Callable[[], Any]] = []
        for each in made:
            path = f"{HOLDS}{each['id']}/"
            calls.append(lambda path=path: owner.post(f"{path}capture/", {"amount": 1}))  # type: ignore[misc]
            calls.append(lambda path=path: owner.post(f"{path}release/", None))  # type: ignore[misc]
        random.Random(7).shuffle(calls)
        found = statuses(at_once(calls))
    with freeze_time("2031-03-10T12:10:00Z"):
        ended = data(owner.get(f"{HOLDS}?per_page=100"))["results"]
        by_status = {
            name: sum(each["status"] == name for each in ended) for name in ("captured", "released", "expired")
        }
        assert by_status["captured"] + by_status["released"] == found.get(200, 0)
        assert sum(by_status.values()) == 40
        balance = data(owner.get("/v1/billing/credits/balance/"))
        assert (balance["credits"], balance["credits_held"]) == (100 - by_status["captured"], 0)


def test_spending_and_holds_share_what_is_available(customer: Caller) -> None:
    usage = {"operation_type": "x", "credits_used": 7}
    calls: list[Callable[[], Any]] = [lambda: customer.post("/v1/billing/credits/usage/", usage) for _ in range(15)]
    calls += [lambda n=n: customer.post(HOLDS, terms(7, f"job-{n}")) for n in range(15)]  # type: ignore[misc]
    assert statuses(at_once(calls)) == {201: 14, 402: 16}
