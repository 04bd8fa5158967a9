"""Credit notes: one for each order that is cancelled and each refund, and together no more than the invoice."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from app import tenancy
from app.db.base import db
from app.purchases import audit
from tests.caller import Caller, data, error
from tests.factories.purchases import PAYMENTS, add_rate, approve, buy, credit_note
from tests.purchases.conftest import Bought
from tests.purchases.test_gateway_events import charge, dispute, refund
from tests.purchases.test_invoice_pdf import text_of

NOTES = "/v1/billing/credit-notes/"
INVOICES = "/v1/billing/invoices/"


def notes(member: Caller) -> list[Any]:
    """The credit notes, oldest first."""
    found: list[Any] = data(member.get(NOTES))["results"]
    return found[::-1]


@pytest.fixture(autouse=True)
def _sound_books(app: Flask) -> Any:
    yield
    with app.app_context():
        assert [*audit.differences()] == []


class TestCancelledOrders:
    def test_cancelled_order_is_credited_as_a_whole(self, customer: Caller, admin: Caller) -> None:
        add_rate(admin, "IE", "0.23")
        data(customer.patch("/v1/account/settings/", {"billing_country": "Ireland"}))
        note = credit_note(customer)
        invoice = data(customer.get(f"{INVOICES}{note['invoice_id']}/"))
        assert (invoice["status"], invoice["amount_credited"], invoice["paid_at"]) == ("void", "11.07", None)
        for name in ("lines", "net_amount", "tax_amount", "total_amount", "account_name", "invoice_number"):
            assert note[name] == invoice[name], name
        assert note["credit_note_number"].startswith("CN-")
        assert note["credit_note_number"].endswith("-001")
        assert note["reason"] == "The order was cancelled"
        assert data(customer.get(f"{NOTES}{note['id']}/")) == note
        pdf = customer.get(f"{NOTES}{note['id']}/pdf/")
        assert pdf.headers["Content-Disposition"] == f'inline; filename="{note["credit_note_number"]}.pdf"'
        assert "USD 11.07" in text_of(pdf.get_data())

    def test_credit_notes_have_numbers_of_their_own(self, customer: Caller) -> None:
        for _ in range(3):
            credit_note(customer)
        numbers = [each["credit_note_number"][-3:] for each in notes(customer)]
        assert numbers == ["001", "002", "003"]
        invoice = notes(customer)[1]["invoice_number"]
        assert [
            each["invoice_number"] for each in data(customer.get(f"{NOTES}?invoice_number={invoice}"))["results"]
        ] == [invoice]

    def test_foreign_and_unknown_credit_notes_are_not_found(
        self, customer: Caller, as_caller: Callable[..., Caller]
    ) -> None:
        note = credit_note(customer)
        other = as_caller(user="other", email="other@quay.example")
        data(other.post("/v1/account/", {"name": "Other"}), 201)
        assert data(other.get(NOTES))["count"] == 0
        for path in (f"{NOTES}{note['id']}/", f"{NOTES}{note['id']}/pdf/"):
            error(other.get(path), 404, "not_found")
            error(customer.get(path.replace(str(note["id"]), "987654321")), 404)

    @pytest.mark.parametrize("change", ["reason = 'x'", "total_amount = 1, net_amount = 1", "lines = '[]'"])
    def test_database_refuses_to_change_a_credit_note(
        self, app: Flask, customer: Caller, customer_id: int, change: str
    ) -> None:
        credit_note(customer)
        with app.app_context():
            tenancy.set_account(customer_id)
            with pytest.raises(DatabaseError, match=r"only voided_at of credit_notes(_\d)? ever change"):
                db.session.execute(text(f"UPDATE credit_notes SET {change}"))
            db.session.rollback()


class TestRefunds:
    def test_refund_of_a_transfer_is_credited_with_its_reason(self, customer: Caller, admin: Caller) -> None:
        payment = buy(customer)["payment"]
        approve(admin, payment["id"])
        assert notes(customer) == []
        data(admin.post(f"{PAYMENTS}{payment['id']}/refund/", {"reason": "Bought by mistake"}))
        (note,) = notes(customer)
        assert (note["total_amount"], note["reason"]) == ("9.00", "Bought by mistake")
        invoice = data(customer.get(f"{INVOICES}{note['invoice_id']}/"))
        assert (invoice["status"], invoice["amount_credited"]) == ("refunded", "9.00")

    def test_refunds_at_the_gateway_are_credited_one_by_one(self, bought: Bought) -> None:
        for number, cents in ((1, 100), (2, 250), (3, 550)):
            assert bought.tell(refund(bought, f"re_{number}", cents, "succeeded", f"evt_{number}"))
        found = notes(bought.customer)
        assert [each["total_amount"] for each in found] == ["1.00", "2.50", "5.50"]
        assert bought.invoice()["status"] == "refunded"
        assert sum(Decimal(each["net_amount"]) for each in found) == Decimal("9.00")

    def test_total_and_refund_of_the_same_money_are_credited_once(self, bought: Bought) -> None:
        assert bought.tell(charge(bought, 400))
        bought.tell(refund(bought, "re_1", 400, "succeeded", "evt_9"))
        assert [each["total_amount"] for each in notes(bought.customer)] == ["4.00"]
        assert (bought.invoice()["status"], bought.invoice()["amount_credited"]) == ("partially_refunded", "4.00")

    def test_pending_refund_is_not_credited_yet(self, bought: Bought) -> None:
        bought.tell(refund(bought, "re_1", 400, "pending", "evt_1"))
        assert notes(bought.customer) == []
        bought.tell(refund(bought, "re_1", 400, "succeeded", "evt_2"))
        assert [each["total_amount"] for each in notes(bought.customer)] == ["4.00"]

    def test_refund_that_fails_after_it_succeeded_voids_its_credit_note(self, bought: Bought) -> None:
        for number, cents in ((1, 100), (2, 300)):
            bought.tell(refund(bought, f"re_{number}", cents, "succeeded", f"evt_{number}"))
        bought.tell(refund(bought, "re_1", 100, "failed", "evt_3"))
        first, second = notes(bought.customer)
        assert first["voided_at"] is not None
        assert second["voided_at"] is None
        assert bought.invoice()["amount_credited"] == "3.00"
        bought.tell(refund(bought, "re_4", 600, "succeeded", "evt_4"))
        assert bought.invoice()["status"] == "refunded"

    def test_lost_dispute_is_credited(self, bought: Bought) -> None:
        bought.tell(dispute(bought, "lost", "evt_1"))
        (note,) = notes(bought.customer)
        assert note["total_amount"] == "9.00"
        assert bought.invoice()["status"] == "refunded"
