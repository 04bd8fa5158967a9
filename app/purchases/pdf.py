"""Invoices on paper: one page, names in any script that the fonts know."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from app.purchases.models import InvoiceStatus, PaymentMethod

if TYPE_CHECKING:
    from fpdf import FPDF

_lock = Lock()
_MARGIN = 20
_WIDTH = 170
_GREY = (110, 110, 110)
_COLOURS = {
    InvoiceStatus.PENDING: (176, 116, 0),
    InvoiceStatus.PAID: (0, 122, 77),
    InvoiceStatus.VOID: _GREY,
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
# Here the characters of Chinese, Japanese and Korean begin, which have a large font of their own.
_FIRST_CJK = "\u1100"
# Devanagari and Thai, with the joiners. Their syllables are put together by rules of their own, which the shaper keeps
# to only where a stretch of text in one font begins with them: beside Latin letters they need another font.
_APART = re.compile("[\u0900-\u097f\u0e00-\u0e7f\u1cd0-\u1cff\ua8e0-\ua8ff]")
_RANGE_APART = "U+0900-097F, U+0E00-0E7F, U+1CD0-1CFF, U+200C-200D, U+A8E0-A8FF"
_OTHER_RANGE = "U+0000-08FF, U+0980-0DFF, U+0E80-1CCF, U+1D00-200B, U+200E-A8DF, U+A900-FFFF"
# Longer texts are cut: an invoice stays on its page.
_LONGEST = 160
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


class _Library(NamedTuple):
    """What a process makes once: the class of documents, and a directory with the fonts as files."""

    make: "type[FPDF]"
    fonts: TemporaryDirectory[str]


def render(invoice: Mapping[str, Any]) -> bytes:
    """The invoice as a PDF; the same bytes for the same invoice."""
    pdf = _page(invoice)
    _heading(pdf, invoice)
    _parties(pdf, invoice)
    _table(pdf, invoice)
    pdf.set_text_color(*_GREY)
    pdf.set_font("text", "", 10)
    pdf.cell(_WIDTH, 6, _NOTES[invoice["status"]])
    return bytes(pdf.output())


def _page(invoice: Mapping[str, Any]) -> "FPDF":
    pdf = _library().make(format="A4")
    # Text is text: with an alias, "{nb}" would be the number of pages.
    pdf.alias_nb_pages(None)  # type: ignore[arg-type] # as its documentation says
    pdf.set_creation_date(invoice["created_at"])
    pdf.set_title(f"Invoice {invoice['invoice_number']}")
    pdf.set_margin(_MARGIN)
    pdf.set_auto_page_break(False)
    pdf.add_page()
    _add_fonts(pdf, "".join(value for value in invoice.values() if isinstance(value, str)))
    pdf.set_text_shaping(True)
    return pdf


def _add_fonts(pdf: "FPDF", text: str) -> None:
    """Those that the text needs."""
    fonts = Path(_library().fonts.name)
    apart = _APART.search(text) is not None
    for style, name in (("", "regular"), ("B", "bold")):
        pdf.add_font("text", style, fonts / f"{name}.ttf", unicode_range=_OTHER_RANGE if apart else None)
        if apart:
            pdf.add_font("apart", style, fonts / f"{name}.ttf", unicode_range=_RANGE_APART)
    others = ["apart"] if apart else []
    if any(character >= _FIRST_CJK for character in text):
        import noto_cjk_sans_jp_regular as cjk  # noqa: PLC0415

        pdf.add_font("cjk", "", Path(cjk.__file__).with_name("NotoSansCJKjp-Regular.otf"))
        others.append("cjk")
    pdf.set_fallback_fonts(others, exact_match=False)


def _library() -> _Library:
    # The first PDFs may be asked for at once. It is made by one of them, and not again.
    with _lock:
        return _load()


@cache
def _load() -> _Library:
    # It takes most of a second to load, which only those pay who ask for a PDF.
    import pymupdf_fonts  # noqa: PLC0415
    from fpdf import FPDF  # noqa: PLC0415

    directory = TemporaryDirectory(prefix="billing-fonts-")
    for name, code in (("regular", "figo"), ("bold", "figbo")):
        Path(directory.name, f"{name}.ttf").write_bytes(pymupdf_fonts.myfont(code))
    return _Library(FPDF, directory)


def _heading(pdf: "FPDF", invoice: Mapping[str, Any]) -> None:
    pdf.set_font("text", "B", 24)
    pdf.cell(100, 12, "Invoice")
    pdf.set_font("text", "B", 12)
    pdf.cell(70, 12, _fit(pdf, invoice["seller_name"], 70), align="R", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("text", "", 9)
    for line in _seller(invoice):
        pdf.set_x(_MARGIN + 70)
        pdf.cell(100, 4, _fit(pdf, line, 100), align="R", new_x="LMARGIN", new_y="NEXT")
    pdf.set_draw_color(*_GREY)
    pdf.line(_MARGIN, pdf.get_y() + 2, _MARGIN + _WIDTH, pdf.get_y() + 2)
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
    pdf.set_text_color(*_GREY)
    pdf.set_x(_RIGHT)
    pdf.cell(_RIGHT_WIDTH, 6, "Bank details", new_x="LMARGIN", new_y="NEXT")
    pdf.set_text_color(0)
    for line in _shown_lines(invoice["seller_bank"]):
        pdf.set_x(_RIGHT)
        pdf.cell(_RIGHT_WIDTH, 5, _fit(pdf, line, _RIGHT_WIDTH), new_x="LMARGIN", new_y="NEXT")


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
        pdf.set_text_color(*_GREY)
        pdf.cell(25, 6, name)
        pdf.set_text_color(0)
        pdf.cell(40, 6, value, align="R", new_x="LMARGIN", new_y="NEXT")
    pdf.set_x(_RIGHT)
    pdf.set_font("text", "B", 10)
    pdf.set_fill_color(*_COLOURS[invoice["status"]])
    pdf.set_text_color(255)
    status = invoice["status"].upper().replace("_", " ")
    width = max(30, pdf.get_string_width(status) + 6)
    pdf.set_xy(_MARGIN + _WIDTH - width, pdf.get_y() + 2)
    pdf.cell(width, 7, status, align="C", fill=True, new_x="LMARGIN", new_y="NEXT")
    pdf.set_text_color(0)
    _bank(pdf, invoice)
    pdf.set_xy(_MARGIN, max(bottom, pdf.get_y() + 2) + 10)


def _lines(pdf: "FPDF", text: str) -> None:
    shown = _fit(pdf, text, _ADDRESS * _ADDRESS_LINES)
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
    _row(pdf, _fit(pdf, invoice["description"], _COLUMNS[0]), "1", price, price)
    pdf.line(_MARGIN, pdf.get_y(), _MARGIN + _WIDTH, pdf.get_y())
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
    pdf.set_text_color(*_GREY)
    pdf.cell(_ADDRESS, 6, text, new_x="LMARGIN", new_y="NEXT")
    pdf.set_text_color(0)


def _cut(text: str, longest: int) -> str:
    """`text` on one line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _fit(pdf: "FPDF", text: str, width: float) -> str:
    """`text` on one line, as much of it as a cell of this width holds in the present font."""
    longest = _LONGEST
    while pdf.get_string_width(_cut(text, longest)) > width - 2 * pdf.c_margin:
        longest -= 1
    return _cut(text, longest)


def _date(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"
