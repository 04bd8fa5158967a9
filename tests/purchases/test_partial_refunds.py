"""Refunds of a part of a payment: how much money and how many credits, and what is refused."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from freezegun import freeze_time
from sqlalchemy import text

from app.clock import utc_now
from app.credits import audit as credit_audit
from app.db.base import db
from app.errors import ServiceError, Unavailable
from app.purchases import audit
from app.purchases.gateways.stripe import StripeGateway
from app.purchases.refund_terms import Bought as Terms
from app.purchases.refund_terms import terms_of
from tests.caller import Caller, data, error
from tests.factories import purchases
from tests.purchases.conftest import Bought
from tests.slow_gateway import SlowGateway
from tests.stripe_events import event

PAYMENTS = "/v1/billing/payments/"


@pytest.fixture(autouse=True)
def _sound_books(bought: Bought) -> Any:
    yield
    with bought.app.app_context():
        assert [*credit_audit.differences(), *audit.differences()] == []


def shown(payment: Any) -> tuple[str, str, int, list[tuple[str, int, str]]]:
    refunds = [(each["amount"], each["credits"], each["status"]) for each in payment["refunds"]]
    return payment["status"], payment["amount_refunded"], payment["credits_refunded"], refunds


class TestTerms:
    def test_parts_come_to_the_whole(self) -> None:
        """However a payment is refunded, by money or by credits, the last part is the exact rest of both."""
        for amount, credits in ((Decimal("9.00"), 500), (Decimal("0.07"), 3), (Decimal("119.00"), 10_000)):
            for part in (Decimal("0.01"), Decimal("0.02"), amount / 3):
                step, bought = part.quantize(Decimal("0.01")), Terms(credits, amount, Decimal(0), 0)
                while bought.refundable:
                    terms = terms_of(bought, min(step, bought.refundable), None)
                    taken, returned = bought.taken + terms.credits, bought.returned + terms.amount
                    assert taken == int(credits * returned // amount)
                    bought = bought._replace(returned=returned, taken=taken)
                assert bought.taken == credits

    def test_credits_name_their_money(self) -> None:
        bought = Terms(500, Decimal("9.00"), Decimal(0), 0)
        assert terms_of(bought, None, 100) == (Decimal("1.80"), 100)
        bought = bought._replace(returned=Decimal("1.80"), taken=100)
        assert terms_of(bought, None, 1) == (Decimal("0.01"), 1)
        assert terms_of(bought, None, 400) == (Decimal("7.20"), 400)

    def test_credits_whose_money_went_back_before_have_none(self) -> None:
        with pytest.raises(ServiceError, match="name the amount"):
            terms_of(Terms(500, Decimal("9.00"), Decimal("5.00"), 0), None, 100)


class TestRefunds:
    def test_several_parts_and_the_rest(self, bought: Bought) -> None:
        assert shown(data(bought.refund({"amount": "1.00"}))) == (
            *("partially_refunded", "1.00", 55),
            [("1.00", 55, "succeeded")],
        )
        assert shown(data(bought.refund({"amount": "1.00"})))[1:3] == ("2.00", 111)
        assert shown(data(bought.refund({"credits": 9})))[1:3] == ("2.16", 120)
        assert shown(data(bought.refund({"amount": "1.84", "credits": 0})))[1:3] == ("4.00", 120)
        rest = data(bought.refund())
        assert shown(rest)[:3] == ("refunded", "9.00", 500)
        assert [each["reason"] for each in rest["refunds"]] == ["Not needed"] * 5
        assert sum(each["amount"] for each in bought.gateway.refunds.values()) == 900
        assert bought.status() == ("refunded", 100, "refunded")

    def test_both_are_taken_as_given(self, bought: Bought) -> None:
        assert shown(data(bought.refund({"amount": "8.99", "credits": 3})))[:3] == ("partially_refunded", "8.99", 3)
        assert shown(data(bought.refund({"amount": "0.01"})))[:3] == ("refunded", "9.00", 500)

    @pytest.mark.parametrize("terms", [{"amount": "9.01"}, {"credits": 501}, {"amount": "1.00", "credits": 501}])
    def test_more_than_was_paid_is_refused(self, bought: Bought, terms: Any) -> None:
        failure = error(bought.refund(terms), 409, "refund_exceeds_payment")
        assert failure["details"] == {"refundable": "9.00", "credits": 500}
        assert bought.status() == ("succeeded", 600, "paid")

    def test_more_than_is_left_is_refused(self, bought: Bought) -> None:
        data(bought.refund({"amount": "4.50"}))
        failure = error(bought.refund({"amount": "4.51"}), 409, "refund_exceeds_payment")
        assert failure["details"]["refundable"] == "4.50"

    def test_spent_credits_are_missing_only_if_they_are_asked_for(self, bought: Bought) -> None:
        bought.spend(100 + 300)
        details = error(bought.refund({"amount": "4.50"}), 409, "credits_spent")["details"]
        assert details == {"missing": 50, "available": 200, "credits": 250}
        assert shown(data(bought.refund({"amount": "4.50", "credits": 200})))[1:3] == ("4.50", 200)
        assert error(bought.refund(), 409, "credits_spent")["details"]["missing"] == 300
        assert shown(data(bought.refund({"amount": "4.50", "credits": 0})))[:3] == ("refunded", "9.00", 200)

    def test_refunds_wait_for_the_gateway_each(self, bought: Bought, gateway: SlowGateway) -> None:
        gateway.refunds_are = "pending"
        data(bought.refund({"amount": "3.00"}))
        assert shown(data(bought.refund({"amount": "3.00"})))[:3] == ("refunding", "6.00", 333)
        first, second = gateway.refunds.values()
        assert bought.tell(event("refund.updated", "evt_1", **{**first, "status": "succeeded"})) is True
        assert bought.status() == ("refunding", 600 - 333, "partially_refunded")
        assert bought.tell(event("refund.updated", "evt_2", **{**second, "status": "failed"})) is True
        assert shown(bought.payment())[:3] == ("partially_refunded", "3.00", 166)

    def test_key_finds_its_refund_and_no_other(self, bought: Bought) -> None:
        first = data(bought.refund({"amount": "1.00"}, Idempotency_Key="r"))
        assert data(bought.refund({"amount": "1.00"}, Idempotency_Key="r")) == first
        error(bought.refund({"amount": "2.00"}, Idempotency_Key="r"), 422, "idempotency_key_reused")
        assert len(bought.gateway.refunds) == 1

    @pytest.mark.parametrize("other", [{"amount": "2.00"}, {"amount": "0.50"}, {"amount": "1.00", "credits": 0}, {}])
    def test_key_of_a_refund_that_the_gateway_did_not_answer_is_not_for_another(
        self, bought: Bought, monkeypatch: pytest.MonkeyPatch, other: Any
    ) -> None:
        def away(*_: Any) -> None:
            raise Unavailable("away")

        with monkeypatch.context() as patched:
            patched.setattr(StripeGateway, "refund", away)
            error(bought.refund({"amount": "1.00"}, Idempotency_Key="r"), 503)
        error(bought.refund(other, Idempotency_Key="r"), 422, "idempotency_key_reused")
        assert shown(data(bought.refund({"amount": "1.00"}, Idempotency_Key="r")))[1] == "1.00"

    def test_refunds_at_stripe_that_nobody_told_of_are_not_made_again(
        self, bought: Bought, gateway: SlowGateway
    ) -> None:
        gateway.refund(bought.intent, 250)
        refunded = data(bought.refund())
        assert shown(refunded)[:3] == ("refunded", "9.00", 500)
        assert [each["amount"] for each in refunded["refunds"]] == ["6.50", "2.50"]
        assert [each["amount"] for each in gateway.refunds.values()] == [250, 650]
        # The same, told later.
        for number, each in enumerate(list(gateway.refunds.values())):
            bought.tell(event("refund.updated", f"evt_{number}", **each))
        assert shown(bought.payment())[:3] == ("refunded", "9.00", 500)


class TestApproval:
    @pytest.fixture
    def transfer(self, customer: Caller, admin: Caller) -> Callable[..., Any]:
        path = f"{PAYMENTS}{purchases.buy(customer)['payment']['id']}/approve/"
        return lambda body=None: admin.post(path, body)

    def test_another_amount_is_accepted_for_a_reason_only(self, transfer: Callable[..., Any]) -> None:
        for amount in ("8.50", "9.01"):
            failure = error(transfer({"received_amount": amount}), 409, "amount_mismatch")
            assert failure["details"] == {"received": amount, "due": "9.00"}
        failure = error(transfer({"received_amount": "8.50", "accept_difference": True}), 400)
        assert "reason" in failure["details"]["json"]
        told = {"received_amount": "8.50", "reference": "RF18", "received_on": "2026-03-04"}
        approved = data(transfer({**told, "accept_difference": True, "reason": "Bank charges"}))
        expected = {**told, "difference_reason": "Bank charges", "status": "succeeded", "amount": "9.00"}
        assert {name: approved[name] for name in expected} == expected

    def test_no_more_goes_back_than_was_received(self, customer: Caller, admin: Caller) -> None:
        received = {"received_amount": "8.50", "accept_difference": True, "reason": "Bank charges"}
        path = f"{PAYMENTS}{purchases.buy(customer)['payment']['id']}/"
        data(admin.post(f"{path}approve/", received))
        reason = {"reason": "Not needed"}
        failure = error(admin.post(f"{path}refund/", {**reason, "amount": "8.51"}), 409, "refund_exceeds_payment")
        assert failure["details"] == {"refundable": "8.50", "credits": 500}
        half = data(admin.post(f"{path}refund/", {**reason, "amount": "4.25"}))
        assert shown(half)[:3] == ("partially_refunded", "4.25", 250)
        assert shown(data(admin.post(f"{path}refund/", reason)))[:3] == ("refunded", "8.50", 500)
        invoice = data(customer.get(f"/v1/billing/invoices/{half['invoice_id']}/"))
        assert (invoice["status"], invoice["amount_credited"], invoice["total_amount"]) == ("refunded", "9.00", "9.00")
        credited = data(customer.get("/v1/billing/credit-notes/"))["results"]
        # With the last of the money the difference is credited, too.
        assert [(each["total_amount"], each["reason"]) for each in credited] == [
            ("4.75", "Not needed"),
            ("4.25", "Not needed"),
        ]

    def test_no_more_goes_back_than_was_due(self, customer: Caller, admin: Caller) -> None:
        received = {"received_amount": "9.50", "accept_difference": True, "reason": "Paid too much"}
        path = f"{PAYMENTS}{purchases.buy(customer)['payment']['id']}/"
        data(admin.post(f"{path}approve/", received))
        failure = error(admin.post(f"{path}refund/", {"reason": "x", "amount": "9.01"}), 409, "refund_exceeds_payment")
        assert failure["details"]["refundable"] == "9.00"
        assert shown(data(admin.post(f"{path}refund/", {"reason": "x"})))[:3] == ("refunded", "9.00", 500)

    def test_day_of_receipt_is_not_in_the_future(self, transfer: Callable[..., Any]) -> None:
        today = utc_now().date()
        failure = error(transfer({"received_on": (today + timedelta(days=1)).isoformat()}), 400, "invalid_input")
        assert failure["details"]["json"] == {"received_on": ["Must not be in the future."]}
        assert data(transfer({"received_on": today.isoformat()}))["received_on"] == today.isoformat()

    @pytest.mark.parametrize("body", [None, {}, {"received_amount": "9.00"}, {"received_amount": 9}])
    def test_amount_due_needs_no_word(self, transfer: Callable[..., Any], body: Any) -> None:
        approved = data(transfer(body))
        assert (approved["received_amount"], approved["difference_reason"]) == ("9.00", "")

    @pytest.mark.parametrize("body", [{"received_amount": "0.00"}, {"received_on": "2031-02-30"}, {"x": 1}, []])
    def test_nonsense_is_refused(self, transfer: Callable[..., Any], body: Any) -> None:
        error(transfer(body), 400)


def test_failed_refund_moves_the_expiry_of_its_credits(bought: Bought, gateway: SlowGateway) -> None:
    expires_at = utc_now() + timedelta(days=10)
    with bought.app.app_context(), db.engine.begin() as connection:
        connection.execute(text("SELECT set_config('billing.account_id', '*', true)"))
        connection.execute(
            text("UPDATE credit_lots SET expires_at = :at WHERE source = 'purchase'"), {"at": expires_at}
        )
        connection.execute(text("UPDATE credit_balances SET due_at = :at"), {"at": expires_at})
    gateway.refunds_are = "pending"
    data(bought.refund())
    (made,) = gateway.refunds.values()
    with freeze_time(utc_now() + timedelta(days=7), tick=True):
        assert bought.tell(event("refund.failed", **{**made, "status": "failed"})) is True
    lots = data(bought.customer.get("/v1/billing/credits/lots/"))["results"]
    (lot,) = (each for each in lots if each["source"] == "purchase")
    assert lot["remaining"] == 500
    later = datetime.fromisoformat(lot["expires_at"]) - expires_at
    assert timedelta(days=7) <= later < timedelta(days=7, minutes=5)
