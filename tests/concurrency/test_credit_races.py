"""Many callers at once on the same credits and accounts, each with a connection of their own."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time
from sqlalchemy import Connection, text
from werkzeug.test import TestResponse

from app import tenancy
from app.credits import audit, plans
from app.db.transaction import transaction
from tests.caller import Caller, data
from tests.concurrency.callers import at_once, statuses
from tests.concurrency.locks import holding
from tests.factories.customers import TEAM, credits_of, join, open_customer

USAGE = "/v1/billing/credits/usage/"
BULK = "/v1/billing/credits/usage/bulk/"


@pytest.fixture(autouse=True)
def _sound_books(app: Flask) -> Iterator[None]:
    """Whatever happened, balances are what their transactions make."""
    yield
    with app.app_context():
        assert list(audit.differences()) == []


def spend(caller: Caller, credits: int, **more: Any) -> Callable[[], TestResponse]:
    body = {"operation_type": "search", "credits_used": credits, **more}
    return lambda: caller.post(USAGE, body)


def test_exactly_as_many_spends_succeed_as_fit(customer: Caller) -> None:
    assert statuses(at_once(spend(customer, 3) for _ in range(150))) == {201: 33, 402: 117}
    assert credits_of(customer) == 1


def test_single_and_bulk_spends_share_one_balance(
    customer: Caller, customer_id: int, as_caller: Callable[..., Caller]
) -> None:
    machine = as_caller(scopes=("spend:credits",))
    items = [{"operation_type": "search", "credits_used": 1, "account_id": customer_id}] * 10
    calls = [spend(customer, 1) if n % 3 else lambda: machine.post(BULK, items) for n in range(45)]
    answers = at_once(calls)
    spent = sum(answer.status_code == 201 for answer in answers)
    for answer in answers:
        if answer.status_code == 200:
            spent += sum("error" not in each for each in data(answer))
    assert (spent, credits_of(customer)) == (100, 0)


def test_spends_of_several_accounts_in_any_order_end(
    customer_id: int, customer: Caller, as_caller: Callable[..., Caller]
) -> None:
    other = as_caller(user="other")
    other_id = open_customer(other, "Other")["id"]
    machine = as_caller(scopes=("spend:credits",))
    orders = ([customer_id, other_id], [other_id, customer_id])

    def body(order: list[str]) -> list[dict[str, Any]]:
        return [{"operation_type": "search", "credits_used": 1, "account_id": each} for each in order]

    answers = at_once(partial(machine.post, BULK, body(orders[n % 2])) for n in range(60))
    assert statuses(answers) == {200: 60}
    assert (credits_of(customer), credits_of(other)) == (40, 40)


def test_one_charge_for_a_key(customer: Caller) -> None:
    item = {"operation_type": "search", "credits_used": 5, "key": "job-1"}
    answers = at_once(lambda: customer.post(BULK, [item]) for _ in range(24))
    assert len({answer.get_data() for answer in answers}) == 1
    assert credits_of(customer) == 95


def test_a_month_is_granted_once(
    app: Flask, customer: Caller, customer_id: int, until_waiting: Callable[[int], None]
) -> None:
    def grant() -> int:
        with app.app_context(), transaction():
            tenancy.set_every_account()
            return plans.grant_due([customer_id]).months

    with freeze_time("2031-03-15", tick=True), ThreadPoolExecutor(2) as pool:
        with holding(app, "SELECT FROM credit_balances FOR NO KEY UPDATE"):
            grants = [pool.submit(grant) for _ in range(2)]
            until_waiting(2)
        granted = sum(each.result() for each in grants)
        found = data(customer.get("/v1/billing/transactions/?transaction_type=grant&per_page=100"))["results"]
        assert len({each["description"] for each in found}) == len(found) == 1 + granted
        assert credits_of(customer) == 100 + 100 * granted


def move_to_rich_plan(connection: Connection) -> None:
    """Put every account on a plan that did not exist before."""
    columns = "name, credits_per_month, usd_per_credit, created_at, updated_at"
    connection.execute(text(f"INSERT INTO plans ({columns}) VALUES ('Rich', 1, 0.5, now(), now())"))
    connection.execute(text("UPDATE plan_assignments SET plan_id = plans.id FROM plans WHERE name = 'Rich'"))


def test_spending_while_the_account_changes_its_plan(
    app: Flask,
    customer: Caller,
    until_waiting: Callable[[int], None],
) -> None:
    with ThreadPoolExecutor(1) as pool, holding(app, "SELECT FROM credit_balances FOR NO KEY UPDATE") as connection:
        spent = pool.submit(spend(customer, 10))
        until_waiting(1)
        move_to_rich_plan(connection)
        connection.commit()
        assert data(spent.result(), 201)["cost_usd"] == "5.00"


def test_one_account_for_each_person(as_caller: Callable[..., Caller]) -> None:
    person = as_caller(user="quick")
    answers = at_once(lambda: person.post("/v1/account/", {"name": "Quick"}) for _ in range(16))
    assert statuses(answers) == {201: 1, 409: 15}


def test_two_owners_cannot_remove_each_other(
    app: Flask, customer: Caller, as_caller: Callable[..., Caller], until_waiting: Callable[[int], None]
) -> None:
    ann = join(customer, as_caller, "ann", "owner")
    anns, own = (member["id"] for member in data(ann.get(TEAM))["results"])
    with ThreadPoolExecutor(2) as pool:
        # Nobody can be removed until both removals are under way.
        with holding(app, "SELECT FROM account_members FOR KEY SHARE"):
            removals = [pool.submit(customer.delete, f"{TEAM}{anns}/"), pool.submit(ann.delete, f"{TEAM}{own}/")]
            until_waiting(2)
        assert statuses(removal.result() for removal in removals) == {200: 1, 409: 1}
    assert statuses(owner.get(TEAM) for owner in (customer, ann)) == {200: 1, 403: 1}
