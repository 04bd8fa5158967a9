"""Refunds, disputes and events of one payment at once, each with a connection of its own."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from flask import Flask

from app.credits import audit
from app.purchases import audit as purchases_audit
from tests.caller import TEN_YEARS, Caller, data
from tests.concurrency.callers import at_once, statuses
from tests.factories import purchases
from tests.factories.purchases import approve
from tests.processes import until
from tests.slow_gateway import SlowGateway, running
from tests.stripe_account import KEY
from tests.stripe_events import Stripe, event

PAYMENTS = "/v1/billing/payments/"
BALANCE = "/v1/billing/credits/balance/"
USAGE = "/v1/billing/credits/usage/"


@pytest.fixture(autouse=True)
def _sound_books(app: Flask) -> Iterator[None]:
    """Whatever happened, balances are what their transactions make."""
    yield
    with app.app_context():
        assert [*audit.differences(), *purchases_audit.differences()] == []


@pytest.fixture
def gateway() -> Iterator[SlowGateway]:
    with running() as found:
        yield found


@pytest.fixture
def card_app(app_with: Callable[..., Flask], gateway: SlowGateway) -> Flask:
    return app_with(stripe_secret_key=KEY, stripe_webhook_secret="whsec_x", stripe_api_base=gateway.url)


@pytest.fixture
def payer(card_app: Flask, customer: Caller, token: Callable[..., str]) -> Caller:  # noqa: ARG001 - its account
    return Caller(card_app, token(roles=(), user="owner", hours=TEN_YEARS))


@pytest.fixture
def stripe(card_app: Flask) -> Stripe:
    return Stripe(card_app)


def paid(payer: Caller, stripe: Stripe, number: str = "0") -> Any:
    payment = purchases.buy(payer, method="stripe")["payment"]
    intent = {"id": payment["gateway_reference"], "amount": 900, "status": "succeeded"}
    assert data(stripe.send(event("payment_intent.succeeded", f"evt_paid_{number}", **intent)))["applied"]
    return payment


def test_no_more_is_refunded_than_was_paid(customer: Caller, admin: Caller) -> None:
    """Eight refunds of 1.60 at once: five fit into 9.00, and leave too little for another."""
    payment_id = purchases.buy(customer)["payment"]["id"]
    approve(admin, payment_id)
    body = {"amount": "1.60", "reason": "Race"}
    answers = at_once(partial(admin.post, f"{PAYMENTS}{payment_id}/refund/", body) for _ in range(8))
    assert statuses(answers) == {200: 5, 409: 3}
    refunded = data(customer.get(f"{PAYMENTS}{payment_id}/"))
    assert (refunded["status"], refunded["amount_refunded"]) == ("partially_refunded", "8.00")
    assert refunded["credits_refunded"] == 500 * 8 // 9


def test_events_at_once_count_once(payer: Caller, stripe: Stripe) -> None:
    payment = paid(payer, stripe)
    about = {"payment_intent": payment["gateway_reference"], "amount": 300}
    told = [
        event("refund.updated", "evt_1", **about, id="re_1", status="succeeded"),
        event("charge.refunded", "evt_2", **about, id="ch_1", amount_refunded=300),
        event("charge.dispute.created", "evt_3", **about, id="du_1", status="needs_response"),
        event("charge.dispute.closed", "evt_4", **about, id="du_1", status="lost"),
    ]
    answers = at_once(partial(stripe.send, each) for each in told * 3)
    assert statuses(answers) == {200: 12}
    followed = data(payer.get(f"{PAYMENTS}{payment['id']}/"))
    assert (followed["amount_refunded"], followed["amount_charged_back"]) == ("3.00", "3.00")
    assert followed["credits_refunded"] == 333


def test_a_disputed_credit_is_frozen_or_spent(payer: Caller, stripe: Stripe) -> None:
    for number in range(6):
        before = data(payer.get(BALANCE))["credits_available"]
        payment = paid(payer, stripe, str(number))
        about = {"payment_intent": payment["gateway_reference"], "amount": 900, "id": f"du_{number}"}
        opened = event("charge.dispute.created", f"evt_{number}", **about, status="needs_response")
        spend = partial(payer.post, USAGE, {"operation_type": "search", "credits_used": before + 300})
        answers = at_once([partial(stripe.send, opened), spend, spend])
        spent = [each.status_code for each in answers[1:]].count(201)
        found = data(payer.get(BALANCE))
        assert spent <= 1
        assert found["credits_frozen"] == (200 if spent else 500)
        assert found["credits_available"] == (0 if spent else before)
        won = event("charge.dispute.closed", f"evt_won_{number}", **about, status="won")
        assert data(stripe.send(won))["applied"] is True
        rest = data(payer.get(BALANCE))["credits_available"]
        data(payer.post(USAGE, {"operation_type": "search", "credits_used": rest - 40}), 201)


def test_event_comes_before_the_answer_to_the_purchase(
    card_app: Flask, payer: Caller, stripe: Stripe, gateway: SlowGateway
) -> None:
    assert card_app.config["SETTINGS"].stripe_webhook_secret == "whsec_x"
    gateway.answering.clear()
    with ThreadPoolExecutor(1) as pool:
        bought = pool.submit(purchases.buy, payer, method="stripe")
        until(lambda: bool(gateway.intents), "the intent to be made")
        (intent,) = gateway.intents.values()
        told = {**intent, "status": "succeeded"}
        assert data(stripe.send(event("payment_intent.succeeded", **told)))["applied"] is True
        gateway.answering.set()
        payment = bought.result()["payment"]
    assert (payment["status"], payment["gateway_reference"]) == ("succeeded", intent["id"])
    assert data(payer.get(BALANCE))["credits"] == 600
