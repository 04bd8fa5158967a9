"""Invoices on paper: one page, names in any script that the fonts know."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from app.purchases.models import InvoiceStatus, PaymentMethod

if TYPE_CHECKING:
    from fpdf import FPDF

_MARGIN = 20
_WIDTH = 170
_GREY = (110, 110, 110)
_COLOURS = {
    InvoiceStatus.PENDING: (176, 116, 0),
    InvoiceStatus.PAID: (0, 122, 77),
    InvoiceStatus.VOID: _GREY,
    InvoiceStatus.REFUNDED: (90, 60, 160),
}
_NOTES = {
    InvoiceStatus.PENDING: "Payment is due. Your credits arrive when it does.",
    InvoiceStatus.PAID: "Paid. Thank you.",
    InvoiceStatus.VOID: "This invoice is void. Nothing is to be paid.",
    InvoiceStatus.REFUNDED: "Paid and refunded.",
}
_METHODS = {PaymentMethod.STRIPE: "Card", PaymentMethod.MANUAL: "Bank transfer"}
# Here the characters of Chinese, Japanese and Korean begin, which have a large font of their own.
_FIRST_CJK = "\u1100"
# Longer texts are cut: an invoice stays on its page.
_LONGEST = 160
# Widths of the columns of the table: description, quantity, unit price, amount.
_COLUMNS = (90, 20, 30, 30)


def render(invoice: Mapping[str, Any], *, seller: str) -> bytes:
    """The invoice as a PDF; the same bytes for the same invoice."""
    pdf = _page(invoice)
    _heading(pdf, seller)
    _parties(pdf, invoice)
    _table(pdf, invoice)
    pdf.set_text_color(*_GREY)
    pdf.set_font("text", "", 10)
    pdf.cell(_WIDTH, 6, _NOTES[invoice["status"]])
    return bytes(pdf.output())


def _page(invoice: Mapping[str, Any]) -> "FPDF":
    # The library takes most of a second to load, which only those pay who ask for a PDF.
    from fpdf import FPDF  # noqa: PLC0415

    pdf = FPDF(format="A4")
    pdf.set_creation_date(invoice["created_at"])
    pdf.set_title(f"Invoice {invoice['invoice_number']}")
    pdf.set_margin(_MARGIN)
    pdf.set_auto_page_break(False)
    pdf.add_page()
    fonts = Path(_fonts().name)
    pdf.add_font("text", "", fonts / "regular.ttf")
    pdf.add_font("text", "B", fonts / "bold.ttf")
    if any(character >= _FIRST_CJK for value in invoice.values() if isinstance(value, str) for character in value):
        import noto_cjk_sans_jp_regular as cjk  # noqa: PLC0415

        pdf.add_font("cjk", "", Path(cjk.__file__).with_name("NotoSansCJKjp-Regular.otf"))
        pdf.set_fallback_fonts(["cjk"], exact_match=False)
    pdf.set_text_shaping(True)
    return pdf


@cache
def _fonts() -> TemporaryDirectory[str]:
    """A directory with the fonts as files, kept as long as the process."""
    import pymupdf_fonts  # noqa: PLC0415

    directory = TemporaryDirectory(prefix="billing-fonts-")
    for name, code in (("regular", "figo"), ("bold", "figbo")):
        Path(directory.name, f"{name}.ttf").write_bytes(pymupdf_fonts.myfont(code))
    return directory


def _heading(pdf: "FPDF", seller: str) -> None:
    pdf.set_font("text", "B", 24)
    pdf.cell(100, 12, "Invoice")
    pdf.set_font("text", "B", 12)
    pdf.cell(70, 12, _cut(seller, 40), align="R", new_x="LMARGIN", new_y="NEXT")
    pdf.set_draw_color(*_GREY)
    pdf.line(_MARGIN, pdf.get_y() + 2, _MARGIN + _WIDTH, pdf.get_y() + 2)
    pdf.set_y(pdf.get_y() + 8)


def _parties(pdf: "FPDF", invoice: Mapping[str, Any]) -> None:
    """Whom the invoice is for on the left, what it is on the right."""
    top = pdf.get_y()
    _label(pdf, "Billed to")
    pdf.set_font("text", "B", 11)
    pdf.multi_cell(95, 6, _cut(invoice["account_name"]), align="L", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("text", "", 10)
    for line in _address(invoice):
        pdf.multi_cell(95, 5.5, _cut(line), align="L", new_x="LMARGIN", new_y="NEXT")
    bottom = pdf.get_y()
    pdf.set_y(top)
    for name, value in _facts(invoice):
        pdf.set_x(125)
        pdf.set_text_color(*_GREY)
        pdf.cell(25, 6, name)
        pdf.set_text_color(0)
        pdf.cell(40, 6, value, align="R", new_x="LMARGIN", new_y="NEXT")
    pdf.set_x(125)
    pdf.set_font("text", "B", 10)
    pdf.set_fill_color(*_COLOURS[invoice["status"]])
    pdf.set_text_color(255)
    pdf.set_xy(160, pdf.get_y() + 2)
    pdf.cell(30, 7, invoice["status"].upper(), align="C", fill=True)
    pdf.set_text_color(0)
    pdf.set_xy(_MARGIN, max(bottom, pdf.get_y() + 9) + 10)


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
    _row(pdf, _cut(invoice["description"], 50), "1", price, price)
    pdf.line(_MARGIN, pdf.get_y(), _MARGIN + _WIDTH, pdf.get_y())
    pdf.set_font("text", "B", 12)
    _row(pdf, "", "", "Total", f"{invoice['currency']} {price}")
    pdf.set_y(pdf.get_y() + 8)


def _row(pdf: "FPDF", *texts: str, fill: bool = False) -> None:
    for text, width in zip(texts, _COLUMNS, strict=True):
        pdf.cell(width, 9, text, align="L" if width == _COLUMNS[0] else "R", fill=fill)
    pdf.ln()


def _label(pdf: "FPDF", text: str) -> None:
    pdf.set_font("text", "", 10)
    pdf.set_text_color(*_GREY)
    pdf.cell(95, 6, text, new_x="LMARGIN", new_y="NEXT")
    pdf.set_text_color(0)


def _cut(text: str, longest: int = _LONGEST) -> str:
    """`text` on one line, and not longer than its place."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _date(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"
