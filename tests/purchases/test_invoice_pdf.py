"""The invoice on paper."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from pypdf import PdfReader

from app.purchases import pdf
from app.purchases.models import InvoiceStatus
from tests.caller import Caller, data

INVOICE = {
    "invoice_number": "INV-2031-007",
    "status": "paid",
    "description": "Starter Pack: 500 credits",
    "total_amount": Decimal("1234.50"),
    "currency": "USD",
    "account_name": "Harbour Studio",
    "billing_email": "accounts@harbour.example",
    "billing_address_line1": "1 Quay Street",
    "billing_address_line2": "Floor 2",
    "billing_city": "Cork",
    "billing_state": "Munster",
    "billing_postal_code": "T12 X1",
    "billing_country": "Ireland",
    "tax_id": "IE1234567T",
    "created_at": datetime(2031, 3, 4, 23, 30, tzinfo=UTC),
    "paid_at": datetime(2031, 3, 6, tzinfo=UTC),
    "payment_method": "manual",
}


def text_of(content: bytes) -> str:
    (page,) = PdfReader(BytesIO(content)).pages
    # The reader takes the two bytes of a character of the large font for two characters.
    return page.extract_text().replace("\x00", "")


def render(**changes: Any) -> str:
    return text_of(pdf.render({**INVOICE, **changes}, seller="Example Ltd"))


def test_over_http(customer: Caller, buy: Callable[..., Any]) -> None:
    data(customer.patch("/v1/account/settings/", {"billing_city": "Κόρκη"}))
    invoice = buy()["invoice"]
    answer = customer.get(f"/v1/billing/invoices/{invoice['id']}/pdf/")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.headers["Content-Disposition"] == f'inline; filename="{invoice["invoice_number"]}.pdf"'
    text = text_of(answer.get_data())
    for expected in (invoice["invoice_number"], "Harbour Studio", "Κόρκη", "USD 9.00", "PENDING", "Bank transfer"):
        assert expected in text


def test_everything_is_on_it() -> None:
    text = render()
    for expected in (
        *("Example Ltd", "INV-2031-007", "2031-03-04", "2031-03-06", "PAID", "Harbour Studio", "1 Quay Street"),
        *("Floor 2", "T12 X1 Cork, Munster", "Ireland", "accounts@harbour.example", "Tax ID IE1234567T"),
        *("Starter Pack: 500 credits", "1,234.50", "USD 1,234.50", "Bank transfer"),
    ):
        assert expected in text


def test_what_is_not_known_is_left_out() -> None:
    missing = dict.fromkeys([name for name in INVOICE if name.startswith("billing_") or name == "tax_id"])
    text = render(**missing, paid_at=None)
    assert "None" not in text
    assert "Tax ID" not in text


@pytest.mark.parametrize("status", InvoiceStatus)
def test_every_status(status: InvoiceStatus) -> None:
    assert status.upper() in render(status=status)


@pytest.mark.parametrize(
    "name", ["Łódź Kávéház", "Καφές", "Кофейня", "東京珈琲株式会社", "서울 커피", "北京咖啡", "ყავა"]
)
def test_names_in_any_script(name: str) -> None:
    assert name in render(account_name=name)


@pytest.mark.parametrize("name", ["קפה", "مقهى", "कॉफ़ी", "กาแฟ", "কফি", "😀", "\u202e\u0000\ufffe", "\t\n "])
def test_names_that_are_laid_out_otherwise_or_unknown(name: str) -> None:
    """Such scripts are reordered and joined on paper, so that their text does not come out as it went in."""
    assert "INV-2031-007" in render(account_name=name)


def test_long_values_stay_on_the_page() -> None:
    texts = {name: "W" * 255 for name, value in INVOICE.items() if isinstance(value, str) and name.startswith("b")}
    text = render(**texts, account_name="東" * 255, description="D" * 500, tax_id="9" * 255)
    assert "USD 1,234.50" in text


def test_the_same_invoice_is_the_same_file() -> None:
    assert pdf.render(INVOICE, seller="A") == pdf.render(INVOICE, seller="A")
