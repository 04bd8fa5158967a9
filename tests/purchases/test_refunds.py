"""Which credits a refund takes, and what a request for one may hold."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from app import tenancy
from app.credits import audit as credit_audit
from app.db.base import db
from app.purchases import audit
from tests.caller import Caller, data, error
from tests.factories import customers
from tests.factories.customers import credits_of, spend
from tests.factories.purchases import approve

PAYMENTS = "/v1/billing/payments/"
REASON = {"reason": "Not needed"}
Buy = Callable[..., Any]


@pytest.fixture
def paid(buy: Buy, admin: Caller) -> Callable[[], int]:
    """Buys the Starter Pack of 500 credits; the payment."""

    def act(**options: Any) -> int:
        payment_id: int = buy(**options)["payment"]["id"]
        approve(admin, payment_id)
        return payment_id

    return act


@pytest.fixture(autouse=True)
def _sound_books(app: Flask) -> Any:
    yield
    with app.app_context():
        assert [*credit_audit.differences(), *audit.differences()] == []


@pytest.fixture
def grant(admin: Caller, customer_id: int) -> Callable[..., Any]:
    """Gives credits to the customer: `grant(50)`."""
    return partial(customers.grant, admin, customer_id)


def refund(admin: Caller, payment_id: int, body: Any = REASON) -> Any:
    return admin.post(f"{PAYMENTS}{payment_id}/refund/", body)


class TestWhichCredits:
    def test_refund_does_not_take_given_credits_for_bought_ones(
        self, customer: Caller, admin: Caller, paid: Callable[..., int], grant: Callable[..., None]
    ) -> None:
        payment_id = paid()
        spend(customer, 400)
        grant(300)
        failure = error(refund(admin, payment_id), 409, "credits_spent")
        assert failure["details"] == {"missing": 300, "available": 200, "credits": 500}

    @pytest.mark.parametrize("kind", ["grant", "adjustment", "refund"])
    def test_given_credits_are_spent_first(
        self, customer: Caller, admin: Caller, paid: Callable[..., int], grant: Callable[..., None], kind: str
    ) -> None:
        payment_id = paid()
        grant(200, kind)
        spend(customer, 300)
        assert data(refund(admin, payment_id))["status"] == "refunded"
        assert credits_of(customer) == 0

    def test_downward_adjustment_counts_as_spending(
        self, customer: Caller, admin: Caller, paid: Callable[..., int], grant: Callable[..., None]
    ) -> None:
        payment_id = paid()
        grant(-150, "adjustment")
        assert error(refund(admin, payment_id), 409, "credits_spent")["details"]["missing"] == 50
        assert credits_of(customer) == 450

    def test_older_purchase_is_spent_first(self, customer: Caller, admin: Caller, paid: Callable[..., int]) -> None:
        first, second = paid(), paid()
        spend(customer, 130)
        assert error(refund(admin, first), 409, "credits_spent")["details"]["missing"] == 30
        assert data(refund(admin, second))["credits_refunded"] == 500
        assert error(refund(admin, first), 409, "credits_spent")["details"]["missing"] == 30
        third = paid()
        spend(customer, 480)
        assert error(refund(admin, third), 409, "credits_spent")["details"]["missing"] == 10

    def test_bulk_spending_uses_up_purchases_alike(
        self, customer: Caller, admin: Caller, paid: Callable[..., int]
    ) -> None:
        payment_id = paid()
        items = [{"operation_type": "x", "credits_used": 60, "key": str(n)} for n in range(2)]
        data(customer.post("/v1/billing/credits/usage/bulk/", items))
        assert error(refund(admin, payment_id), 409, "credits_spent")["details"]["missing"] == 20

    def test_verification_notices_a_lot_that_its_transactions_do_not_make(
        self, app: Flask, customer_id: int, paid: Callable[..., int]
    ) -> None:
        payment_id = paid()
        with app.app_context():
            tenancy.set_account(customer_id)
            db.session.execute(text("UPDATE credit_lots SET remaining = remaining - 1 WHERE source = 'purchase'"))
            db.session.execute(text("UPDATE payments SET credits_refunded = 7"))
            subjects = [each.subject for each in credit_audit.differences()]
            assert [each.partition(",")[0] for each in subjects] == [f"account {customer_id}"] * 2
            assert {each.subject for each in audit.differences()} == {f"payment {payment_id}"}
            db.session.rollback()


class TestRequest:
    @pytest.mark.parametrize(
        "body",
        [
            *(
                None,
                {},
                {"amount": "1.00"},
                {"reason": None},
                {"reason": ""},
                {"reason": " "},
                {"reason": "x" * 501},
                {"reason": 5},
                [],
                '{"x":',
                "x",
            ),
            *({**REASON, "amount": amount} for amount in ("0.00", "-1.00", "0.001", "x", 1.5e300, True, None)),
            *({**REASON, "credits": credits} for credits in (-1, 1.5, "1", True, None)),
            {**REASON, "x": 1},
        ],
    )
    def test_refund_refuses_unknown_fields(
        self, customer: Caller, admin: Caller, paid: Callable[..., int], body: Any
    ) -> None:
        payment_id = paid()
        body = body.encode() if isinstance(body, str) else body
        error(refund(admin, payment_id, body), 400)
        assert data(customer.get(f"{PAYMENTS}{payment_id}/"))["status"] == "succeeded"

    def test_reason_of_a_refund_is_kept(
        self, app: Flask, customer_id: int, admin: Caller, paid: Callable[..., int]
    ) -> None:
        refunded = data(refund(admin, paid(), {"reason": "Bought by mistake"}))
        assert (refunded["status"], refunded["amount_refunded"], refunded["credits_refunded"]) == (
            "refunded",
            "9.00",
            500,
        )
        with app.app_context():
            tenancy.set_account(customer_id)
            found = db.session.execute(text("SELECT reason, requested_by, status FROM refunds")).one()
        assert tuple(found) == ("Bought by mistake", "admin", "succeeded")
        (shown,) = refunded["refunds"]
        expected = {"amount": "9.00", "credits": 500, "status": "succeeded", "reason": "Bought by mistake"}
        assert {name: shown[name] for name in expected} == expected
