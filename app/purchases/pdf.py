"""Invoices and credit notes on paper: names in any script that the fonts know, and as many pages as lines need."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from app.customers import countries
from app.purchases import einvoice
from app.purchases.amounts import Line, percent
from app.purchases.invoice_models import InvoiceStatus, Series
from app.purchases.models import PaymentMethod
from app.purchases.sheets import ADDRESS, RIGHT_WIDTH, WIDTH, Sheets
from app.web.paper import GREY

_COLOURS = {
    InvoiceStatus.PENDING: (176, 116, 0),
    InvoiceStatus.PAID: (0, 122, 77),
    InvoiceStatus.VOID: GREY,
    InvoiceStatus.PARTIALLY_REFUNDED: (90, 60, 160),
    InvoiceStatus.REFUNDED: (90, 60, 160),
}
_CLOSINGS = {
    InvoiceStatus.PENDING: "Payment is due. Your credits arrive when it does.",
    InvoiceStatus.PAID: "Paid. Thank you.",
    InvoiceStatus.VOID: "This invoice is void. Nothing is to be paid.",
    InvoiceStatus.PARTIALLY_REFUNDED: "Paid and refunded in part.",
    InvoiceStatus.REFUNDED: "Paid and refunded.",
}
_METHODS = {PaymentMethod.STRIPE: "Card", PaymentMethod.MANUAL: "Bank transfer"}
# Of a text that has lines itself, or is wrapped.
_MOST_LINES = 5


class _Layout(NamedTuple):
    """What an invoice and a credit note have in different words."""

    series: Series
    title: str
    number: str
    facts: Iterable[tuple[str, str]]
    badge: tuple[str, tuple[int, int, int]] | None
    bank: str
    total: str
    closing: Iterable[str]


def render_invoice(invoice: Mapping[str, Any]) -> bytes:
    """The invoice as a PDF; the same bytes for the same invoice."""
    status = InvoiceStatus(invoice["status"])
    by_transfer = invoice["payment_method"] == PaymentMethod.MANUAL
    layout = _Layout(
        series=Series.INVOICE,
        title="Invoice",
        number=invoice["invoice_number"],
        facts=_facts_of_invoice(invoice),
        badge=(status.upper().replace("_", " "), _COLOURS[status]),
        bank=invoice["seller_bank"] if by_transfer else "",
        total="Total",
        closing=(invoice["notes"], _CLOSINGS[status]),
    )
    return _render(invoice, layout)


def render_credit_note(note: Mapping[str, Any]) -> bytes:
    """The credit note as a PDF; the same bytes for the same credit note."""
    is_void = note["voided_at"] is not None
    layout = _Layout(
        series=Series.CREDIT_NOTE,
        title="Credit note",
        number=note["credit_note_number"],
        facts=(
            ("Number", note["credit_note_number"]),
            ("Date", _day(note["created_at"])),
            ("For invoice", note["invoice_number"]),
            ("Issued", _day(note["invoice_issued_at"])),
        ),
        badge=("VOID", GREY) if is_void else None,
        bank="",
        total="Total credited",
        closing=(
            f"Reason: {note['reason']}",
            note["notes"],
            "This credit note is void: the refund failed after it had succeeded." if is_void else "",
        ),
    )
    return _render(note, layout)


def _render(document: Mapping[str, Any], layout: _Layout) -> bytes:
    lines = [Line.of_json(line) for line in document["lines"]]
    country = countries.name_of(document["billing_country_code"])
    texts = [value for value in document.values() if isinstance(value, str)]
    texts += [country, *(line.description for line in lines), *layout.closing]
    attached = einvoice.attachment(document, layout.series)
    sheets = Sheets(f"{layout.title} {layout.number}", document["created_at"], texts, attached)
    sheets.heading(layout.title, document["seller_name"], list(_seller(document)))
    with sheets.side_by_side():
        sheets.label("Billed to")
        sheets.paragraph(document["account_name"], ADDRESS, 2, bold=True)
        for line in _address(document, country):
            sheets.paragraph(line, ADDRESS, 2)
    sheets.facts(layout.facts)
    if layout.badge is not None:
        sheets.badge(*layout.badge)
    if layout.bank:
        sheets.block("Bank details", _shown_lines(layout.bank), RIGHT_WIDTH)
    sheets.below_both()
    _table(sheets, lines, document, layout.total)
    for text in filter(None, layout.closing):
        sheets.paragraph(text, WIDTH, _MOST_LINES, grey=True)
    return sheets.content()


def _table(sheets: Sheets, lines: list[Line], document: Mapping[str, Any], total: str) -> None:
    """The lines, and their sums: tax is shown where there is some."""
    has_tax = any(line.tax_rate or line.tax for line in lines)
    sheets.table(
        has_tax,
        (
            (line.description, str(line.quantity), _money(line.unit_price), percent(line.tax_rate), _money(line.net))
            for line in lines
        ),
    )
    sums = [(f"Tax {percent(rate)}", _money(tax)) for rate, tax in sorted(_taxes(lines).items())]
    sums.insert(0, ("Net", _money(document["net_amount"])))
    sheets.sums(sums if has_tax else (), (total, f"{document['currency']} {_money(document['total_amount'])}"))


def _taxes(lines: Iterable[Line]) -> dict[Decimal, Decimal]:
    taxes: dict[Decimal, Decimal] = {}
    for line in lines:
        taxes[line.tax_rate] = taxes.get(line.tax_rate, Decimal(0)) + line.tax
    return taxes


def _seller(document: Mapping[str, Any]) -> Iterator[str]:
    yield from _shown_lines(document["seller_address"])
    if document["seller_tax_id"]:
        yield f"Tax ID {document['seller_tax_id']}"
    if document["seller_registration"]:
        yield document["seller_registration"]


def _shown_lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line][:_MOST_LINES]


def _address(document: Mapping[str, Any], country: str) -> Iterator[str]:
    city = " ".join(filter(None, (document["billing_postal_code"], document["billing_city"])))
    lines = (
        document["billing_address_line1"],
        document["billing_address_line2"],
        ", ".join(filter(None, (city, document["billing_state"]))),
        country or document["billing_country"],
        document["billing_email"],
        document["tax_id"] and f"Tax ID {document['tax_id']}",
    )
    return (line for line in lines if line)


def _facts_of_invoice(invoice: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Number", invoice["invoice_number"]
    yield "Date", _day(invoice["created_at"])
    if invoice["status"] == InvoiceStatus.PENDING:
        yield "Due", _day(invoice["due_date"])
    if invoice["paid_at"] is not None:
        yield "Paid", _day(invoice["paid_at"])
    yield "Payment", _METHODS[invoice["payment_method"]]
    if invoice["payment_reference"]:
        yield "Reference", invoice["payment_reference"]
    if 0 < invoice["amount_credited"] < invoice["total_amount"]:
        yield "Credited", _money(invoice["amount_credited"])


def _day(moment: datetime | date) -> str:
    return f"{moment.astimezone(UTC) if isinstance(moment, datetime) else moment:%Y-%m-%d}"


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"
