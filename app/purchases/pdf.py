"""Invoices on paper: one page, names in any script that the fonts know."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from app.purchases.models import InvoiceStatus, PaymentMethod
from app.web import paper
from app.web.paper import GREY, MARGIN, fit

if TYPE_CHECKING:
    from fpdf import FPDF

_WIDTH = 170
_COLOURS = {
    InvoiceStatus.PENDING: (176, 116, 0),
    InvoiceStatus.PAID: (0, 122, 77),
    InvoiceStatus.VOID: GREY,
    InvoiceStatus.PARTIALLY_REFUNDED: (90, 60, 160),
    InvoiceStatus.REFUNDED: (90, 60, 160),
}
_NOTES = {
    InvoiceStatus.PENDING: "Payment is due. Your credits arrive when it does.",
    InvoiceStatus.PAID: "Paid. Thank you.",
    InvoiceStatus.VOID: "This invoice is void. Nothing is to be paid.",
    InvoiceStatus.PARTIALLY_REFUNDED: "Paid and refunded in part.",
    InvoiceStatus.REFUNDED: "Paid and refunded.",
}
_METHODS = {PaymentMethod.STRIPE: "Card", PaymentMethod.MANUAL: "Bank transfer"}
# Width of the address, and how much of a text goes into it, in lines.
_ADDRESS = 95
_ADDRESS_LINES = 2
# Where the right column begins, and its width.
_RIGHT = 125
_RIGHT_WIDTH = 65
# Of a text that has lines itself.
_MOST_LINES = 5
# Widths of the columns of the table: description, quantity, unit price, amount.
_COLUMNS = (90, 20, 30, 30)


def render(invoice: Mapping[str, Any]) -> bytes:
    """The invoice as a PDF; the same bytes for the same invoice."""
    pdf = _page(invoice)
    _heading(pdf, invoice)
    _parties(pdf, invoice)
    _table(pdf, invoice)
    pdf.set_text_color(*GREY)
    pdf.set_font("text", "", 10)
    pdf.cell(_WIDTH, 6, _NOTES[invoice["status"]])
    return bytes(pdf.output())


def _page(invoice: Mapping[str, Any]) -> "FPDF":
    texts = (value for value in invoice.values() if isinstance(value, str))
    pdf = paper.document(f"Invoice {invoice['invoice_number']}", invoice["created_at"], texts)
    pdf.add_page()
    return pdf


def _heading(pdf: "FPDF", invoice: Mapping[str, Any]) -> None:
    pdf.set_font("text", "B", 24)
    pdf.cell(100, 12, "Invoice")
    pdf.set_font("text", "B", 12)
    pdf.cell(70, 12, fit(pdf, invoice["seller_name"], 70), align="R", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("text", "", 9)
    for line in _seller(invoice):
        pdf.set_x(MARGIN + 70)
        pdf.cell(100, 4, fit(pdf, line, 100), align="R", new_x="LMARGIN", new_y="NEXT")
    pdf.set_draw_color(*GREY)
    pdf.line(MARGIN, pdf.get_y() + 2, MARGIN + _WIDTH, pdf.get_y() + 2)
    pdf.set_y(pdf.get_y() + 8)


def _seller(invoice: Mapping[str, Any]) -> Iterator[str]:
    yield from _shown_lines(invoice["seller_address"])
    if invoice["seller_tax_id"]:
        yield f"Tax ID {invoice['seller_tax_id']}"
    if invoice["seller_registration"]:
        yield invoice["seller_registration"]


def _bank(pdf: "FPDF", invoice: Mapping[str, Any]) -> None:
    """Where a bank transfer goes to, on the right."""
    if not invoice["seller_bank"]:
        return
    pdf.set_y(pdf.get_y() + 4)
    pdf.set_font("text", "", 10)
    pdf.set_text_color(*GREY)
    pdf.set_x(_RIGHT)
    pdf.cell(_RIGHT_WIDTH, 6, "Bank details", new_x="LMARGIN", new_y="NEXT")
    pdf.set_text_color(0)
    for line in _shown_lines(invoice["seller_bank"]):
        pdf.set_x(_RIGHT)
        pdf.cell(_RIGHT_WIDTH, 5, fit(pdf, line, _RIGHT_WIDTH), new_x="LMARGIN", new_y="NEXT")


def _shown_lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line][:_MOST_LINES]


def _parties(pdf: "FPDF", invoice: Mapping[str, Any]) -> None:
    """Whom the invoice is for on the left, what it is on the right."""
    top = pdf.get_y()
    _label(pdf, "Billed to")
    pdf.set_font("text", "B", 11)
    _lines(pdf, invoice["account_name"])
    pdf.set_font("text", "", 10)
    for line in _address(invoice):
        _lines(pdf, line)
    bottom = pdf.get_y()
    pdf.set_y(top)
    for name, value in _facts(invoice):
        pdf.set_x(_RIGHT)
        pdf.set_text_color(*GREY)
        pdf.cell(25, 6, name)
        pdf.set_text_color(0)
        pdf.cell(40, 6, value, align="R", new_x="LMARGIN", new_y="NEXT")
    pdf.set_x(_RIGHT)
    pdf.set_font("text", "B", 10)
    pdf.set_fill_color(*_COLOURS[invoice["status"]])
    pdf.set_text_color(255)
    status = invoice["status"].upper().replace("_", " ")
    width = max(30, pdf.get_string_width(status) + 6)
    pdf.set_xy(MARGIN + _WIDTH - width, pdf.get_y() + 2)
    pdf.cell(width, 7, status, align="C", fill=True, new_x="LMARGIN", new_y="NEXT")
    pdf.set_text_color(0)
    _bank(pdf, invoice)
    pdf.set_xy(MARGIN, max(bottom, pdf.get_y() + 2) + 10)


def _lines(pdf: "FPDF", text: str) -> None:
    shown = fit(pdf, text, _ADDRESS * _ADDRESS_LINES)
    pdf.multi_cell(_ADDRESS, 5.5, shown, align="L", new_x="LMARGIN", new_y="NEXT")


def _address(invoice: Mapping[str, Any]) -> Iterator[str]:
    city = " ".join(filter(None, (invoice["billing_postal_code"], invoice["billing_city"])))
    tax_id = invoice["tax_id"] and f"Tax ID {invoice['tax_id']}"
    lines = (
        invoice["billing_address_line1"],
        invoice["billing_address_line2"],
        ", ".join(filter(None, (city, invoice["billing_state"]))),
        invoice["billing_country"],
        invoice["billing_email"],
        tax_id,
    )
    return (line for line in lines if line)


def _facts(invoice: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Number", invoice["invoice_number"]
    yield "Date", _date(invoice["created_at"])
    if invoice["paid_at"] is not None:
        yield "Paid", _date(invoice["paid_at"])
    yield "Payment", _METHODS[invoice["payment_method"]]


def _table(pdf: "FPDF", invoice: Mapping[str, Any]) -> None:
    pdf.set_fill_color(240, 240, 240)
    pdf.set_font("text", "B", 10)
    _row(pdf, "Description", "Quantity", "Unit price", "Amount", fill=True)
    price = _money(invoice["total_amount"])
    pdf.set_font("text", "", 10)
    _row(pdf, fit(pdf, invoice["description"], _COLUMNS[0]), "1", price, price)
    pdf.line(MARGIN, pdf.get_y(), MARGIN + _WIDTH, pdf.get_y())
    pdf.set_font("text", "B", 12)
    pdf.cell(_WIDTH - 60, 9, "Total", align="R")
    pdf.cell(60, 9, f"{invoice['currency']} {price}", align="R", new_x="LMARGIN", new_y="NEXT")
    pdf.set_y(pdf.get_y() + 8)


def _row(pdf: "FPDF", *texts: str, fill: bool = False) -> None:
    for text, width in zip(texts, _COLUMNS, strict=True):
        pdf.cell(width, 9, text, align="L" if width == _COLUMNS[0] else "R", fill=fill)
    pdf.ln()


def _label(pdf: "FPDF", text: str) -> None:
    pdf.set_font("text", "", 10)
    pdf.set_text_color(*GREY)
    pdf.cell(_ADDRESS, 6, text, new_x="LMARGIN", new_y="NEXT")
    pdf.set_text_color(0)


def _date(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"
