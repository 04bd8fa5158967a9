"""Buying by card, against a Stripe that answers over HTTP."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time
from sqlalchemy import text

from app.clock import utc_now
from app.db.base import db
from app.errors import Unavailable
from app.purchases import gateways, reconciliation
from app.purchases.gateways.stripe import StripeGateway
from app.purchases.models import PaymentMethod
from tests.caller import Caller, data, error
from tests.factories.customers import credits_of
from tests.processes import free_port

PACKAGES = "/v1/billing/credit-packages/"
PAYMENTS = "/v1/billing/payments/"
DECLINED = "4000000000000341"
Buy = Callable[..., Any]


def payment_of(customer: Caller) -> Any:
    (payment,) = data(customer.get(PAYMENTS))["results"]
    return payment


def reconcile(app: Flask) -> list[str]:
    """What became of each open payment. This Stripe does not list disputes."""
    with app.app_context():
        return [each.outcome for each in reconciliation.reconcile() if not each.is_partial]


def refund(staff: Caller, payment_id: int, **headers: str) -> Any:
    return staff.post(f"{PAYMENTS}{payment_id}/refund/", {"reason": "Not needed"}, **headers)


@pytest.fixture
def dies(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes the process die when the gateway is called: `dies("open")`; with `after=True` once it has answered."""

    def act(name: str, *, after: bool = False) -> None:
        method = getattr(StripeGateway, name)

        def fatal(self: StripeGateway, *orders: Any) -> None:
            if after:
                method(self, *orders)
            raise SystemExit

        monkeypatch.setattr(StripeGateway, name, fatal)

    return act


class TestPurchase:
    def test_stripe_is_offered_where_it_is_set_up(self, payer: Caller) -> None:
        offers = data(payer.get("/v1/billing/payment-methods/"))["results"]
        assert all(each["is_enabled"] for each in offers)

    def test_card_purchase_returns_a_client_secret(self, buy_by_card: Buy, stripe_peer: Any, customer: Caller) -> None:
        bought = buy_by_card()
        (intent,) = stripe_peer.intents()
        assert bought["client_secret"] == intent["client_secret"]
        assert bought["payment"]["gateway_reference"] == intent["id"]
        assert (intent["amount"], intent["currency"]) == (900, "usd")
        assert credits_of(customer) == 100

    def test_card_purchase_asks_for_every_cent(self, app: Flask, buy_by_card: Buy, stripe_peer: Any) -> None:
        """As a float, 19.99 dollars are 1998.9999999999998 cents."""
        price = text("UPDATE credit_packages SET price = :price WHERE name = 'Starter Pack'")
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(price, {"price": "19.99"})
        assert buy_by_card()["payment"]["amount"] == "19.99"
        assert [intent["amount"] for intent in stripe_peer.intents()] == [1999]

    def test_idempotency_key_buys_once_by_card(self, buy_by_card: Buy, stripe_peer: Any) -> None:
        assert buy_by_card(Idempotency_Key="k") == buy_by_card(Idempotency_Key="k")
        assert len(stripe_peer.intents()) == 1

    def test_staff_may_not_approve_a_card_payment(self, buy_by_card: Buy, staff: Caller) -> None:
        error(staff.post(f"{PAYMENTS}{buy_by_card()['payment']['id']}/approve/", None), 409)

    def test_card_purchase_is_unavailable_while_stripe_is(
        self, app_with: Callable[..., Flask], customer: Caller, packages: dict[str, str], token: Callable[..., str]
    ) -> None:
        away = app_with(stripe_secret_key="sk_test_x", stripe_api_base=f"http://127.0.0.1:{free_port()}")
        path = f"{PACKAGES}{packages['Starter Pack']}/purchase/"
        caller = Caller(away, token(roles=(), user="owner"))
        answer = caller.post(path, {"payment_method": "stripe"})
        error(answer, 503, "payment_gateway_unavailable")
        assert answer.headers["Retry-After"]
        assert payment_of(customer)["status"] == "pending"


class TestSettlement:
    def test_reconciliation_finds_what_was_paid(
        self, stripe_app: Flask, buy_by_card: Buy, stripe_peer: Any, customer: Caller
    ) -> None:
        intent_id = buy_by_card()["payment"]["gateway_reference"]
        assert reconcile(stripe_app) == ["pending"]
        stripe_peer.pay(intent_id)
        assert reconcile(stripe_app) == ["succeeded"]
        assert reconcile(stripe_app) == []
        assert credits_of(customer) == 600
        assert payment_of(customer)["status"] == "succeeded"

    def test_a_declined_card_may_be_followed_by_another(
        self, stripe_app: Flask, buy_by_card: Buy, stripe_peer: Any, customer: Caller
    ) -> None:
        intent_id = buy_by_card()["payment"]["gateway_reference"]
        stripe_peer.pay(intent_id, DECLINED)
        assert reconcile(stripe_app) == ["failed"]
        assert "declined" in payment_of(customer)["failure"]
        assert credits_of(customer) == 100

    def test_a_cancelled_intent_is_never_invoiced(
        self, stripe_app: Flask, buy_by_card: Buy, stripe_peer: Any, customer: Caller
    ) -> None:
        bought = buy_by_card()
        stripe_peer.call("POST", f"/v1/payment_intents/{bought['payment']['gateway_reference']}/cancel")
        assert reconcile(stripe_app) == ["cancelled"]
        assert payment_of(customer)["status"] == "cancelled"
        assert bought["invoice"] is None
        assert data(customer.get("/v1/billing/invoices/"))["count"] == 0


class TestCrashes:
    def test_crash_before_stripe_received_the_intent_is_reconciled(
        self, stripe_app: Flask, buy_by_card: Buy, customer: Caller, dies: Callable[..., None]
    ) -> None:
        dies("open")
        with pytest.raises(SystemExit):
            buy_by_card()
        assert reconcile(stripe_app) == ["not begun yet"]
        with freeze_time(utc_now() + timedelta(hours=2)):
            assert reconcile(stripe_app) == ["cancelled"]
            assert payment_of(customer)["status"] == "cancelled"

    def test_crash_before_the_intent_was_recorded_is_reconciled(
        self, stripe_app: Flask, buy_by_card: Buy, stripe_peer: Any, customer: Caller, dies: Callable[..., None]
    ) -> None:
        dies("open", after=True)
        with pytest.raises(SystemExit):
            buy_by_card()
        assert payment_of(customer)["gateway_reference"] == ""
        (intent,) = stripe_peer.intents()
        stripe_peer.pay(intent["id"])
        assert reconcile(stripe_app) == ["succeeded"]
        assert credits_of(customer) == 600

    def test_purchase_after_a_crash_completes_with_its_key(
        self, buy_by_card: Buy, customer: Caller, dies: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dies("open")
        with pytest.raises(SystemExit):
            buy_by_card(Idempotency_Key="k")
        monkeypatch.undo()
        bought = buy_by_card(Idempotency_Key="k")
        assert payment_of(customer)["id"] == bought["payment"]["id"]
        assert bought["client_secret"]

    @pytest.mark.parametrize("after", [False, True])
    def test_crash_in_the_middle_of_a_refund_is_reconciled(
        self,
        stripe_app: Flask,
        buy_by_card: Buy,
        stripe_peer: Any,
        customer: Caller,
        staff: Caller,
        dies: Callable[..., None],
        monkeypatch: pytest.MonkeyPatch,
        after: bool,
    ) -> None:
        payment = buy_by_card()["payment"]
        stripe_peer.pay(payment["gateway_reference"])
        reconcile(stripe_app)
        dies("refund", after=after)
        with pytest.raises(SystemExit):
            refund(staff, payment["id"])
        # The credits are gone first: they cannot be spent while the money is on its way.
        assert credits_of(customer) == 100
        assert payment_of(customer)["status"] == "refunding"
        monkeypatch.undo()
        assert reconcile(stripe_app) == ["refunded"]
        assert [each["amount"] for each in stripe_peer.refunds()] == [900]
        assert payment_of(customer)["status"] == "refunded"


class TestRefund:
    @pytest.fixture
    def paid(self, stripe_app: Flask, buy_by_card: Buy, stripe_peer: Any) -> Any:
        payment = buy_by_card()["payment"]
        stripe_peer.pay(payment["gateway_reference"])
        reconcile(stripe_app)
        return payment

    def test_card_refund_returns_money_and_credits(
        self, paid: Any, staff: Caller, stripe_peer: Any, customer: Caller
    ) -> None:
        refunded = data(refund(staff, paid["id"], Idempotency_Key="r"))
        assert refunded["status"] == "refunded"
        assert data(refund(staff, paid["id"], Idempotency_Key="r")) == refunded
        error(refund(staff, paid["id"]), 409)
        assert len(stripe_peer.refunds()) == 1
        assert credits_of(customer) == 100

    def test_spent_credits_are_not_refunded(self, paid: Any, staff: Caller, stripe_peer: Any, customer: Caller) -> None:
        body = {"operation_type": "search", "credits_used": 101}
        data(customer.post("/v1/billing/credits/usage/", body), 201)
        failure = error(refund(staff, paid["id"]), 409, "credits_spent")
        assert failure["details"]["missing"] == 1
        assert stripe_peer.refunds() == []

    def test_what_was_refunded_at_stripe_is_not_refunded_again(
        self, paid: Any, staff: Caller, stripe_peer: Any, customer: Caller
    ) -> None:
        stripe_peer.call("POST", "/v1/refunds", payment_intent=paid["gateway_reference"], amount="250")
        assert data(refund(staff, paid["id"]))["status"] == "refunded"
        assert sorted(each["amount"] for each in stripe_peer.refunds()) == [250, 650]
        assert credits_of(customer) == 100

    def test_refund_refused_by_stripe_can_be_tried_again(
        self, paid: Any, staff: Caller, stripe_peer: Any, customer: Caller, stripe_app: Flask
    ) -> None:
        """Stripe repeats a refusal to who asks with the same key, for a day."""
        with stripe_peer.without_funds():
            failure = error(refund(staff, paid["id"], Idempotency_Key="r"), 409)
        assert "Insufficient funds" in failure["message"]
        assert (credits_of(customer), payment_of(customer)["status"]) == (600, "succeeded")
        assert reconcile(stripe_app) == []
        assert data(refund(staff, paid["id"], Idempotency_Key="r"))["status"] == "refunded"
        assert credits_of(customer) == 100

    def test_card_refund_without_stripe_set_up_is_refused(self, paid: Any, admin: Caller, customer: Caller) -> None:
        assert "no longer enabled" in error(refund(admin, paid["id"]), 409)["message"]
        assert credits_of(customer) == 600
        assert payment_of(customer)["status"] == "succeeded"

    def test_refund_of_a_payment_unknown_to_stripe_fails(
        self, app: Flask, paid: Any, staff: Caller, customer: Caller, stripe_app: Flask
    ) -> None:
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(text("SELECT set_config('billing.account_id', '*', true)"))
            connection.execute(text("UPDATE payments SET gateway_reference = NULL"))
        assert "refused" in error(refund(staff, paid["id"]), 409)["message"]
        assert credits_of(customer) == 600
        assert reconcile(stripe_app) == []

    def test_refund_survives_stripe_unavailable_in_the_middle(
        self, paid: Any, staff: Caller, customer: Caller, monkeypatch: pytest.MonkeyPatch, stripe_app: Flask
    ) -> None:
        def away(*_: Any) -> None:
            raise Unavailable("away")

        monkeypatch.setattr(StripeGateway, "refund", away)
        error(refund(staff, paid["id"], Idempotency_Key="r"), 503)
        assert reconcile(stripe_app) == ["not reconciled: away"]
        monkeypatch.undo()
        assert data(refund(staff, paid["id"], Idempotency_Key="r"))["status"] == "refunded"
        assert credits_of(customer) == 100


def test_nothing_is_reconciled_without_stripe_set_up(app: Flask, buy_by_card: Buy, buy: Buy) -> None:
    buy_by_card()
    buy()
    assert list(gateways.DISPLAY_NAMES) == [PaymentMethod.STRIPE, PaymentMethod.MANUAL]
    assert reconcile(app) == []
