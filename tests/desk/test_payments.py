"""`/v1/admin/payments` and `/v1/admin/invoices`: those of all accounts."""

import pytest

from tests.caller import Caller, data, error
from tests.factories.desk import Customer
from tests.factories.purchases import approve

PAYMENTS, INVOICES, CREDIT_NOTES = "/v1/admin/payments/", "/v1/admin/invoices/", "/v1/admin/credit-notes/"


def test_the_worklist_has_the_transfers_of_all_accounts(admin: Caller, customers: list[Customer]) -> None:
    worklist = data(admin.get(f"{PAYMENTS}?status=pending&payment_method=manual"))["results"]
    first, second = (each.bought[1] for each in customers)
    assert [each["id"] for each in worklist] == [second["payment"]["id"], first["payment"]["id"]]
    assert [each["account_name"] for each in worklist] == ["Quay Works", "Harbour Studio"]
    assert [each["created_by"] for each in worklist] == ["owner-2", "owner-1"]
    for each, bought in zip(worklist, (second, first), strict=True):
        assert each["invoice_number"] == bought["invoice"]["invoice_number"]
        assert data(admin.get(f"{PAYMENTS}{each['id']}/")) == each
    approve(admin, second["payment"]["id"])
    assert data(admin.get(f"{PAYMENTS}?status=pending"))["count"] == 1


def test_a_payment_is_found_by_the_number_of_its_invoice(admin: Caller, customers: list[Customer]) -> None:
    bought = customers[1].bought[0]
    number = bought["invoice"]["invoice_number"]
    for asked in (number, number.lower()):
        (found,) = data(admin.get(f"{PAYMENTS}?invoice_number={asked}"))["results"]
        assert found["id"] == bought["payment"]["id"]
        (invoice,) = data(admin.get(f"{INVOICES}?invoice_number={asked}"))["results"]
        assert invoice["id"] == bought["invoice"]["id"]
    assert data(admin.get(f"{PAYMENTS}?invoice_number=INV-2020-001"))["count"] == 0


def test_dates_select(admin: Caller, customers: list[Customer]) -> None:
    day = customers[0].bought[0]["payment"]["created_at"][:10]
    for path in (PAYMENTS, INVOICES):
        assert data(admin.get(f"{path}?start_date={day}&end_date={day}"))["count"] == 4
        assert data(admin.get(f"{path}?end_date=2020-01-01"))["count"] == 0
        error(admin.get(f"{path}?start_date=2026-01-02&end_date=2026-01-01"), 400, "invalid_input")


def test_an_invoice_is_the_customers_with_whose_it_is(admin: Caller, customers: list[Customer]) -> None:
    for customer in customers:
        for bought in customer.bought:
            invoice_id = bought["invoice"]["id"]
            own = data(customer.owner.get(f"/v1/billing/invoices/{invoice_id}/"))
            made_by = f"owner-{customers.index(customer) + 1}"
            expected = {**own, "account_id": customer.account_id, "created_by": made_by}
            assert data(admin.get(f"{INVOICES}{invoice_id}/")) == expected
    assert data(admin.get(INVOICES))["count"] == 4


@pytest.mark.parametrize("path", [PAYMENTS, INVOICES, CREDIT_NOTES])
def test_what_is_unknown_is_not_found(admin: Caller, path: str) -> None:
    error(admin.get(f"{path}7/"), 404, "not_found")


def test_the_files_are_the_customers(admin: Caller, customers: list[Customer]) -> None:
    customer = customers[0]
    invoice = customer.bought[0]["invoice"]
    path = f"invoices/{invoice['id']}/pdf/"
    own, shown = customer.owner.get(f"/v1/billing/{path}"), admin.get(f"/v1/admin/{path}")
    assert (shown.status_code, shown.mimetype) == (200, "application/pdf")
    assert shown.headers["Content-Disposition"] == own.headers["Content-Disposition"]


def test_credit_notes_are_the_customers_with_whose_they_are(admin: Caller, customers: list[Customer]) -> None:
    for number, customer in enumerate(customers, 1):
        data(customer.owner.post(f"/v1/billing/payments/{customer.bought[1]['payment']['id']}/cancel/", None))
        (own,) = data(customer.owner.get("/v1/billing/credit-notes/"))["results"]
        path = f"/v1/admin/credit-notes/{own['id']}/"
        expected = {**own, "account_id": customer.account_id, "created_by": f"owner-{number}"}
        assert data(admin.get(path)) == expected
        assert data(admin.get(CREDIT_NOTES))["results"][0] == expected
        assert admin.get(f"{path}pdf/").mimetype == "application/pdf"
        for invoice_number in (own["invoice_number"], own["invoice_number"].lower()):
            (found,) = data(admin.get(f"{CREDIT_NOTES}?invoice_number={invoice_number}"))["results"]
            assert found == expected
            (found,) = data(customer.owner.get(f"/v1/billing/credit-notes/?invoice_number={invoice_number}"))["results"]
            assert found == own
    assert data(admin.get(CREDIT_NOTES))["count"] == 2
