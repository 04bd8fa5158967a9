"""Which tax a purchase has: by country, day and VAT number; and what customers are shown before they buy."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time

from app.config.groups import Seller
from app.purchases import tax
from app.purchases.tax import Tax
from tests.caller import TEN_YEARS, Caller, data, error
from tests.factories.purchases import PACKAGES, add_rate, buy, packages_for_sale

RATES = "/v1/admin/tax-rates/"
SETTINGS = "/v1/account/settings/"
IN_FORCE = {"IE": Decimal("0.23"), "DE": Decimal("0.19"), "GR": Decimal("0.24"), "GB": Decimal("0.2")}
GERMAN, IRISH, GREEK, BRITISH = "DE136695976", "IE6388047V", "EL094259216", "GB980780684"
SELLER = Seller(
    name="Seller", address="", tax_id="IE1234567T", registration="", bank="IBAN 1", due_days=14, retention_years=10
)


@pytest.mark.parametrize(
    ("country", "tax_id", "seller", "rate", "is_reverse"),
    [
        ("DE", GERMAN, "IE1234567T", "0", True),
        ("DE", "de 136 695 976", "IE1234567T", "0", True),
        ("GR", GREEK, "IE1234567T", "0", True),
        # A seller outside the EU.
        ("DE", GERMAN, "", "0", True),
        ("DE", GERMAN, "CHE-123.456.788", "0", True),
        # The seller's own state.
        ("IE", IRISH, "IE1234567T", "0.23", False),
        ("DE", GERMAN, "DE136695976", "0.19", False),
        # No number, a wrong one, or that of another state.
        ("DE", "", "IE1234567T", "0.19", False),
        ("DE", "DE136695977", "IE1234567T", "0.19", False),
        ("DE", "136695976", "IE1234567T", "0.19", False),
        ("DE", IRISH, "GR1", "0.19", False),
        # Outside the EU.
        ("GB", BRITISH, "IE1234567T", "0.2", False),
        ("GB", "XI980780684", "IE1234567T", "0.2", False),
        ("US", "", "IE1234567T", "0", False),
    ],
)
def test_tax_of_a_customer(country: str, tax_id: str, seller: str, rate: str, *, is_reverse: bool) -> None:
    decided = tax.decide(IN_FORCE, country, tax_id, seller)
    assert decided is not None
    assert decided.rate == Decimal(rate)
    assert decided.note == (tax.REVERSE_CHARGE if is_reverse else "")


def test_without_rates_there_is_no_tax_and_no_note() -> None:
    assert tax.decide({}, "", GERMAN, "") == Tax(Decimal(0), "", "", GERMAN)
    assert tax.decide({}, "DE", GERMAN, "IE1234567T") == Tax(Decimal(0), "", "DE", GERMAN)
    assert tax.decide(IN_FORCE, "", GERMAN, "") is None


def settle_in(customer: Caller, country: str, tax_id: str = "") -> Any:
    return data(customer.patch(SETTINGS, {"billing_country": country, "tax_id": tax_id}))


class TestCountries:
    @pytest.mark.parametrize(
        ("text", "code"),
        [
            *(("IE", "IE"), ("ireland", "IE"), ("IRL", "IE"), (" United  Kingdom ", "GB"), ("U.K.", "GB")),
            *(("Côte d\u2019Ivoire", "CI"), ("South Korea", "KR"), ("Turkey", "TR"), ("Czech Republic", "CZ")),
            *(("Atlantis", ""), ("", ""), ("ZZ", ""), ("Éire", "")),
        ],
    )
    def test_settings_show_the_code_of_a_country(self, customer: Caller, text: str, code: str) -> None:
        found = settle_in(customer, text)
        assert (found["billing_country"], found["billing_country_code"]) == (text, code)
        unchanged = {"billing_country_code": code, "billing_city": "Cork"}
        assert data(customer.patch(SETTINGS, unchanged))["billing_country_code"] == code
        error(customer.patch(SETTINGS, {"billing_country_code": "FR"}), 400)


class TestRates:
    def test_rate_is_created_listed_and_changed(self, admin: Caller) -> None:
        made = add_rate(admin, "Ireland", "23", "2021-03-01")
        assert made == {"id": made["id"], "country": "IE", "rate": "0.23", "valid_from": "2021-03-01", "valid_to": None}
        changed = data(admin.patch(f"{RATES}{made['id']}/", {"valid_to": "2021-12-31", "rate": 0.215}))
        assert changed == {**made, "rate": "0.215", "valid_to": "2021-12-31"}
        assert data(admin.get(f"{RATES}{made['id']}/")) == changed
        for query, count in (
            ("country=ie", 1),
            ("country=DE", 0),
            ("valid_on=2021-12-31", 1),
            ("valid_on=2022-01-01", 0),
        ):
            assert data(admin.get(f"{RATES}?{query}"))["count"] == count, query

    @pytest.mark.parametrize(
        ("first", "last", "overlaps"),
        [
            ("2020-01-01", "2020-12-31", False),
            ("2020-01-01", "2021-01-01", True),
            ("2021-06-30", "2021-07-01", True),
            ("2021-07-01", None, False),
            ("2020-01-01", None, True),
        ],
    )
    def test_days_of_two_rates_never_overlap(
        self, admin: Caller, first: str, last: str | None, *, overlaps: bool
    ) -> None:
        known = add_rate(admin, "IE", "0.21", "2021-01-01", valid_to="2021-06-30")
        add_rate(admin, "DE", "0.19", "2021-01-01")
        body = {"country": "IE", "rate": 0.23, "valid_from": first, "valid_to": last}
        other = add_rate(admin, "IE", "0.2", "1999-01-01", valid_to="1999-01-01")
        answers = [admin.post(RATES, body), admin.patch(f"{RATES}{other['id']}/", {**body, "country": "IE"})]
        if overlaps:
            for answer in answers:
                assert error(answer, 409, "conflict")["details"]["tax_rate_id"] == known["id"]
        else:
            assert answers[0].status_code == 201

    @pytest.mark.parametrize(
        "body",
        [
            {"country": "Atlantis", "rate": 0.2, "valid_from": "2020-01-01"},
            {"country": "IE", "rate": 1, "valid_from": "2020-01-01"},
            {"country": "IE", "rate": -0.1, "valid_from": "2020-01-01"},
            {"country": "IE", "rate": 100, "valid_from": "2020-01-01"},
            {"country": "IE", "rate": "a lot", "valid_from": "2020-01-01"},
            {"country": "IE", "rate": 0.2, "valid_from": "2020-01-02", "valid_to": "2020-01-01"},
            {"country": "IE", "rate": 0.2},
        ],
    )
    def test_invalid_rate_is_refused(self, admin: Caller, body: Any) -> None:
        error(admin.post(RATES, body), 400, "invalid_input")

    def test_last_day_before_the_first_is_refused_on_update(self, admin: Caller) -> None:
        rate = add_rate(admin, "IE", "0.2", "2020-06-01")
        error(admin.patch(f"{RATES}{rate['id']}/", {"valid_to": "2020-05-31"}), 400, "invalid_input")
        error(admin.patch(f"{RATES}987654321/", {"rate": 0.2}), 404)


class TestPurchases:
    @pytest.fixture
    def buyer(self, app_with: Callable[..., Flask], customer: Caller, token: Callable[..., str]) -> Caller:
        data(customer.get(SETTINGS))
        return Caller(app_with(seller=SELLER), token(roles=(), user="owner", hours=TEN_YEARS))

    def test_tax_is_that_of_the_day_in_utc(self, admin: Caller, buyer: Caller) -> None:
        settle_in(buyer, "Ireland")
        add_rate(admin, "IE", "0.21", "2030-09-01", valid_to="2031-02-28")
        add_rate(admin, "IE", "0.23", "2031-03-01")
        for at, amount in (
            ("2030-08-31T23:59:59Z", "0.00"),
            ("2030-09-01T00:00:00Z", "1.89"),
            ("2031-02-28T23:59:59Z", "1.89"),
            ("2031-03-01T00:00:00Z", "2.07"),
        ):
            with freeze_time(at):
                shown = data(buyer.get(PACKAGES))["results"][0]
                invoice = buy(buyer)["invoice"]
            assert shown["tax_amount"] == invoice["tax_amount"] == amount, at
            assert shown["total_price"] == invoice["total_amount"]
            assert Decimal(invoice["total_amount"]) == Decimal("9.00") + Decimal(amount)

    def test_invoice_has_lines_due_date_and_reference(self, admin: Caller, buyer: Caller) -> None:
        settle_in(buyer, "IE")
        add_rate(admin, "IE", "0.23")
        with freeze_time("2031-03-04T23:00:00Z"):
            bought = buy(buyer)
        invoice, payment = bought["invoice"], bought["payment"]
        line = {"description": "Starter Pack: 500 credits", "quantity": 1, "unit_price": "9.00", "net": "9.00"}
        assert invoice["lines"] == [{**line, "tax_rate": "0.23", "tax": "2.07"}]
        assert (invoice["due_date"], invoice["payment_reference"]) == ("2031-03-18", invoice["invoice_number"])
        assert (invoice["billing_country_code"], invoice["issued_at"]) == ("IE", invoice["created_at"])
        assert (payment["amount"], payment["net_amount"], payment["tax_amount"]) == ("11.07", "9.00", "2.07")

    def test_reverse_charge_is_noted(self, admin: Caller, buyer: Caller) -> None:
        add_rate(admin, "DE", "0.19")
        settle_in(buyer, "Germany", GERMAN)
        invoice = buy(buyer)["invoice"]
        assert (invoice["tax_amount"], invoice["notes"], invoice["tax_id"]) == ("0.00", tax.REVERSE_CHARGE, GERMAN)
        settle_in(buyer, "Germany")
        assert buy(buyer)["invoice"]["tax_amount"] == "1.71"

    def test_country_is_needed_while_rates_are_in_force(self, admin: Caller, buyer: Caller) -> None:
        settle_in(buyer, "Atlantis")
        assert buy(buyer)["invoice"]["tax_amount"] == "0.00"
        rate = add_rate(admin, "IE", "0.23")
        path = f"{PACKAGES}{packages_for_sale(buyer)['Starter Pack']}/purchase/"
        error(buyer.post(path, {"payment_method": "manual"}), 409, "tax_country_unknown")
        shown = data(buyer.get(PACKAGES))["results"][0]
        assert (shown["price"], shown["tax_amount"], shown["total_price"]) == ("9.00", None, None)
        data(admin.patch(f"{RATES}{rate['id']}/", {"valid_to": str(date(2020, 1, 1))}))
        assert buy(buyer)["invoice"]["total_amount"] == "9.00"

    @pytest.mark.parametrize("expected", ["11.07", 11.07])
    def test_another_total_than_expected_is_refused(self, admin: Caller, buyer: Caller, expected: Any) -> None:
        settle_in(buyer, "IE")
        rate = add_rate(admin, "IE", "0.23")
        path = f"{PACKAGES}{packages_for_sale(buyer)['Starter Pack']}/purchase/"
        body = {"payment_method": "manual", "expected_total": expected}
        assert data(buyer.post(path, body), 201)["payment"]["amount"] == "11.07"
        data(admin.patch(f"{RATES}{rate['id']}/", {"rate": 0.25}))
        assert error(buyer.post(path, body), 409, "price_changed")["details"] == {
            "expected_total": "11.07",
            "price": "9.00",
            "tax_amount": "2.25",
            "total_price": "11.25",
        }
        assert data(buyer.get("/v1/billing/payments/"))["count"] == 1

    def test_issued_invoice_keeps_its_tax(self, admin: Caller, buyer: Caller) -> None:
        settle_in(buyer, "IE")
        rate = add_rate(admin, "IE", "0.23")
        invoice = buy(buyer)["invoice"]
        data(admin.patch(f"{RATES}{rate['id']}/", {"rate": 0.25}))
        assert data(buyer.get(f"/v1/billing/invoices/{invoice['id']}/")) == invoice
