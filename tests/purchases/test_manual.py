"""Buying by bank transfer: packages, invoices, approval, refund."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time
from sqlalchemy import text

from app.db.base import db
from tests.auth.test_tokens import signed
from tests.caller import Caller, data, error
from tests.factories import purchases
from tests.factories.customers import accept, credits_of, invite, open_customer, spend

PACKAGES = "/v1/billing/credit-packages/"
INVOICES = "/v1/billing/invoices/"
PAYMENTS = "/v1/billing/payments/"
UNKNOWN = 987654321
Buy = Callable[..., Any]


def approve(caller: Caller, payment_id: int) -> Any:
    return caller.post(f"{PAYMENTS}{payment_id}/approve/", None)


def refund(caller: Caller, payment_id: int) -> Any:
    return caller.post(f"{PAYMENTS}{payment_id}/refund/", {"reason": "Not needed"})


def test_packages_for_sale(customer: Caller) -> None:
    page = data(customer.get(PACKAGES))
    assert [(each["name"], each["credits"], each["price"], each["is_active"]) for each in page["results"]] == [
        ("Starter Pack", 500, "9.00", True),
        ("Growth Pack", 2000, "29.00", True),
        ("Scale Pack", 10000, "119.00", True),
    ]
    assert page["count"] == 3


def test_payment_methods_are_listed(customer: Caller) -> None:
    page = data(customer.get("/v1/billing/payment-methods/"))
    assert [(each["payment_method"], each["is_enabled"]) for each in page["results"]] == [
        ("stripe", False),
        ("manual", True),
    ]
    assert page["count"] == 2


class TestPurchase:
    def test_purchase_needs_a_customer_account(
        self, as_caller: Callable[..., Caller], packages: dict[str, int]
    ) -> None:
        path = f"{PACKAGES}{packages['Starter Pack']}/purchase/"
        error(as_caller(user="stranger").post(path, {"payment_method": "manual"}), 403, "no_account")

    def test_purchase_makes_an_invoice_and_a_payment(self, customer: Caller, buy: Buy) -> None:
        settings = {"billing_city": "Cork", "billing_country": "Ireland", "tax_id": "IE1"}
        data(customer.patch("/v1/account/settings/", settings))
        with freeze_time("2031-03-04T05:06:07Z"):
            bought = buy()
        invoice, payment = bought["invoice"], bought["payment"]
        assert bought["client_secret"] == ""
        assert invoice == {**invoice, **settings, "account_name": "Harbour Studio", "status": "pending"}
        assert (invoice["invoice_number"], invoice["total_amount"]) == ("INV-2031-001", "9.00")
        assert (invoice["created_at"], invoice["paid_at"]) == ("2031-03-04T05:06:07.000Z", None)
        assert (payment["amount"], payment["status"], payment["payment_method"]) == ("9.00", "pending", "manual")
        assert payment["invoice_id"] == invoice["id"]
        assert data(customer.get(f"{INVOICES}{invoice['id']}/")) == invoice
        assert data(customer.get(INVOICES))["results"] == [invoice]
        assert data(customer.get(PAYMENTS))["results"] == [payment]
        assert credits_of(customer) == 100

    def test_invoice_keeps_the_name_it_was_issued_to(self, customer: Caller, buy: Buy) -> None:
        invoice = buy()["invoice"]
        data(customer.patch("/v1/account/settings/", {"name": "Another name"}))
        assert data(customer.get(f"{INVOICES}{invoice['id']}/"))["account_name"] == "Harbour Studio"

    def test_invoice_numbers_restart_each_year(self, buy: Buy) -> None:
        with freeze_time("2031-12-31T23:59:59Z"):
            numbers = [buy()["invoice"]["invoice_number"] for _ in range(2)]
        with freeze_time("2032-01-01T00:00:00Z"):
            numbers.append(buy()["invoice"]["invoice_number"])
        assert numbers == ["INV-2031-001", "INV-2031-002", "INV-2032-001"]

    def test_failed_purchase_takes_no_invoice_number(
        self, app: Flask, customer: Caller, buy: Buy, packages: dict[str, int]
    ) -> None:
        def alter(change: str) -> None:
            with app.app_context(), db.engine.begin() as connection:
                connection.execute(text(f"ALTER TABLE payments {change}"))

        alter("ADD CONSTRAINT unpayable CHECK (credits <> 500)")
        try:
            error(customer.post(f"{PACKAGES}{packages['Starter Pack']}/purchase/", {"payment_method": "manual"}), 500)
        finally:
            alter("DROP CONSTRAINT unpayable")
        assert buy()["invoice"]["invoice_number"].endswith("-001")

    def test_idempotency_key_buys_once(self, customer: Caller, buy: Buy, packages: dict[str, int]) -> None:
        assert buy(Idempotency_Key="k") == buy(Idempotency_Key="k")
        assert data(customer.get(INVOICES))["count"] == 1
        path = f"{PACKAGES}{packages['Growth Pack']}/purchase/"
        error(customer.post(path, {"payment_method": "manual"}, Idempotency_Key="k"), 422, "idempotency_key_reused")

    def test_idempotency_key_does_not_buy_for_another_account(
        self, customer: Caller, customer_id: int, as_caller: Callable[..., Caller], packages: dict[str, int]
    ) -> None:
        other = as_caller(user="other", email="other@quay.example")
        other_id = open_customer(other, "Quay")["id"]
        accept(customer, invite(other, "owner@harbour.example")["id"])
        in_one, in_other = (
            as_caller(user="owner", email="owner@harbour.example", account_id=each) for each in (customer_id, other_id)
        )
        purchases.buy(in_one, Idempotency_Key="k")
        path, body = f"{PACKAGES}{packages['Starter Pack']}/purchase/", {"payment_method": "manual"}
        error(in_other.post(path, body, Idempotency_Key="k"), 422, "idempotency_key_reused")
        assert (data(customer.get(INVOICES))["count"], data(other.get(INVOICES))["count"]) == (1, 0)

    def test_idempotency_key_of_a_purchase_is_the_callers_own(self, app: Flask, customer: Caller) -> None:
        """The same user id from another issuer, or of a machine, is another caller, who buys for the same account."""
        callers = [
            customer,
            Caller(app, signed(sub="owner", iss="https://other.example/", roles=None)),
            Caller(app, signed(sub="owner", gty="client-credentials", roles=None)),
        ]
        for caller in callers:
            assert purchases.buy(caller, Idempotency_Key="k") == purchases.buy(caller, Idempotency_Key="k")
        assert data(customer.get(INVOICES))["count"] == 3

    def test_idempotency_key_of_a_purchase_expires_after_a_day(self, customer: Caller, buy: Buy) -> None:
        with freeze_time("2031-03-04T00:00:00Z"):
            buy(Idempotency_Key="k")
        with freeze_time("2031-03-05T00:00:01Z"):
            buy(Idempotency_Key="k")
            assert data(customer.get(INVOICES))["count"] == 2

    def test_what_cannot_be_bought_is_refused(self, app: Flask, customer: Caller, packages: dict[str, int]) -> None:
        starter = f"{PACKAGES}{packages['Starter Pack']}/purchase/"
        error(customer.post(f"{PACKAGES}{UNKNOWN}/purchase/", {"payment_method": "manual"}), 404)
        error(customer.post(f"{PACKAGES}{2**53}/purchase/", {"payment_method": "manual"}), 400)
        for body in ({}, {"payment_method": "cash"}, {"payment_method": "manual", "amount": "1.00"}):
            error(customer.post(starter, body), 400)
        failure = error(customer.post(starter, {"payment_method": "stripe"}), 400)
        assert "payment_method" in failure["details"]["json"]
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(text("UPDATE credit_packages SET is_active = false WHERE name = 'Starter Pack'"))
        error(customer.post(starter, {"payment_method": "manual"}), 409)
        assert data(customer.get(PACKAGES))["count"] == 2
        assert data(customer.get(INVOICES))["count"] == 0


class TestApproval:
    def test_customer_may_not_approve_a_payment(self, customer: Caller, buy: Buy) -> None:
        error(approve(customer, buy()["payment"]["id"]), 403, "forbidden")

    def test_approval_credits_the_account_once(self, customer: Caller, admin: Caller, buy: Buy) -> None:
        bought = buy()
        payment = data(approve(admin, bought["payment"]["id"]))
        assert payment["status"] == "succeeded"
        assert payment["succeeded_at"] is not None
        error(approve(admin, payment["id"]), 409)
        assert credits_of(customer) == 600
        invoice = data(customer.get(f"{INVOICES}{bought['invoice']['id']}/"))
        assert (invoice["status"], invoice["paid_at"] is not None) == ("paid", True)
        (purchase, *_) = data(customer.get("/v1/billing/transactions/"))["results"]
        assert (purchase["amount"], purchase["transaction_type"]) == (500, "purchase")
        assert invoice["invoice_number"] in purchase["description"]
        assert data(customer.get("/v1/account/usage/analytics/?days=1"))["total_purchases"] == 500

    def test_unknown_payments(self, admin: Caller) -> None:
        error(approve(admin, UNKNOWN), 404)


class TestRefund:
    def test_customer_may_not_refund_a_payment(self, customer: Caller, buy: Buy) -> None:
        error(refund(customer, buy()["payment"]["id"]), 403, "forbidden")

    def test_refund_takes_the_credits_once(self, customer: Caller, admin: Caller, buy: Buy) -> None:
        bought = buy()
        payment_id = bought["payment"]["id"]
        error(refund(admin, payment_id), 409)
        data(approve(admin, payment_id))
        spend(customer, 100)
        refunded = data(refund(admin, payment_id))
        assert refunded["status"] == "refunded"
        error(refund(admin, payment_id), 409)
        error(approve(admin, payment_id), 409)
        assert credits_of(customer) == 0
        assert data(customer.get(f"{INVOICES}{bought['invoice']['id']}/"))["status"] == "refunded"
        assert data(customer.get("/v1/billing/transactions/"))["results"][0]["amount"] == -500

    def test_refund_of_spent_credits_is_refused(self, customer: Caller, admin: Caller, buy: Buy) -> None:
        payment_id = buy()["payment"]["id"]
        data(approve(admin, payment_id))
        spend(customer, 130)
        failure = error(refund(admin, payment_id), 409, "credits_spent")
        assert failure["details"] == {"missing": 30, "available": 470, "credits": 500}
        assert data(customer.get(PAYMENTS))["results"][0]["status"] == "succeeded"
        assert credits_of(customer) == 470

    def test_unknown_payments(self, admin: Caller) -> None:
        error(refund(admin, UNKNOWN), 404)


class TestForeign:
    @pytest.fixture
    def other(self, as_caller: Callable[..., Caller]) -> Caller:
        caller = as_caller(user="other")
        open_customer(caller, "Other")
        return caller

    def test_purchases_of_others_are_not_found(self, other: Caller, buy: Buy) -> None:
        invoice = buy()["invoice"]
        error(other.get(f"{INVOICES}{invoice['id']}/"), 404)
        error(other.get(f"{INVOICES}{invoice['id']}/pdf/"), 404)
        assert data(other.get(INVOICES))["count"] == data(other.get(PAYMENTS))["count"] == 0

    def test_lists_of_purchases_filter(self, customer: Caller, admin: Caller, buy: Buy) -> None:
        buy()
        data(approve(admin, buy()["payment"]["id"]))
        assert data(customer.get(f"{INVOICES}?status=paid"))["count"] == 1
        assert data(customer.get(f"{PAYMENTS}?status=pending&payment_method=manual"))["count"] == 1
        assert data(customer.get(f"{INVOICES}?end_date=2001-01-01"))["count"] == 0
        assert "status" in error(customer.get(f"{INVOICES}?status=lost"), 400)["details"]["query"]
