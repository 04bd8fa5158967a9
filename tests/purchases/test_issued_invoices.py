"""What an invoice says when it is issued, it says for ever."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from app import tenancy
from app.config.groups import Seller
from app.config.settings import Settings
from app.db.base import db
from tests.caller import TEN_YEARS, Caller, data
from tests.factories.purchases import buy
from tests.purchases.test_invoice_pdf import text_of

INVOICES = "/v1/billing/invoices/"


def seller(name: str) -> Seller:
    return Seller(
        name=name,
        address=f"1 {name} Road\nCork",
        tax_id=f"{name}-TAX",
        registration=f"{name}-CRO",
        bank=f"IBAN of {name}",
        due_days=30,
        retention_years=10,
    )


@pytest.fixture
def sold_by(app_with: Callable[..., Flask], customer: Caller, token: Callable[..., str]) -> Callable[[str], Caller]:
    """The customer, calling a service of this seller."""
    data(customer.get("/v1/account/settings/"))
    return lambda name: Caller(app_with(seller=seller(name)), token(roles=(), user="owner", hours=TEN_YEARS))


def test_issued_invoice_keeps_its_seller_and_buyer(sold_by: Callable[[str], Caller]) -> None:
    old, new = sold_by("Olden"), sold_by("Newer")
    issued = buy(old)["invoice"]
    assert (issued["seller_name"], issued["seller_tax_id"]) == ("Olden", "Olden-TAX")
    assert (issued["seller_address"], issued["seller_bank"]) == ("1 Olden Road\nCork", "IBAN of Olden")
    pdf = old.get(f"{INVOICES}{issued['id']}/pdf/").get_data()
    for expected in ("Olden", "1 Olden Road", "Tax ID Olden-TAX", "Olden-CRO", "IBAN of Olden", "Harbour Studio"):
        assert expected in text_of(pdf)
    data(new.patch("/v1/account/settings/", {"name": "Renamed", "billing_city": "Galway", "tax_id": "IE9"}))
    assert data(new.get(f"{INVOICES}{issued['id']}/")) == issued
    assert new.get(f"{INVOICES}{issued['id']}/pdf/").get_data() == pdf
    later = buy(new)["invoice"]
    assert (later["seller_name"], later["account_name"], later["billing_city"]) == ("Newer", "Renamed", "Galway")


@pytest.mark.parametrize(
    "change",
    [
        "total_amount = 1",
        "seller_name = 'Other'",
        "account_name = 'Other'",
        "billing_city = 'Other'",
        "invoice_number = 'INV-1999-001'",
        "created_at = now()",
        "description = ''",
        "lines = '[]'",
        "net_amount = 1, tax_amount = 8",
        "due_date = due_date + 1",
        "notes = 'Other'",
    ],
)
def test_database_refuses_to_change_an_issued_invoice(
    app: Flask, customer_id: int, buy: Callable[..., Any], change: str
) -> None:
    buy()
    with app.app_context():
        tenancy.set_account(customer_id)
        refusal = r"only status, paid_at, amount_credited, updated_at of invoices(_\d)? ever change"
        with pytest.raises(DatabaseError, match=refusal):
            db.session.execute(text(f"UPDATE invoices SET {change}"))
        db.session.rollback()


def test_settings_name_the_seller_of_an_invoice() -> None:
    environment = {
        "SELLER_NAME": "Example Ltd",
        "SELLER_ADDRESS": "1 Harbour Road\\nCork",
        "SELLER_TAX_ID": "IE1",
        "SELLER_REGISTRATION": "",
        "SELLER_BANK": "IBAN\nBIC",
    }
    found = Settings.load(environment).seller
    assert found == replace(found, name="Example Ltd", address="1 Harbour Road\nCork", registration="")
    assert (found.tax_id, found.bank) == ("IE1", "IBAN\nBIC")
