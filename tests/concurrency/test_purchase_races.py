"""Many callers at once on the same purchases, each with a connection of their own."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time
from sqlalchemy import text
from werkzeug.test import TestResponse

from app import tenancy
from app.credits import audit
from app.db.base import db
from app.db.transaction import transaction
from app.purchases import audit as purchases_audit
from app.purchases import invoices
from tests.caller import Caller, data, error
from tests.concurrency.callers import at_once, statuses
from tests.concurrency.locks import holding
from tests.factories.customers import credits_of
from tests.factories.purchases import approve

PAYMENTS = "/v1/billing/payments/"
REASON = {"reason": "Not needed"}


@pytest.fixture(autouse=True)
def _sound_books(app: Flask) -> Iterator[None]:
    """Whatever happened, balances are what their transactions make."""
    yield
    with app.app_context():
        assert [*audit.differences(), *purchases_audit.differences()] == []


@pytest.fixture
def purchase(customer: Caller) -> Callable[..., TestResponse]:
    """Buys the Starter Pack by bank transfer."""
    (package_id, *_) = (each["id"] for each in data(customer.get("/v1/billing/credit-packages/"))["results"])
    path = f"/v1/billing/credit-packages/{package_id}/purchase/"
    return lambda **headers: customer.post(path, {"payment_method": "manual"}, **headers)


def test_invoice_numbers_have_no_gaps(customer: Caller, purchase: Callable[..., Any]) -> None:
    bad = "/v1/billing/credit-packages/987654321/purchase/"
    failing = lambda: customer.post(bad, {"payment_method": "manual"})  # noqa: E731 - beside its twin
    with freeze_time("2031-06-01", tick=True):
        answers = at_once(failing if n % 3 == 0 else purchase for n in range(60))
        numbers = {data(each, 201)["invoice"]["invoice_number"] for each in answers if each.status_code == 201}
    assert numbers == {f"INV-2031-{n:03}" for n in range(1, 41)}


def test_one_purchase_for_a_key(customer: Caller, purchase: Callable[..., Any]) -> None:
    answers = at_once(lambda: purchase(Idempotency_Key="k") for _ in range(16))
    assert {(answer.status_code, answer.get_data()) for answer in answers} == {(201, answers[0].get_data())}
    assert data(customer.get("/v1/billing/invoices/"))["count"] == 1


def test_one_approval_counts(
    app: Flask, customer: Caller, admin: Caller, purchase: Callable[..., Any], until_waiting: Callable[[int], None]
) -> None:
    payment_id = data(purchase(), 201)["payment"]["id"]
    with ThreadPoolExecutor(2) as pool:
        # One gets as far as the balance; if the other does too, both go on from there.
        with holding(app, "SELECT FROM credit_balances FOR UPDATE"):
            path = f"{PAYMENTS}{payment_id}/approve/"
            approvals = [pool.submit(admin.post, path, None) for _ in range(2)]
            until_waiting(2)
        answers = [approval.result() for approval in approvals]
    assert statuses(answers) == {200: 1, 409: 1}
    assert credits_of(customer) == 600


def test_one_refund_for_a_key(
    app: Flask, customer: Caller, admin: Caller, purchase: Callable[..., Any], until_waiting: Callable[[int], None]
) -> None:
    payment_id = data(purchase(), 201)["payment"]["id"]
    approve(admin, payment_id)
    refund = f"{PAYMENTS}{payment_id}/refund/"
    with ThreadPoolExecutor(4) as pool:
        # None of them finds an answer to its key, and all but one a payment that is refunded.
        with holding(app, "SELECT FROM payments FOR UPDATE"):
            waiting = [pool.submit(admin.post, refund, REASON, Idempotency_Key="r") for _ in range(4)]
            until_waiting(4)
        answers = [each.result() for each in waiting]
    answers += at_once(lambda: admin.post(refund, REASON, Idempotency_Key="r") for _ in range(16))
    assert {(answer.status_code, answer.get_data()) for answer in answers} == {(200, answers[0].get_data())}
    assert credits_of(customer) == 100
    assert statuses([admin.post(refund, REASON, Idempotency_Key="other")]) == {409: 1}


def test_a_refund_against_spending(customer: Caller, admin: Caller, purchase: Callable[..., Any]) -> None:
    """Either the credits are refunded or they are spent, and a refund is made once."""
    for _ in range(6):
        before = credits_of(customer)
        payment_id = data(purchase(), 201)["payment"]["id"]
        approve(admin, payment_id)
        body = {"operation_type": "search", "credits_used": before + 1}
        spend = partial(customer.post, "/v1/billing/credits/usage/", body)
        refund = partial(admin.post, f"{PAYMENTS}{payment_id}/refund/", REASON)
        spent, *refunds = at_once([spend, refund, refund, refund])
        refunded = statuses(refunds).get(200, 0)
        assert refunded + (spent.status_code == 201) == 1
        assert credits_of(customer) == (before if refunded else 499)


def test_a_refund_takes_nothing_of_what_is_given_meanwhile(
    customer: Caller, admin: Caller, customer_id: int, purchase: Callable[..., Any]
) -> None:
    """Spending beyond what was given and a refund exclude each other, also while credits are being given."""
    grant = {"account_id": customer_id, "amount": 50, "transaction_type": "grant", "description": "Goodwill"}
    for _ in range(4):
        payment_id = data(purchase(), 201)["payment"]["id"]
        approve(admin, payment_id)
        body = {"operation_type": "search", "credits_used": credits_of(customer) - 500 + 60}
        spent, refunded, _ = at_once(
            [
                partial(customer.post, "/v1/billing/credits/usage/", body),
                partial(admin.post, f"{PAYMENTS}{payment_id}/refund/", REASON),
                partial(admin.post, "/v1/billing/credits/grant/", grant),
            ]
        )
        if refunded.status_code == 200:
            continue
        assert spent.status_code == 201
        assert error(refunded, 409, "credits_spent")["details"]["missing"] in {10, 60}


def test_an_order_is_cancelled_before_it_is_approved_or_not_at_all(
    app: Flask, customer: Caller, admin: Caller, purchase: Callable[..., Any], until_waiting: Callable[[int], None]
) -> None:
    """The money for a cancelled order counts all the same, and once."""
    callers, cancelled = {"approve": admin, "cancel": customer}, 0
    for first in ("approve", "cancel") * 2:
        before = credits_of(customer)
        payment_id = data(purchase(), 201)["payment"]["id"]
        with ThreadPoolExecutor(2) as pool:
            with holding(app, f"SELECT FROM payments WHERE id = {payment_id} FOR UPDATE"):
                asked = {}
                for waiting, action in enumerate((first, *(callers.keys() - {first})), 1):
                    path = f"{PAYMENTS}{payment_id}/{action}/"
                    asked[action] = pool.submit(callers[action].post, path, None)
                    until_waiting(waiting)
            answers = {action: each.result().status_code for action, each in asked.items()}
        assert answers["approve"] == 200
        assert answers["cancel"] in {200, 409}
        assert credits_of(customer) == before + 500
        payment = data(customer.get(f"{PAYMENTS}{payment_id}/"))
        assert payment["status"] == "succeeded"
        cancelled += answers["cancel"] == 200
        assert data(customer.get("/v1/billing/invoices/?status=void"))["count"] == cancelled
    assert 0 < cancelled < 4


class UndoneError(Exception):
    """Undoes the transaction it is raised in."""


def test_numbers_have_no_gaps_when_issues_are_rolled_back(
    app: Flask, customer_id: int, purchase: Callable[..., TestResponse]
) -> None:
    """Of 32 issues at once, half are undone after they took their number."""
    payment_ids = [data(purchase(), 201)["payment"]["id"] for _ in range(32)]
    with app.app_context(), transaction():
        tenancy.set_account(customer_id)
        for undo in (
            "UPDATE payments SET invoice_id = NULL",
            "DELETE FROM invoices",
            "DELETE FROM number_series",
        ):
            db.session.execute(text(undo))

    def issue(payment_id: int, *, fails: bool) -> None:
        with app.app_context(), suppress(UndoneError), transaction():
            tenancy.set_account(customer_id)
            invoices.issue(customer_id, payment_id)
            if fails:
                raise UndoneError

    def issued() -> list[str]:
        with app.app_context(), transaction():
            tenancy.set_account(customer_id)
            in_order = text("SELECT invoice_number FROM invoices ORDER BY created_at, id")
            return list(db.session.execute(in_order).scalars())

    with freeze_time("2033-06-01", tick=True), ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda each: issue(each[1], fails=each[0] % 2 == 0), enumerate(payment_ids)))
        assert issued() == [f"INV-2033-{n:03}" for n in range(1, 17)], "without gaps, in order of issue"
        for payment_id in payment_ids[::2]:
            issue(payment_id, fails=False)
        assert issued() == [f"INV-2033-{n:03}" for n in range(1, 33)]
