"""Refunds whose outcome the gateway tells later, or which fail."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from app import tenancy
from app.db.base import db
from tests.caller import data, error
from tests.processes import until
from tests.purchases.conftest import Bought
from tests.slow_gateway import SlowGateway
from tests.stripe_events import event

PAID = ("succeeded", 600, "paid")
REFUNDING = ("refunding", 100, "paid")
REFUNDED = ("refunded", 100, "refunded")


def about(refund: dict[str, Any], kind: str = "refund.updated", event_id: str = "evt_1", **changes: Any) -> Any:
    return event(kind, event_id, **{**refund, **changes})


def key_of_the_refund(bought: Bought) -> Any:
    with bought.app.app_context():
        tenancy.set_every_account()
        return db.session.execute(text("SELECT CAST(gateway_key AS text) FROM refunds")).scalar_one_or_none()


@pytest.fixture
def pending(gateway: SlowGateway, bought: Bought) -> dict[str, Any]:
    """A refund that the gateway has not decided on."""
    gateway.refunds_are = "pending"
    assert data(bought.refund())["status"] == "refunding"
    (refund,) = gateway.refunds.values()
    return refund


def test_refund_stays_pending_until_the_gateway_decides(
    gateway: SlowGateway, bought: Bought, pending: dict[str, Any]
) -> None:
    assert bought.status() == REFUNDING
    assert bought.payment()["refunded_at"] is None
    assert bought.reconcile() == ["refund pending"]
    error(bought.refund(), 409, "refund_exceeds_payment")
    assert bought.status() == REFUNDING
    pending["status"] = "succeeded"
    assert bought.reconcile() == ["refunded"]
    assert bought.status() == REFUNDED
    assert bought.payment()["refunded_at"] is not None
    assert bought.reconcile() == []
    assert len(gateway.refunds) == 1


def test_refund_event_completes_a_pending_refund_once(bought: Bought, pending: dict[str, Any]) -> None:
    assert bought.tell(about(pending)) is False
    assert bought.tell(about(pending, event_id="evt_2", status="succeeded")) is True
    assert bought.status() == REFUNDED
    assert bought.tell(about(pending, event_id="evt_2", status="succeeded")) is False
    assert bought.tell(about(pending, event_id="evt_3", status="pending")) is False
    assert bought.status() == REFUNDED


@pytest.mark.parametrize("kind", ["refund.failed", "refund.updated", "charge.refund.updated"])
@pytest.mark.parametrize("first", ["pending", "succeeded"])
def test_failed_refund_gives_the_credits_back(bought: Bought, gateway: SlowGateway, kind: str, first: str) -> None:
    gateway.refunds_are = first
    data(bought.refund())
    (refund,) = gateway.refunds.values()
    failed = about(refund, kind, status="failed", failure_reason="lost_or_stolen_card")
    assert bought.tell(failed) is True
    assert bought.status() == PAID
    payment = bought.payment()
    assert payment["failure"] == "Refund failed: lost_or_stolen_card"
    assert (payment["amount_refunded"], payment["credits_refunded"], payment["refunded_at"]) == ("0.00", 0, None)
    # Whatever is told of it from here on is old.
    assert bought.tell(about(refund, event_id="evt_2", status="succeeded")) is False
    assert bought.tell(about(refund, event_id="evt_3", status="pending")) is False
    assert bought.status() == PAID
    assert bought.reconcile() == []


def test_failed_refund_can_be_made_again(bought: Bought, gateway: SlowGateway) -> None:
    gateway.refunds_are = "failed"
    failure = error(bought.refund(Idempotency_Key="r"), 409)
    assert failure["message"] == "The payment gateway refused the refund: lost_or_stolen_card"
    assert bought.status() == PAID
    gateway.refunds_are = "succeeded"
    assert data(bought.refund(Idempotency_Key="r"))["status"] == "refunded"
    assert bought.status() == REFUNDED
    assert [each["status"] for each in gateway.refunds.values()] == ["failed", "succeeded"]


def test_reconciliation_finds_that_a_refund_failed(bought: Bought, pending: dict[str, Any]) -> None:
    pending.update(status="failed", failure_reason="expired_or_canceled_card")
    assert bought.reconcile() == ["refund refused: expired_or_canceled_card"]
    assert bought.status() == PAID


def test_refund_cancelled_at_the_gateway_failed(bought: Bought, pending: dict[str, Any]) -> None:
    assert bought.tell(about(pending, status="canceled")) is True
    assert bought.status() == PAID


def test_credits_of_a_pending_refund_cannot_be_spent(bought: Bought, pending: dict[str, Any]) -> None:
    assert pending["amount"] == 900
    body = {"operation_type": "x", "credits_used": 101}
    error(bought.customer.post("/v1/billing/credits/usage/", body), 402)
    bought.spend(100)
    assert bought.tell(about(pending, status="failed")) is True
    assert bought.status() == ("succeeded", 500, "paid")


def test_credits_of_a_failed_refund_are_those_of_the_purchase(bought: Bought, pending: dict[str, Any]) -> None:
    assert bought.tell(about(pending, status="failed")) is True
    bought.spend(100)
    assert data(bought.refund())["status"] == "refunding"
    assert bought.status() == ("refunding", 0, "paid")


def test_refund_event_may_come_before_the_gateways_response(bought: Bought, gateway: SlowGateway) -> None:
    """Stripe may tell of a refund before it answers the request that makes it: it is the same one."""
    gateway.refunds_are = "pending"
    with ThreadPoolExecutor(1) as pool:
        with gateway.lock:
            asked = pool.submit(bought.refund)
            until(lambda: key_of_the_refund(bought) is not None, "the refund to be begun")
            key = key_of_the_refund(bought)
            early = {"id": "re_1", "amount": 900, "payment_intent": bought.intent, "metadata": {"refund_key": key}}
            assert bought.tell(event("refund.created", **early, status="pending")) is False
        assert data(asked.result())["status"] == "refunding"
    assert bought.tell(event("refund.updated", "evt_2", **early, status="succeeded")) is True
    assert bought.status() == REFUNDED
    assert bought.payment()["amount_refunded"] == "9.00"
