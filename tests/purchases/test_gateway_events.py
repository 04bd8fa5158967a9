"""Refunds and disputes that are made at the gateway."""

from typing import Any

import pytest

from app.credits import audit as credit_audit
from app.purchases import audit
from tests.caller import data, error
from tests.purchases.conftest import Bought
from tests.slow_gateway import SlowGateway
from tests.stripe_events import event

PAID = ("succeeded", 600, "paid")
REFUNDED = ("refunded", 100, "refunded")


@pytest.fixture(autouse=True)
def _sound_books(bought: Bought) -> Any:
    yield
    with bought.app.app_context():
        assert [*credit_audit.differences(), *audit.differences()] == []


def charge(bought: Bought, cents: int, event_id: str = "evt_1", created: int | None = None) -> Any:
    """What is refunded of a charge in all."""
    about = {"id": "ch_1", "amount": 900, "amount_refunded": cents, "payment_intent": bought.intent}
    return event("charge.refunded", event_id, created, **about)


def refund(bought: Bought, name: str, cents: int, status: str, event_id: str, created: int | None = None) -> Any:
    about = {"id": name, "amount": cents, "status": status, "payment_intent": bought.intent}
    return event("refund.updated", event_id, created, **about)


def dispute(bought: Bought, status: str, event_id: str, cents: int = 900, name: str = "du_1") -> Any:
    about = {"id": name, "amount": cents, "status": status, "payment_intent": bought.intent}
    return event("charge.dispute.updated", event_id, **about)


class TestRefunds:
    def test_full_refund_event_takes_the_credits(self, bought: Bought) -> None:
        assert bought.tell(charge(bought, 900)) is True
        assert bought.status() == REFUNDED
        assert bought.tell(charge(bought, 900)) is False
        assert bought.tell(charge(bought, 900, "evt_2")) is False
        assert bought.status() == REFUNDED
        error(bought.refund(), 409)

    def test_partial_refund_events_add_up(self, bought: Bought) -> None:
        """Credits are taken by the whole of what went back, rounded down, so that parts come to the whole."""
        assert bought.tell(charge(bought, 100)) is True
        assert bought.status() == ("partially_refunded", 600 - 55, "partially_refunded")
        assert bought.tell(charge(bought, 200, "evt_2")) is True
        assert bought.status() == ("partially_refunded", 600 - 111, "partially_refunded")
        assert bought.payment()["amount_refunded"] == "2.00"
        assert bought.tell(charge(bought, 100, "evt_3")) is False
        assert bought.tell(charge(bought, 900, "evt_4")) is True
        assert bought.status() == REFUNDED

    def test_rest_of_a_partial_refund_can_be_refunded_by_staff(self, bought: Bought, gateway: SlowGateway) -> None:
        gateway.refund(bought.intent, 250)
        assert bought.tell(charge(bought, 250)) is True
        assert data(bought.refund())["status"] == "refunded"
        assert [each["amount"] for each in gateway.refunds.values()] == [250, 650]
        assert bought.status() == REFUNDED

    def test_spent_credits_stay_spent_and_given_ones_stay(self, bought: Bought) -> None:
        bought.spend(400)
        body = {"account_id": bought.payment()["account_id"], "amount": 1000, "transaction_type": "grant"}
        data(bought.staff.post("/v1/billing/credits/grant/", {**body, "description": "Goodwill"}), 201)
        assert bought.tell(charge(bought, 900)) is True
        assert bought.status() == ("refunded", 1000, "refunded")
        assert bought.payment()["credits_refunded"] == 500

    def test_refund_told_by_two_events_counts_once(self, bought: Bought) -> None:
        assert bought.tell(refund(bought, "re_9", 300, "succeeded", "evt_1")) is True
        assert bought.tell(charge(bought, 300, "evt_2")) is False
        assert bought.tell(charge(bought, 500, "evt_3")) is True
        assert bought.tell(refund(bought, "re_10", 200, "succeeded", "evt_4")) is True
        assert bought.payment()["amount_refunded"] == "5.00"
        assert bought.tell(refund(bought, "re_11", 400, "pending", "evt_5")) is True
        assert bought.status() == ("refunding", 100, "partially_refunded")
        assert bought.tell(refund(bought, "re_11", 400, "succeeded", "evt_6")) is True
        assert bought.status() == REFUNDED

    def test_failed_refund_event_gives_its_part_back(self, bought: Bought) -> None:
        assert bought.tell(charge(bought, 450, created=1_900_000_000)) is True
        assert bought.status() == ("partially_refunded", 350, "partially_refunded")
        assert bought.tell(refund(bought, "re_9", 450, "failed", "evt_2", 1_900_000_060)) is True
        assert bought.status() == PAID
        # The same total, told late.
        assert bought.tell(charge(bought, 450, "evt_3", 1_900_000_000)) is False
        assert bought.status() == PAID
        assert bought.tell(charge(bought, 450, "evt_4", 1_900_000_120)) is True
        assert bought.status() == ("partially_refunded", 350, "partially_refunded")

    def test_refund_event_before_the_payment_succeeded_counts(self, bought: Bought) -> None:
        second = bought.another()
        assert second.tell(charge(second, 900)) is True
        assert second.status() == ("pending", 600, None)
        assert second.reconcile() == ["succeeded"]
        assert second.status() == ("refunded", 600, "refunded")


class TestDisputes:
    @pytest.mark.parametrize("status", ["warning_needs_response", "warning_under_review", "warning_closed", "new_kind"])
    def test_inquiry_event_changes_nothing(self, bought: Bought, status: str) -> None:
        assert bought.tell(dispute(bought, status, "evt_1")) is False
        assert bought.status() == PAID

    def test_won_dispute_returns_the_payment_to_paid(self, bought: Bought) -> None:
        assert bought.tell(dispute(bought, "needs_response", "evt_1")) is True
        assert bought.status() == ("disputed", 600, "paid")
        assert error(bought.refund(), 409)["message"] == "A payment that is disputed cannot be refunded"
        assert bought.tell(dispute(bought, "under_review", "evt_2")) is False
        assert bought.tell(dispute(bought, "won", "evt_3")) is True
        assert bought.status() == PAID
        assert bought.tell(dispute(bought, "needs_response", "evt_4")) is False
        assert bought.status() == PAID

    def test_lost_dispute_takes_the_credits_that_are_left(self, bought: Bought) -> None:
        bought.spend(250)
        assert bought.tell(dispute(bought, "needs_response", "evt_1")) is True
        assert bought.tell(dispute(bought, "lost", "evt_2")) is True
        assert bought.status() == ("charged_back", 0, "refunded")
        assert bought.payment()["credits_refunded"] == 500
        assert bought.tell(dispute(bought, "lost", "evt_3")) is False
        assert bought.tell(dispute(bought, "needs_response", "evt_4")) is False
        assert bought.status() == ("charged_back", 0, "refunded")
        error(bought.refund(), 409)

    def test_dispute_lost_in_part_refunds_that_part(self, bought: Bought) -> None:
        assert bought.tell(dispute(bought, "lost", "evt_1", cents=300)) is True
        assert bought.status() == ("charged_back", 600 - 166, "partially_refunded")
        assert bought.tell(charge(bought, 600, "evt_2")) is True
        assert bought.status() == ("charged_back", 100, "refunded")

    def test_won_dispute_after_a_partial_refund_returns_to_that(self, bought: Bought) -> None:
        assert bought.tell(charge(bought, 450)) is True
        assert bought.tell(dispute(bought, "needs_response", "evt_2", cents=450)) is True
        assert bought.tell(dispute(bought, "won", "evt_3", cents=450)) is True
        assert bought.status() == ("partially_refunded", 350, "partially_refunded")


class TestHostile:
    @pytest.mark.parametrize("kind", ["charge.refunded", "refund.failed", "charge.dispute.closed"])
    @pytest.mark.parametrize(
        "about",
        [
            {},
            {"id": 5, "amount": 900, "amount_refunded": "900", "status": "lost"},
            {"id": "x", "amount": -1, "amount_refunded": -1, "status": "lost"},
            {"id": "x", "amount": True, "amount_refunded": True, "status": "lost"},
            {"id": "x", "amount": 1.5, "amount_refunded": 1.5, "status": "lost"},
            {"id": "x", "amount": 10**30, "amount_refunded": 10**30, "status": "lost"},
            {"id": "x\x00", "amount": None, "amount_refunded": None, "status": "lost"},
            {"id": "x", "amount": 900, "amount_refunded": 900, "status": "lost", "currency": "eur"},
            {"id": "x", "amount": 900, "amount_refunded": 900, "status": "lost", "currency": None},
        ],
    )
    def test_nonsense_in_gateway_events_is_refused(self, bought: Bought, kind: str, about: dict[str, Any]) -> None:
        error(bought.stripe.send(event(kind, **{"payment_intent": bought.intent, **about})), 400)
        assert bought.status() == PAID

    @pytest.mark.parametrize("created", ["now", True, 10**30, [1]])
    def test_gateway_event_with_an_impossible_time_is_refused(self, bought: Bought, created: Any) -> None:
        error(bought.stripe.send(charge(bought, 900, created=created)), 400)
        assert bought.status() == PAID

    def test_gateway_event_of_another_intent_is_ignored(self, bought: Bought) -> None:
        for intent in ("pi_unknown", None):
            about: dict[str, Any] = {"id": "ch_1", "amount": 900, "amount_refunded": 900, "payment_intent": intent}
            assert bought.tell(event("charge.refunded", str(intent), **about)) is False
        assert bought.status() == PAID

    def test_refund_event_of_more_than_was_paid_is_bounded(self, bought: Bought) -> None:
        assert bought.tell(charge(bought, 99_999)) is True
        assert bought.status() == REFUNDED
