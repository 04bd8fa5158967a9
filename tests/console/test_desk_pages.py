"""Pages of the vendor's desk: search, transfers, payments, documents, the catalogue, keys and the audit trail."""

from typing import Any

import pytest

from tests.caller import Caller, data, error
from tests.console.conftest import Browsers
from tests.console.web import Page, sent
from tests.factories.accounts import create_account
from tests.factories.bookings import create_booking
from tests.factories.desk import Customer
from tests.factories.purchases import approve


def problem_of(page: Page, field: str) -> str:
    return page.find(id=f"field-{field}-problem").get_text()


class TestSearch:
    def test_hits_lead_to_their_pages(self, browser: Browsers, admin: Caller, customers: list[Customer]) -> None:
        web, customer = browser(), customers[0]
        invoice = customer.bought[0]["invoice"]
        assert f"/console/customers/{customer.account_id}" in web.get("/console?q=harbour studio").links()
        assert f"/console/customers/{customer.account_id}/team" in web.get("/console?q=kim-1").links()
        assert f"/console/invoices/{invoice['id']}" in web.get(f"/console?q={invoice['invoice_number']}").links()
        client = data(admin.post("/v6/clients", {"name": "Meridian"}), 201)
        assert f"/console/clients/{client['id']}" in web.get("/console?q=meridian").links()
        booking = create_booking(admin, create_account(admin, client["id"]), projectId=471100)
        page = web.get("/console?q=471100").links()
        assert f"/console/bookings/{booking['id']}" in page
        assert "Nothing matches" in web.get("/console?q=zzzzzz").find(id="hits").get_text()

    def test_the_home_page_says_what_needs_attention(
        self, browser: Browsers, customers: list[Customer], messages: list[Any]
    ) -> None:
        assert len(customers) == 2
        web = browser()
        web.get("/console")
        messages.clear()
        page = web.get("/console")
        assert sent(messages) <= 4
        assert "2 bank transfers wait for approval" in page.find(class_="attention").get_text(" ", strip=True)


class TestTransfers:
    def test_the_worklist_has_pending_transfers(self, browser: Browsers, customers: list[Customer]) -> None:
        web = browser()
        pending = [each.bought[1] for each in customers]
        numbers = [each["invoice"]["invoice_number"] for each in pending]
        assert sorted(row[2] for row in web.get("/console/transfers").cells()) == sorted(numbers)
        (row,) = web.get(f"/console/transfers?invoice_number={numbers[0]}").cells()
        assert row[0] == str(pending[0]["payment"]["id"])

    def test_a_transfer_is_approved_once(self, browser: Browsers, admin: Caller, customers: list[Customer]) -> None:
        payment = customers[0].bought[1]["payment"]
        form = browser().get(f"/console/purchases/{payment['id']}/approve").form()
        assert form["received_amount"] == payment["amount"]
        form["reference"] = "SEPA 4711"
        page = form.submit().follow()
        assert "succeeded" in page.find(class_="title").get_text()
        form.submit()
        assert data(admin.get(f"/v1/admin/payments/{payment['id']}/"))["reference"] == "SEPA 4711"

    def test_another_amount_is_refused_beside_its_field(
        self, browser: Browsers, admin: Caller, customers: list[Customer]
    ) -> None:
        payment_id = customers[0].bought[1]["payment"]["id"]
        form = browser().get(f"/console/purchases/{payment_id}/approve").form()
        form["received_amount"] = "1.00"
        page = form.submit(409)
        refused = error(
            admin.post(f"/v1/billing/payments/{payment_id}/approve/", {"received_amount": "1.00"}),
            409,
            "amount_mismatch",
        )
        assert problem_of(page, "received_amount") == refused["message"]
        form = page.form()
        form["accept_difference"], form["reason"] = "true", "Bank fees"
        form.submit()
        assert data(admin.get(f"/v1/admin/payments/{payment_id}/"))["difference_reason"] == "Bank fees"

    def test_a_transfer_is_cancelled(self, browser: Browsers, admin: Caller, customers: list[Customer]) -> None:
        payment_id = customers[0].bought[1]["payment"]["id"]
        browser().get(f"/console/purchases/{payment_id}/cancel").form().submit()
        assert data(admin.get(f"/v1/admin/payments/{payment_id}/"))["status"] == "cancelled"

    def test_a_refund_shows_the_facts_first(self, browser: Browsers, admin: Caller, customers: list[Customer]) -> None:
        payment = customers[0].bought[0]["payment"]
        web = browser()
        assert f"/console/purchases/{payment['id']}/refund" in web.get(f"/console/purchases/{payment['id']}").links()
        form = web.get(f"/console/purchases/{payment['id']}/refund").form()
        form["amount"], form["reason"] = "999.00", "By mistake"
        page = form.submit(200)
        assert f"{payment['amount']} USD and 500 credits" in page.find(class_="warn").get_text(" ", strip=True)
        refused = page.form().submit(409)
        assert problem_of(refused, "amount") == refused.alert
        form["amount"] = "1.00"
        form.submit(200).form().submit()
        assert data(admin.get(f"/v1/admin/payments/{payment['id']}/"))["amount_refunded"] == "1.00"
        assert web.get(f"/console/purchases/{payment['id']}").cells()[0][2:5] == ["1.00", "55", "By mistake"]


class TestDocuments:
    def test_lists_pages_and_files(
        self, browser: Browsers, admin: Caller, customers: list[Customer], messages: list[Any]
    ) -> None:
        web = browser()
        data(admin.post(f"/v1/billing/payments/{customers[0].bought[1]['payment']['id']}/cancel/", None))
        (note,) = data(admin.get("/v1/admin/credit-notes/"))["results"]
        invoice = customers[0].bought[0]["invoice"]
        for kind, number, document_id in (
            ("invoices", invoice["invoice_number"], invoice["id"]),
            ("credit-notes", note["credit_note_number"], note["id"]),
        ):
            assert number in [row[0] for row in web.get(f"/console/{kind}").cells()]
            messages.clear()
            page = web.get(f"/console/{kind}/{document_id}")
            assert sent(messages) <= 4
            assert number in page.title
            assert web.get(f"/console/{kind}/{document_id}/pdf").response.data.startswith(b"%PDF")


class TestCatalogue:
    @pytest.mark.parametrize(
        ("kind", "entries", "changed"),
        [
            ("plans", {"name": "Team", "credits_per_month": "5000", "price_per_credit": "0.015"}, ("name", "Crew")),
            ("packages", {"name": "Mega", "credits": "50000", "price": "499.00"}, ("price", "450.00")),
            ("tax-rates", {"country": "IE", "rate": "0.23", "valid_from": "2020-01-01"}, ("valid_to", "2030-12-31")),
        ],
    )
    def test_an_offer_is_created_and_changed(
        self, browser: Browsers, admin: Caller, kind: str, entries: dict[str, str], changed: tuple[str, str]
    ) -> None:
        web = browser()
        form = web.get(f"/console/catalogue/{kind}/new").form()
        for name, entry in entries.items():
            form[name] = entry
        form.submit()
        made = max(data(admin.get(f"/v1/admin/{kind}/"))["results"], key=lambda each: each["id"])
        form = web.get(f"/console/catalogue/{kind}/{made['id']}").form()
        form[changed[0]] = changed[1]
        form.submit()
        assert data(admin.get(f"/v1/admin/{kind}/{made['id']}/"))[changed[0]] == changed[1]
        assert (
            f"/console/catalogue/{kind}/{made['id']}"
            in web.get("/console/catalogue" if kind == "plans" else f"/console/catalogue/{kind}").links()
        )


class TestKeys:
    def test_a_key_is_shown_once_rotated_and_revoked(self, browser: Browsers, admin: Caller) -> None:
        web = browser()
        form = web.get("/console/keys/new").form()
        form["name"], form["scopes"] = "Payroll", "read:billing-account"
        first = str(form.submit(200).find(class_="secret")["value"])
        assert first.startswith("bsk_")
        assert "bsk_" not in str(form.submit(200).find("main").find_all(class_="secret"))
        (key,) = data(admin.get("/v1/admin/api-keys/"))["results"]
        second = web.get(f"/console/keys/{key['id']}/rotate").form().submit(200).find(class_="secret")["value"]
        assert second != first
        form = web.get(f"/console/keys/{key['id']}/revoke").form()
        form["reason"] = "It was committed to a repository"
        shown = form.submit(200)
        assert data(admin.get(f"/v1/admin/api-keys/{key['id']}/"))["revoked_at"] is None
        shown.form().submit()
        assert data(admin.get(f"/v1/admin/api-keys/{key['id']}/"))["revoked_at"] is not None
        assert f"/console/keys/{key['id']}/revoke" not in web.get("/console/keys").links()


class TestAudit:
    def test_entries_are_shown_and_filtered(self, browser: Browsers, admin: Caller, messages: list[Any]) -> None:
        client = data(admin.post("/v6/clients", {"name": "Meridian"}), 201)
        data(admin.patch(f"/v6/clients/{client['id']}", {"name": "Meridian Ltd"}))
        web = browser()
        web.get("/console/audit")
        messages.clear()
        page = web.get(f"/console/audit?objectId={client['id']}")
        assert sent(messages) <= 4
        assert [row[2] for row in page.cells()] == ["updateClient", "createClient"]
        assert "Meridian Ltd" in page.cells()[0][4]


@pytest.mark.parametrize("page", ["customers", "customers/1", "transfers", "invoices", "catalogue", "keys", "audit"])
def test_the_desk_is_for_administrators(browser: Browsers, page: str) -> None:
    browser(roles=("bookingmanager",)).get(f"/console/{page}", 403)


def test_others_see_no_link_to_the_desk(browser: Browsers) -> None:
    links = set(browser(roles=("bookingmanager",)).get("/console/keys", 403).links())
    assert not links & {"/console/customers", "/console/transfers", "/console/keys", "/console/audit"}


def test_a_settled_payment_is_not_offered_for_approval(
    browser: Browsers, admin: Caller, customers: list[Customer]
) -> None:
    payment_id = customers[1].bought[1]["payment"]["id"]
    approve(admin, payment_id)
    assert f"/console/purchases/{payment_id}/approve" not in browser().get(f"/console/purchases/{payment_id}").links()
