"""The pages of an invoice or a credit note: portrait A4, with tables that go on on the next page."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from app.web import paper
from app.web.paper import GREY, MARGIN, fit

WIDTH = 170
# Width of the address, where the right column begins, and its width.
ADDRESS = 95
RIGHT = 125
RIGHT_WIDTH = 65
_BOTTOM = 270
_LINE = 5.5
# Of a description in the table.
_MOST_LINES = 3
# Widths of the columns of a table: description, quantity, unit price, tax rate, net amount.
_HEADINGS = ("Description", "Quantity", "Unit price", "Tax", "Amount")
_COLUMNS = (80, 18, 29, 14, 29)
_COLUMNS_WITHOUT_TAX = (90, 20, 30, 0, 30)


class Sheets:
    """A document that is written from top to bottom; a page that is full is followed by another."""

    def __init__(
        self, name: str, created_at: datetime, texts: Iterable[str], attached: paper.Attachment | None = None
    ) -> None:
        self._pdf = paper.document(name, created_at, texts, attached=attached)
        self._name = name
        self._pdf.add_page()
        self._top = self._left_bottom = 0.0

    def content(self) -> bytes:
        """The document as a file. Several pages are numbered."""
        pages = self._pdf.pages_count
        if pages > 1:
            for page in range(1, pages + 1):
                self._pdf.page = page
                self._foot(page, pages)
        return bytes(self._pdf.output())

    def heading(self, title: str, seller: str, lines: Sequence[str]) -> None:
        """Write the title, and the seller beside it."""
        pdf = self._pdf
        pdf.set_font("text", "B", 24)
        pdf.cell(70, 12, title)
        pdf.set_font("text", "B", 12)
        pdf.cell(100, 12, fit(pdf, seller, 100), align="R", new_x="LMARGIN", new_y="NEXT")
        pdf.set_font("text", "", 9)
        for line in lines:
            self._choose_font_again()
            pdf.set_x(MARGIN + 70)
            pdf.cell(100, 4, fit(pdf, line, 100), align="R", new_x="LMARGIN", new_y="NEXT")
        pdf.set_draw_color(*GREY)
        pdf.line(MARGIN, pdf.get_y() + 2, MARGIN + WIDTH, pdf.get_y() + 2)
        pdf.set_y(pdf.get_y() + 8)

    @contextmanager
    def side_by_side(self) -> Iterator[None]:
        """What is written in the block stands on the left, what comes next beside it, until `below_both`."""
        self._top = self._pdf.get_y()
        yield
        self._left_bottom = self._pdf.get_y()
        self._pdf.set_y(self._top)

    def below_both(self) -> None:
        """Go on below both columns."""
        self._pdf.set_xy(MARGIN, max(self._left_bottom, self._pdf.get_y() + 2) + 10)

    def label(self, text: str) -> None:
        """Write a small heading."""
        pdf = self._pdf
        pdf.set_font("text", "", 10)
        pdf.set_text_color(*GREY)
        pdf.cell(ADDRESS, 6, text, new_x="LMARGIN", new_y="NEXT")
        pdf.set_text_color(0)

    def paragraph(self, text: str, width: float, most: int, *, bold: bool = False, grey: bool = False) -> None:
        """Write a text on at most so many lines."""
        pdf = self._pdf
        pdf.set_font("text", "B" if bold else "", 11 if bold else 10)
        lines = self._wrapped(text, width, most)
        self._require(len(lines) * _LINE)
        pdf.set_text_color(*(GREY if grey else (0, 0, 0)))
        for line in lines:
            self._choose_font_again()
            pdf.cell(width, _LINE, line, new_x="LMARGIN", new_y="NEXT")
        pdf.set_text_color(0)

    def facts(self, facts: Iterable[tuple[str, str]]) -> None:
        """Write names and values in the right column."""
        pdf = self._pdf
        pdf.set_font("text", "", 10)
        for name, value in facts:
            pdf.set_x(RIGHT)
            pdf.set_text_color(*GREY)
            pdf.cell(25, 6, name)
            pdf.set_text_color(0)
            pdf.cell(40, 6, value, align="R", new_x="LMARGIN", new_y="NEXT")

    def badge(self, text: str, colour: tuple[int, int, int]) -> None:
        """Write a word on a coloured ground, in the right column."""
        pdf = self._pdf
        pdf.set_font("text", "B", 10)
        pdf.set_fill_color(*colour)
        pdf.set_text_color(255)
        width = max(30, pdf.get_string_width(text) + 6)
        pdf.set_xy(MARGIN + WIDTH - width, pdf.get_y() + 2)
        pdf.cell(width, 7, text, align="C", fill=True, new_x="LMARGIN", new_y="NEXT")
        pdf.set_text_color(0)

    def block(self, label: str, lines: Iterable[str], width: float) -> None:
        """Write lines below a label, in the right column."""
        pdf = self._pdf
        pdf.set_y(pdf.get_y() + 4)
        pdf.set_x(RIGHT)
        self.label(label)
        for line in lines:
            self._choose_font_again()
            pdf.set_x(RIGHT)
            pdf.cell(width, 5, fit(pdf, line, width), new_x="LMARGIN", new_y="NEXT")

    def table(self, has_tax: bool, rows: Iterable[tuple[str, str, str, str, str]]) -> None:
        """Write the lines of the document, with or without a column for the tax rate."""
        pdf = self._pdf
        columns = _COLUMNS if has_tax else _COLUMNS_WITHOUT_TAX
        self._headings(columns)
        for description, *figures in rows:
            lines = self._wrapped(description, columns[0], _MOST_LINES)
            if pdf.get_y() + len(lines) * _LINE + 3.5 > _BOTTOM:
                self._add_page()
                self._headings(columns)
            self._row(lines, figures, columns)
        pdf.line(MARGIN, pdf.get_y(), MARGIN + WIDTH, pdf.get_y())

    def sums(self, parts: Sequence[tuple[str, str]], total: tuple[str, str]) -> None:
        """Write sums below the table, on one page with the total, which ends them."""
        pdf = self._pdf
        self._require(7 * len(parts) + 9)
        pdf.set_font("text", "", 10)
        for name, amount in parts:
            pdf.cell(WIDTH - 60, 7, name, align="R")
            pdf.cell(60, 7, amount, align="R", new_x="LMARGIN", new_y="NEXT")
        pdf.set_font("text", "B", 12)
        pdf.cell(WIDTH - 60, 9, total[0], align="R")
        pdf.cell(60, 9, total[1], align="R", new_x="LMARGIN", new_y="NEXT")
        pdf.set_y(pdf.get_y() + 8)

    def _row(self, description: Sequence[str], figures: Sequence[str], columns: Sequence[float]) -> None:
        pdf = self._pdf
        top = pdf.get_y() + 1.75
        for place, line in enumerate(description):
            self._choose_font_again()
            pdf.set_xy(MARGIN, top + place * _LINE)
            pdf.cell(columns[0], _LINE, line)
        self._choose_font_again()
        pdf.set_xy(MARGIN + columns[0], top)
        for text, width in zip(figures, columns[1:], strict=True):
            if width:
                pdf.cell(width, _LINE, text, align="R")
        pdf.set_xy(MARGIN, top + len(description) * _LINE + 1.75)

    def _headings(self, columns: Sequence[float]) -> None:
        pdf = self._pdf
        pdf.set_fill_color(240, 240, 240)
        pdf.set_font("text", "B", 10)
        for place, (text, width) in enumerate(zip(_HEADINGS, columns, strict=True)):
            if width:
                pdf.cell(width, 9, text, align="R" if place else "L", fill=True)
        pdf.ln()
        pdf.set_font("text", "", 10)

    def _wrapped(self, text: str, width: float, most: int) -> list[str]:
        """The lines of a text in the present font; what does not fit the last one is cut."""
        words = deque(text.split())
        lines: list[str] = []
        while words and len(lines) < most - 1:
            line = words.popleft()
            while words and self._fits(f"{line} {words[0]}", width):
                line = f"{line} {words.popleft()}"
            if not self._fits(line, width):
                fitting = self._beginning(line, width)
                words.appendleft(line[fitting:])
                line = line[:fitting]
            lines.append(line)
        return [*lines, fit(self._pdf, " ".join(words), width)] if words else lines

    def _fits(self, text: str, width: float) -> bool:
        return self._pdf.get_string_width(text) <= width - 2 * self._pdf.c_margin

    def _beginning(self, word: str, width: float) -> int:
        """How many characters of a word fit, at least one."""
        return max((count for count in range(1, len(word)) if self._fits(word[:count], width)), default=1)

    def _choose_font_again(self) -> None:
        """Have the next text written in the present font: after a text in several fonts the library forgets to."""
        family, style, size = self._pdf.font_family, self._pdf.font_style, self._pdf.font_size_pt
        self._pdf.set_font(family, style, size + 1)
        self._pdf.set_font(family, style, size)

    def _require(self, height: float) -> None:
        if self._pdf.get_y() + height > _BOTTOM:
            self._add_page()

    def _add_page(self) -> None:
        pdf = self._pdf
        family, style, size = pdf.font_family, pdf.font_style, pdf.font_size_pt
        pdf.add_page()
        pdf.set_font(family, style, size)
        pdf.set_xy(MARGIN, MARGIN)

    def _foot(self, page: int, pages: int) -> None:
        pdf = self._pdf
        pdf.set_font("text", "", 8)
        self._choose_font_again()
        pdf.set_text_color(*GREY)
        pdf.set_xy(MARGIN, _BOTTOM + 7)
        pdf.cell(WIDTH / 2, 5, self._name)
        pdf.cell(WIDTH / 2, 5, f"Page {page} of {pages}", align="R")
