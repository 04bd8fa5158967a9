"""Tables on landscape pages, which go on on the next one below their headings."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from app.web import paper
from app.web.paper import GREY, MARGIN, fit

if TYPE_CHECKING:
    from fpdf import FPDF

WIDTH = 257
_BOTTOM = 190
_ROW = 5.2


class Column(NamedTuple):
    """A column of a table: its heading, its width in mm, and where its texts stand."""

    heading: str
    width: float
    align: str = "L"


class Pages:
    """The pages of a document: tables go on on the next one, below their headings."""

    def __init__(self, pdf: "FPDF", name: str) -> None:
        self.pdf = pdf
        self._name = name

    def add(self) -> None:
        """Begin a page; its number stands at its foot."""
        self.pdf.add_page()
        self.pdf.set_font("text", "", 8)
        self.pdf.set_text_color(*GREY)
        self.pdf.set_y(_BOTTOM + 6)
        self.pdf.cell(WIDTH / 2, 5, self._name)
        self.pdf.cell(WIDTH / 2, 5, f"Page {self.pdf.page_no()}", align="R")
        self.pdf.set_text_color(0)
        self.pdf.set_xy(MARGIN, MARGIN)

    def heading(self, title: str, facts: Iterable[tuple[str, str]]) -> None:
        """Write the title of the document and what it is about."""
        self.pdf.set_font("text", "B", 20)
        self.pdf.cell(WIDTH, 11, title, new_x="LMARGIN", new_y="NEXT")
        self.pdf.set_font("text", "", 10)
        for name, value in facts:
            paper.prepare_for(self.pdf, value)
            self.pdf.set_text_color(*GREY)
            self.pdf.cell(25, 6, name)
            self.pdf.set_text_color(0)
            self.pdf.cell(WIDTH - 25, 6, fit(self.pdf, value, WIDTH - 25), new_x="LMARGIN", new_y="NEXT")
        self.pdf.set_y(self.pdf.get_y() + 4)

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[str]], title: str) -> None:
        """Write a table with its title."""
        if self.pdf.get_y() + 4 * _ROW > _BOTTOM:
            self.add()
        self.pdf.set_font("text", "B", 11)
        self.pdf.cell(WIDTH, 8, title, new_x="LMARGIN", new_y="NEXT")
        self._headings(columns)
        for row in rows:
            if self.pdf.get_y() + _ROW > _BOTTOM:
                self.add()
                self._headings(columns)
            for text, column in zip(row, columns, strict=True):
                self._cell(text, column)
            self.pdf.ln()
        self.pdf.set_y(self.pdf.get_y() + 5)

    def _cell(self, text: str, column: Column) -> None:
        if not text:
            self.pdf.set_x(self.pdf.get_x() + column.width)
            return
        paper.prepare_for(self.pdf, text)
        # Amounts and times have the room they need, and measuring takes time.
        shown = fit(self.pdf, text, column.width) if column.align == "L" else text
        self.pdf.cell(column.width, _ROW, shown, align=column.align)

    def _headings(self, columns: Sequence[Column]) -> None:
        self.pdf.set_font("text", "B", 8)
        self.pdf.set_fill_color(240, 240, 240)
        for column in columns:
            self.pdf.cell(column.width, _ROW + 1, column.heading, align=column.align, fill=True)
        self.pdf.ln()
        self.pdf.set_font("text", "", 8)
