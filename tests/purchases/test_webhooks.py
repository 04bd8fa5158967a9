"""Events from Stripe, friendly and hostile."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time
from sqlalchemy import text

from app.clock import utc_now
from app.db.base import db
from app.purchases import webhooks
from tests.caller import Caller, data, error
from tests.factories.customers import credits_of
from tests.stripe_events import PATH, Stripe

Buy = Callable[..., Any]


@pytest.fixture
def stripe(stripe_app: Flask) -> Stripe:
    return Stripe(stripe_app)


@pytest.fixture
def payment(buy_by_card: Buy) -> Any:
    return buy_by_card()["payment"]


def metadata_of(stripe_peer: Any, payment: Any) -> Any:
    """What the intent of a payment says it is for."""
    (found,) = (each for each in stripe_peer.intents() if each["id"] == payment["gateway_reference"])
    return found["metadata"]


def about(payment: Any, kind: str = "succeeded", event_id: str = "evt_1", **changes: Any) -> dict[str, Any]:
    """An event about a payment."""
    status = {"succeeded": "succeeded", "payment_failed": "requires_payment_method", "canceled": "canceled"}[kind]
    intent = {
        "id": payment["gateway_reference"],
        "object": "payment_intent",
        "status": status,
        "amount": 900,
        "currency": "usd",
        "metadata": {},
        "last_payment_error": {"message": "Your card was declined."} if kind == "payment_failed" else None,
        **changes,
    }
    return {"id": event_id, "type": f"payment_intent.{kind}", "data": {"object": intent}}


def event_with(intent: str) -> bytes:
    return b'{"id": "evt", "type": "payment_intent.succeeded", "data": {"object": %s}}' % intent.encode()


def status_of(customer: Caller) -> str:
    return str(data(customer.get("/v1/billing/payments/"))["results"][0]["status"])


class TestEvents:
    def test_succeeded_event_credits_the_account_once(self, stripe: Stripe, payment: Any, customer: Caller) -> None:
        assert data(stripe.send(about(payment))) == {"received": True, "applied": True}
        assert data(stripe.send(about(payment))) == {"received": True, "applied": False}
        assert data(stripe.send(about(payment, event_id="evt_2"))) == {"received": True, "applied": False}
        assert credits_of(customer) == 600

    def test_failed_and_succeeded_events_apply_in_any_order(
        self, stripe: Stripe, payment: Any, customer: Caller
    ) -> None:
        assert data(stripe.send(about(payment, "payment_failed", "evt_1")))["applied"] is True
        assert (status_of(customer), credits_of(customer)) == ("failed", 100)
        assert data(stripe.send(about(payment, event_id="evt_3")))["applied"] is True
        assert data(stripe.send(about(payment, "payment_failed", "evt_2")))["applied"] is False
        assert data(stripe.send(about(payment, "canceled", "evt_4")))["applied"] is False
        assert (status_of(customer), credits_of(customer)) == ("succeeded", 600)

    def test_event_before_the_intent_is_recorded_settles_the_payment(
        self, stripe: Stripe, stripe_peer: Any, payment: Any, customer: Caller
    ) -> None:
        event = about(payment, id="pi_not_kept_yet", metadata=metadata_of(stripe_peer, payment))
        assert data(stripe.send(event))["applied"] is True
        assert credits_of(customer) == 600

    def test_event_before_the_intent_is_recorded_allows_a_refund(
        self, app: Flask, stripe: Stripe, stripe_peer: Any, payment: Any, customer: Caller, staff: Caller
    ) -> None:
        """Who died before the reference was kept is made good by the event, or nobody could refund."""
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(text("SELECT set_config('billing.account_id', '*', true)"))
            connection.execute(text("UPDATE payments SET gateway_reference = NULL"))
        stripe_peer.pay(payment["gateway_reference"])
        event = about(payment, metadata=metadata_of(stripe_peer, payment))
        assert data(stripe.send(event))["applied"] is True
        refunded = data(staff.post(f"/v1/billing/payments/{payment['id']}/refund/", {"reason": "Not needed"}))
        assert (refunded["status"], refunded["gateway_reference"]) == ("refunded", payment["gateway_reference"])
        assert [each["amount"] for each in stripe_peer.refunds()] == [900]
        assert credits_of(customer) == 100

    def test_event_settles_the_payment_of_its_intent_only(
        self, app: Flask, stripe: Stripe, stripe_peer: Any, buy_by_card: Buy, customer: Caller
    ) -> None:
        """What the metadata name counts only for intents that are not known."""
        mine, other = buy_by_card()["payment"], buy_by_card()["payment"]
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(text("SELECT set_config('billing.account_id', '*', true)"))
            forget = text("UPDATE payments SET gateway_reference = NULL WHERE id = :id")
            connection.execute(forget, {"id": other["id"]})
        assert data(stripe.send(about(mine, metadata=metadata_of(stripe_peer, other))))["applied"] is True
        found = data(customer.get("/v1/billing/payments/?status=succeeded"))["results"]
        assert [each["id"] for each in found] == [mine["id"]]

    def test_event_after_a_refund_brings_no_credits(
        self, stripe: Stripe, stripe_peer: Any, payment: Any, customer: Caller, staff: Caller
    ) -> None:
        stripe_peer.pay(payment["gateway_reference"])
        data(stripe.send(about(payment)))
        data(staff.post(f"/v1/billing/payments/{payment['id']}/refund/", {"reason": "Not needed"}))
        assert data(stripe.send(about(payment, event_id="evt_9")))["applied"] is False
        assert (status_of(customer), credits_of(customer)) == ("refunded", 100)

    def test_webhook_ignores_an_idempotency_key(self, stripe_app: Flask, payment: Any) -> None:
        body = json.dumps(about(payment)).encode()
        headers = {"Stripe_Signature": Stripe(stripe_app).sign(body), "Idempotency_Key": "k"}
        assert data(Caller(stripe_app, None).post(PATH, body, **headers))["applied"] is True


class TestHostile:
    @pytest.fixture(autouse=True)
    def _nothing_happened(self, payment: Any, customer: Caller) -> Any:
        assert payment["status"] == "pending"
        yield
        assert (status_of(customer), credits_of(customer)) == ("pending", 100)

    def test_event_signed_with_another_secret_is_refused(self, stripe: Stripe, payment: Any) -> None:
        error(stripe.send(about(payment), secret="whsec_other"), 400)

    def test_event_with_an_old_signature_is_refused(self, stripe: Stripe, payment: Any) -> None:
        error(stripe.send(about(payment), age=301), 400)

    @pytest.mark.parametrize("signature", [None, "", "t=1", "v1=abc", "t=x,v1=y", "t=1,v1=\x7f", "t=1e99,v1=0"])
    def test_event_without_a_signature_is_refused(self, stripe: Stripe, payment: Any, signature: str | None) -> None:
        message = error(stripe.send_with(signature, about(payment)), 400)["message"]
        assert message.startswith("Stripe-Signature: Is ")

    def test_event_with_the_signature_of_another_body_is_refused(self, stripe: Stripe, payment: Any) -> None:
        signature = stripe.sign(json.dumps(about(payment, amount=1)).encode())
        error(stripe.send_with(signature, about(payment)), 400)

    @pytest.mark.parametrize(
        "change",
        [
            {"amount": 899},
            {"amount": 90000},
            {"amount_received": 1},
            {"amount_received": 0},
            {"amount_received": None},
            {"currency": "eur"},
            {"amount": None},
        ],
    )
    def test_event_of_another_amount_or_currency_is_refused(
        self, stripe: Stripe, payment: Any, change: dict[str, Any]
    ) -> None:
        error(stripe.send(about(payment, **change)), 400)

    def test_event_of_an_unknown_intent_is_ignored(self, stripe: Stripe, payment: Any) -> None:
        event = about(payment, id="pi_unknown", metadata={"payment_key": "0198f0a2-6c1e-7d53-9b9d-2f6f2a1c7e10"})
        assert data(stripe.send(event))["applied"] is False

    def test_payments_of_another_database_with_the_same_ids(
        self, stripe: Stripe, stripe_peer: Any, payment: Any, customer: Caller
    ) -> None:
        """Several installations may share a Stripe account, and each is told of the payments of all."""
        assert metadata_of(stripe_peer, payment)["payment_id"] == str(payment["id"])
        foreign = {"payment_id": str(payment["id"]), "payment_key": "0198f0a2-6c1e-7d53-9b9d-2f6f2a1c7e10"}
        assert data(stripe.send(about(payment, id="pi_of_another", metadata=foreign)))["applied"] is False
        assert (status_of(customer), credits_of(customer)) == ("pending", 100)

    def test_event_of_another_type_is_ignored(self, stripe: Stripe, payment: Any) -> None:
        event = {**about(payment), "type": "charge.refunded"}
        assert data(stripe.send(event))["applied"] is False

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"[]",
            b"null",
            b"\xff\xfe",
            b'{"id": 1, "type": "payment_intent.succeeded", "data": {"object": {}}}',
            event_with("{}"),
            event_with("5"),
            b'{"id": "evt", "type": "payment_intent.succeeded", "data": []}',
            b'{"id": "e\\u0000", "type": "payment_intent.succeeded", "data": {"object": {}}}',
            event_with('{"id": "pi", "status": "succeeded", "amount": "x", "currency": 5}'),
            event_with('{"id": "pi", "status": "succeeded", "amount": [1], "currency": "usd"}'),
            event_with('{"id": "pi", "status": "succeeded", "amount": {}, "currency": "usd"}'),
            event_with('{"id": "pi", "status": "succeeded", "amount": 1, "currency": "usd", "metadata": "x"}'),
            event_with('{"id": "pi", "status": "canceled", "amount": 1, "currency": "usd", "last_payment_error": 7}'),
        ],
    )
    def test_signed_nonsense_is_refused(self, stripe: Stripe, body: bytes) -> None:
        error(stripe.send(body), 400)

    @pytest.mark.parametrize("message", [5, ["x"], {"a": 1}, True, "a\x00b"])
    def test_failed_event_with_an_impossible_message_is_refused(
        self, stripe: Stripe, payment: Any, message: Any
    ) -> None:
        error(stripe.send(about(payment, "payment_failed", last_payment_error={"message": message})), 400)

    def test_event_of_an_unknown_intent_may_carry_any_metadata(self, stripe: Stripe, payment: Any) -> None:
        for named in (5, None, "\x00", ["x"], "x" * 10_000, payment["id"], str(payment["id"]), ""):
            event = about(payment, id="pi_unknown", metadata={"payment_key": named})
            assert data(stripe.send(event))["applied"] is False

    def test_webhook_without_a_secret_refuses_every_event(
        self, app_with: Callable[..., Flask], payment: Any, stripe: Stripe
    ) -> None:
        body = json.dumps(about(payment)).encode()
        answer = Caller(app_with(stripe_secret_key="sk_test_x"), None).post(
            PATH, body, Stripe_Signature=stripe.sign(body)
        )
        assert "STRIPE_WEBHOOK_SECRET" in error(answer, 400)["message"]


def test_events_are_known_for_longer_than_stripe_can_send_them_again(
    stripe: Stripe, payment: Any, stripe_app: Flask
) -> None:
    assert data(stripe.send(about(payment)))["applied"] is True
    with stripe_app.app_context():
        for days, pruned in ((31, 0), (89, 0), (91, 1), (91, 0)):
            with freeze_time(utc_now() + timedelta(days=days)):
                assert webhooks.prune_events() == pruned
