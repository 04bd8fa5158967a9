"""The invoice on paper."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from pypdf import PdfReader

from app.purchases import amounts, pdf
from app.purchases.amounts import Item
from app.purchases.invoice_models import InvoiceStatus
from tests.caller import Caller, data
from tests.processes import ROOT


def priced(*items: tuple[str, str, str]) -> dict[str, Any]:
    """Lines and amounts of a document, from descriptions, prices and tax rates."""
    lines = amounts.taxed([Item(name, 1, Decimal(price), Decimal(rate)) for name, price, rate in items])
    net, tax, total = amounts.totals_of(lines)
    shown = [line.as_json() for line in lines]
    return {"lines": shown, "net_amount": net, "tax_amount": tax, "total_amount": total}


INVOICE = {
    "invoice_number": "INV-2031-007",
    "status": "paid",
    **priced(("Starter Pack: 500 credits", "1234.50", "0")),
    "amount_credited": Decimal(0),
    "payment_reference": "INV-2031-007",
    "due_date": date(2031, 3, 18),
    "currency": "USD",
    "notes": "",
    "account_name": "Harbour Studio",
    "billing_email": "accounts@harbour.example",
    "billing_address_line1": "1 Quay Street",
    "billing_address_line2": "Floor 2",
    "billing_city": "Cork",
    "billing_state": "Munster",
    "billing_postal_code": "T12 X1",
    "billing_country": "Ireland",
    "billing_country_code": "IE",
    "tax_id": "IE1234567T",
    "created_at": datetime(2031, 3, 4, 23, 30, tzinfo=UTC),
    "paid_at": datetime(2031, 3, 6, tzinfo=UTC),
    "payment_method": "manual",
    "seller_name": "Example Ltd",
    "seller_address": "",
    "seller_tax_id": "",
    "seller_registration": "",
    "seller_bank": "",
}


def text_of(content: bytes) -> str:
    (page,) = PdfReader(BytesIO(content)).pages
    # The reader takes the two bytes of a character of the large font for two characters.
    return page.extract_text().replace("\x00", "")


def glyphs(content: bytes) -> int:
    """How many glyphs are on the page."""
    (page,) = PdfReader(BytesIO(content)).pages
    contents = page.get_contents()
    assert contents is not None
    shown = [operands[0].original_bytes for operands, operator in contents.operations if operator == b"Tj"]
    return sum(len(each) for each in shown) // 2


def render(**changes: Any) -> str:
    return text_of(pdf.render_invoice({**INVOICE, **changes}))


def test_invoice_pdf_is_served_over_http(customer: Caller, buy: Callable[..., Any]) -> None:
    data(customer.patch("/v1/account/settings/", {"billing_city": "Κόρκη"}))
    invoice = buy()["invoice"]
    answer = customer.get(f"/v1/billing/invoices/{invoice['id']}/pdf/")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.headers["Content-Disposition"] == f'inline; filename="{invoice["invoice_number"]}.pdf"'
    text = text_of(answer.get_data())
    for expected in (invoice["invoice_number"], "Harbour Studio", "Κόρκη", "USD 9.00", "PENDING", "Bank transfer"):
        assert expected in text


def test_invoice_pdf_shows_every_field() -> None:
    text = render()
    for expected in (
        *("Example Ltd", "INV-2031-007", "2031-03-04", "2031-03-06", "PAID", "Harbour Studio", "1 Quay Street"),
        *("Floor 2", "T12 X1 Cork, Munster", "Ireland", "accounts@harbour.example", "Tax ID IE1234567T"),
        *("Starter Pack: 500 credits", "1,234.50", "USD 1,234.50", "Bank transfer"),
    ):
        assert expected in text


def test_invoice_pdf_leaves_out_unknown_fields() -> None:
    missing = dict.fromkeys([name for name in INVOICE if name.startswith("billing_") or name == "tax_id"], "")
    text = render(**missing, paid_at=None)
    assert "None" not in text
    assert "Tax ID" not in text


@pytest.mark.parametrize("status", InvoiceStatus)
def test_invoice_pdf_shows_every_status(status: InvoiceStatus) -> None:
    assert status.upper().replace("_", " ") in render(status=status)


@pytest.mark.parametrize(
    "name", ["Łódź Kávéház", "Καφές", "Кофейня", "東京珈琲株式会社", "서울 커피", "北京咖啡", "ყავა"]
)
def test_invoice_pdf_prints_names_in_any_script(name: str) -> None:
    assert name in render(account_name=name)


@pytest.mark.parametrize("name", ["दिल्ली", "मुंबई", "हिन्दी", "क्षेत्र"])
def test_syllables_are_put_together_beside_other_scripts(name: str) -> None:
    """A name has as many glyphs beside Latin letters as alone: by their rules its vowels would stand apart."""
    none, alone, letters, both = (
        glyphs(pdf.render_invoice({**INVOICE, "billing_country": text, "billing_country_code": ""}))
        for text in ("x", f"{name} x", "A x", f"A {name} x")
    )
    assert both - letters == alone - none


@pytest.mark.parametrize("name", ["קפה", "مقهى", "कॉफ़ी", "กาแฟ", "কফি", "😀", "\u202e\u0000\ufffe", "\t\n "])
def test_names_that_are_laid_out_otherwise_or_unknown(name: str) -> None:
    """Such scripts are reordered and joined on paper, so that their text does not come out as it went in."""
    assert "INV-2031-007" in render(account_name=name)


def test_the_seller_may_have_any_name() -> None:
    for name in ("株式会社", "Кофе"):
        assert name in render(seller_name=name)


@pytest.mark.parametrize("letter", ["W", "東", "w "])
def test_long_values_stay_on_the_page(letter: str) -> None:
    long: dict[str, Any] = {
        name: letter * 255
        for name in INVOICE
        if name.startswith(("billing_", "seller_")) or name in {"account_name", "tax_id"}
    }
    long["seller_address"] = long["seller_bank"] = "\n".join([letter * 90] * 10)
    content = pdf.render_invoice({**INVOICE, **long, **priced(("D" * 500, "1234.50", "0"))})
    (page,) = PdfReader(BytesIO(content)).pages
    heights: list[float] = []
    page.extract_text(visitor_text=lambda text, _, matrix, *__: heights.append(matrix[5]) if text.strip() else None)
    assert min(heights) > 20
    assert "USD 1,234.50" in text_of(content)


def test_the_seller_is_on_it_as_far_as_known() -> None:
    plain = render()
    assert "Bank details" not in plain
    text = render(
        seller_address="1 Harbour Road\nCork",
        seller_tax_id="IE7654321T",
        seller_registration="CRO 123456",
        seller_bank="IBAN IE29 AIBK\nBIC AIBKIE2D",
    )
    for expected in (
        "1 Harbour Road",
        "Cork",
        "Tax ID IE7654321T",
        "CRO 123456",
        "Bank details",
        "IBAN IE29 AIBK",
        "BIC",
    ):
        assert expected in text


MARKUP = "{nb} **b** __u__ --l-- ~~g~~ <b>"


def test_markup_in_an_invoice_is_printed_as_text() -> None:
    names = ("account_name", "billing_address_line1", "tax_id", "seller_address")
    others = {"seller_bank": "Bank {nb}", "seller_name": "A {nb}"}
    text = render(**dict.fromkeys(names, MARKUP), **others, **priced(("Pack {nb}", "1", "0")))
    assert "Pack {nb}" in text
    assert text.count(MARKUP) == len(names)
    for expected in others.values():
        assert expected in text


def test_markup_beside_letters_of_the_other_direction_is_text() -> None:
    assert "{nb}" in render(account_name="{nb} קפה").replace("}nb{", "{nb}")


FIRST_AT_ONCE = """
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from app.purchases import pdf
from tests.purchases.test_invoice_pdf import INVOICE

together = Barrier(4)

def first(_):
    together.wait()
    return pdf.render_invoice({**INVOICE, "account_name": "Harbour 東京 दिल्ली"})

with ThreadPoolExecutor(4) as pool:
    print(len(set(pool.map(first, range(4)))))
"""


def test_first_invoice_pdfs_of_a_process_may_come_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST_AT_ONCE], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr


def test_the_largest_amount_has_its_place() -> None:
    text = render(**priced(("W" * 500, "9999999999.99", "0")))
    assert "1 9,999,999,999.99 9,999,999,999.99 Total USD 9,999,999,999.99" in " ".join(text.split())


CREDIT_NOTE: dict[str, Any] = {
    **INVOICE,
    **priced(("Starter Pack: 500 credits", "4.50", "0.23")),
    "credit_note_number": "CN-2031-002",
    "invoice_issued_at": datetime(2031, 3, 1, tzinfo=UTC),
    "reason": "Bought by mistake",
    "voided_at": None,
}


def test_credit_note_names_its_invoice_and_reason() -> None:
    text = text_of(pdf.render_credit_note(CREDIT_NOTE))
    for expected in (
        *("Credit note", "CN-2031-002", "INV-2031-007", "2031-03-01", "Reason: Bought by mistake", "Harbour Studio"),
        *("4.50", "Tax 23 %", "1.04", "Total credited", "USD 5.54"),
    ):
        assert expected in text
    assert "VOID" not in text
    void = text_of(pdf.render_credit_note({**CREDIT_NOTE, "voided_at": datetime(2031, 4, 1, tzinfo=UTC)}))
    assert "VOID" in void


def test_tax_is_shown_by_rate_where_there_is_some() -> None:
    text = render(**priced(("One", "10.00", "0.23"), ("Two", "20.00", "0.055"), ("Three", "1.00", "0.23")))
    for expected in ("Net 31.00", "Tax 5.5 % 1.10", "Tax 23 % 2.53", "Total USD 34.63"):
        assert expected in " ".join(text.split())
    assert "Tax " not in render(tax_id="")
    assert "Reverse charge" in render(notes="Reverse charge: VAT is to be accounted for by the recipient.")


def test_card_payment_has_neither_bank_details_nor_reference() -> None:
    bank = {"seller_bank": "IBAN IE29"}
    assert "IBAN IE29" in render(**bank)
    text = render(**bank, payment_method="stripe", payment_reference="")
    assert "IBAN" not in text
    assert "Reference" not in text


@pytest.mark.parametrize("name", ["スターターパック: 500 credits", "Пакет 入門", "패키지"])
def test_figures_beside_a_description_in_another_font_are_legible(name: str) -> None:
    text = " ".join(render(**priced((name, "9.00", "0.1"))).split())
    assert "1 9.00 10 % 9.00 Net 9.00 Tax 10 % 0.90 Total USD 9.90" in text


def test_many_lines_go_on_on_the_next_page_below_their_headings() -> None:
    lines = [(f"Pack {n}: {n * 100:,} credits", f"{n}.37", "0.23") for n in range(1, 61)]
    pages = [
        page.extract_text() for page in PdfReader(BytesIO(pdf.render_invoice({**INVOICE, **priced(*lines)}))).pages
    ]
    assert len(pages) == 3
    for number, text in enumerate(pages, 1):
        assert f"Page {number} of 3" in text
        assert "Description" in text
    assert [n for page in pages for n in range(1, 61) if f"Pack {n}: " in page] == list(range(1, 61))
    assert "Total" in pages[-1]
    assert "Net" in pages[-1]


def test_the_same_invoice_is_the_same_file() -> None:
    assert pdf.render_invoice(INVOICE) == pdf.render_invoice(INVOICE)
