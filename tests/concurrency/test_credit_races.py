"""Many callers at once on the same credits and accounts, each with a connection of their own."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time
from werkzeug.test import TestResponse

from app.credits import audit, plans
from app.db import tenancy
from app.db.transaction import transaction
from tests.caller import Caller, data

THREADS = 8
USAGE = "/v1/billing/credits/usage/"
BULK = "/v1/billing/credits/usage/bulk/"


@pytest.fixture(autouse=True)
def _sound_books(app: Flask) -> Iterator[None]:
    """Whatever happened, balances are what their transactions make."""
    yield
    with app.app_context():
        assert list(audit.differences()) == []


def at_once(calls: Iterable[Callable[[], TestResponse]]) -> list[TestResponse]:
    with ThreadPoolExecutor(THREADS) as pool:
        return [each.result() for each in [pool.submit(call) for call in calls]]


def statuses(answers: Iterable[TestResponse]) -> dict[int, int]:
    found = [answer.status_code for answer in answers]
    return {status: found.count(status) for status in sorted(set(found))}


def spend(caller: Caller, credits: int, **more: Any) -> Callable[[], TestResponse]:
    body = {"operation_type": "search", "credits_used": credits, **more}
    return lambda: caller.post(USAGE, body)


def balance(customer: Caller) -> int:
    return int(data(customer.get("/v1/billing/credits/balance/"))["credits"])


def test_exactly_as_many_spends_succeed_as_fit(customer: Caller) -> None:
    assert statuses(at_once(spend(customer, 3) for _ in range(150))) == {201: 33, 402: 117}
    assert balance(customer) == 1


def test_single_and_bulk_spends_share_one_balance(
    customer: Caller, customer_id: str, as_caller: Callable[..., Caller]
) -> None:
    machine = as_caller(scopes=("spend:credits",))
    items = [{"operation_type": "search", "credits_used": 1, "account_id": customer_id}] * 10
    calls = [spend(customer, 1) if n % 3 else lambda: machine.post(BULK, items) for n in range(45)]
    answers = at_once(calls)
    spent = sum(answer.status_code == 201 for answer in answers)
    for answer in answers:
        if answer.status_code == 200:
            spent += sum("error" not in each for each in data(answer))
    assert (spent, balance(customer)) == (100, 0)


def test_spends_of_several_accounts_in_any_order_end(
    customer_id: str, customer: Caller, as_caller: Callable[..., Caller]
) -> None:
    other = as_caller(user="other")
    other_id = data(other.post("/v1/account/", {"name": "Other"}), 201)["id"]
    machine = as_caller(scopes=("spend:credits",))
    orders = ([customer_id, other_id], [other_id, customer_id])

    def body(order: list[str]) -> list[dict[str, Any]]:
        return [{"operation_type": "search", "credits_used": 1, "account_id": each} for each in order]

    answers = at_once(lambda n=n: machine.post(BULK, body(orders[n % 2])) for n in range(60))  # type: ignore[misc]
    assert statuses(answers) == {200: 60}
    assert (balance(customer), balance(other)) == (40, 40)


def test_one_charge_for_a_key(customer: Caller) -> None:
    item = {"operation_type": "search", "credits_used": 5, "key": "job-1"}
    answers = at_once(lambda: customer.post(BULK, [item]) for _ in range(24))
    assert len({answer.get_data() for answer in answers}) == 1
    assert balance(customer) == 95


def test_a_month_is_granted_once(app: Flask, customer: Caller, customer_id: str) -> None:
    def grant() -> int:
        with app.app_context(), transaction():
            tenancy.see_every_account()
            return plans.grant_due([customer_id]).months

    with freeze_time("2031-03-15"), ThreadPoolExecutor(THREADS) as pool:
        granted = sum(each.result() for each in [pool.submit(grant) for _ in range(16)])
    with freeze_time("2031-03-15"):
        assert balance(customer) == 100 + 100 * granted


def test_one_account_for_each_person(as_caller: Callable[..., Caller]) -> None:
    person = as_caller(user="quick")
    answers = at_once(lambda: person.post("/v1/account/", {"name": "Quick"}) for _ in range(16))
    assert statuses(answers) == {201: 1, 409: 15}


def test_two_owners_cannot_remove_each_other(customer: Caller, as_caller: Callable[..., Caller]) -> None:
    for number in range(8):
        email = f"{number}@harbour.example"
        data(customer.post("/v1/account/team/", {"email": email, "role": "owner"}), 201)
        data(as_caller(user=str(number), email=email).get("/v1/account/settings/"))
    owners = [customer, *(as_caller(user=str(number)) for number in range(8))]
    team = data(customer.get("/v1/account/team/"))["results"]
    calls = [
        lambda owner=owner, member=member: owner.delete(f"/v1/account/team/{member['id']}/")  # type: ignore[misc]
        for owner, member in zip(owners, [*team[1:], team[0]], strict=True)
    ]
    at_once(calls)
    left = [owner for owner in owners if owner.get("/v1/account/team/").status_code == 200]
    assert left
    assert len(data(left[0].get("/v1/account/team/"))["results"]) == len(left)
