"""A statement of a budget on paper: both ends of the period, what changed by kind, and every movement."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from app.web import paper
from app.web.paper import GREY, MARGIN, fit

if TYPE_CHECKING:
    from fpdf import FPDF

_WIDTH = 257
_BOTTOM = 190
_ROW = 5.2
_SIDES = ("Budget", "Locked", "Consumed", "Remaining")
_SIDE_FIELDS = ("budget", "locked_budget", "consumed_budget", "total_budget_remaining")
_DELTA_FIELDS = ("budgetDelta", "lockedDelta", "consumedDelta")


class _Column(NamedTuple):
    """A column of a table: its heading, its width in mm, and where its texts stand."""

    heading: str
    width: float
    align: str = "L"


_BALANCE = (_Column("", 65), *(_Column(side, 48, "R") for side in _SIDES))
_KINDS = (
    _Column("Kind", 65),
    _Column("Movements", 48, "R"),
    *(_Column(name, 48, "R") for name in ("Budget", "Locked", "Consumed")),
)
_MOVEMENTS = (
    _Column("No.", 16, "R"),
    _Column("Time (UTC)", 34),
    _Column("Kind", 28),
    _Column("For", 67),
    _Column("Budget", 28, "R"),
    _Column("Locked", 28, "R"),
    _Column("Consumed", 28, "R"),
    _Column("Remaining", 28, "R"),
)


def render(statement: Mapping[str, Any]) -> bytes:
    """The statement as a PDF; the same bytes for the same content.

    `statement` has `id`, `name` and `client_name` of the account, both ends, and the JSON text of movements and sums.
    """
    movements, kinds = (json.loads(statement[name], parse_float=Decimal) for name in ("movements", "by_kind"))
    texts = (statement["name"], statement["client_name"], *map(_reference, movements))
    title = f"Statement of billing account {statement['id']}"
    document = paper.document(title, statement["until"], texts, "landscape")
    page = _Pages(document, f"Billing account {statement['id']}")
    page.add()
    _heading(document, statement)
    _balances(page, statement)
    page.table(_KINDS, map(_kind, kinds), "Changes by kind")
    page.table(_MOVEMENTS, map(_movement, movements), "Movements")
    return bytes(document.output())


class _Pages:
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
        self.pdf.cell(_WIDTH / 2, 5, self._name)
        self.pdf.cell(_WIDTH / 2, 5, f"Page {self.pdf.page_no()}", align="R")
        self.pdf.set_text_color(0)
        self.pdf.set_xy(MARGIN, MARGIN)

    def table(self, columns: Sequence[_Column], rows: Iterable[Sequence[str]], title: str) -> None:
        """Write a table with its title."""
        if self.pdf.get_y() + 4 * _ROW > _BOTTOM:
            self.add()
        self.pdf.set_font("text", "B", 11)
        self.pdf.cell(_WIDTH, 8, title, new_x="LMARGIN", new_y="NEXT")
        self._headings(columns)
        for row in rows:
            if self.pdf.get_y() + _ROW > _BOTTOM:
                self.add()
                self._headings(columns)
            for text, column in zip(row, columns, strict=True):
                self._cell(text, column)
            self.pdf.ln()
        self.pdf.set_y(self.pdf.get_y() + 5)

    def _cell(self, text: str, column: _Column) -> None:
        if not text:
            self.pdf.set_x(self.pdf.get_x() + column.width)
            return
        paper.prepare_for(self.pdf, text)
        # Amounts and times have the room they need, and measuring takes time.
        shown = fit(self.pdf, text, column.width) if column.align == "L" else text
        self.pdf.cell(column.width, _ROW, shown, align=column.align)

    def _headings(self, columns: Sequence[_Column]) -> None:
        self.pdf.set_font("text", "B", 8)
        self.pdf.set_fill_color(240, 240, 240)
        for column in columns:
            self.pdf.cell(column.width, _ROW + 1, column.heading, align=column.align, fill=True)
        self.pdf.ln()
        self.pdf.set_font("text", "", 8)


def _heading(pdf: "FPDF", statement: Mapping[str, Any]) -> None:
    pdf.set_font("text", "B", 20)
    pdf.cell(_WIDTH, 11, "Statement of account", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("text", "", 10)
    for name, value in (
        ("Account", f"{statement['name']} ({statement['id']})"),
        ("Client", statement["client_name"]),
        ("Period", f"{_time(statement['since'])} to {_time(statement['until'])} UTC, the end excluded"),
    ):
        paper.prepare_for(pdf, value)
        pdf.set_text_color(*GREY)
        pdf.cell(25, 6, name)
        pdf.set_text_color(0)
        pdf.cell(_WIDTH - 25, 6, fit(pdf, value, _WIDTH - 25), new_x="LMARGIN", new_y="NEXT")
    pdf.set_y(pdf.get_y() + 4)


def _balances(page: _Pages, statement: Mapping[str, Any]) -> None:
    ends = (("Opening balance", statement["opening"]), ("Closing balance", statement["closing"]))
    rows = ((name, *(_amount(end[field]) for field in _SIDE_FIELDS)) for name, end in ends)
    page.table(_BALANCE, rows, "Balance")


def _kind(sums: Mapping[str, Any]) -> tuple[str, ...]:
    return _words(sums["kind"]), f"{sums['count']:,}", *_deltas(sums)


def _movement(movement: Mapping[str, Any]) -> tuple[str, ...]:
    remaining = movement["budgetAfter"] - movement["lockedAfter"] - movement["consumedAfter"]
    place = str(movement["position"]), _time(movement["at"]), _words(movement["kind"])
    return (*place, _reference(movement), *_deltas(movement), _amount(remaining))


def _reference(movement: Mapping[str, Any]) -> str:
    """What the amount is for, or why the budget was changed."""
    if movement["externalId"] is None:
        return movement["reason"] or ""
    return movement["externalName"] or f"{_words(movement['externalType'])} {movement['externalId']}"


def _deltas(changes: Mapping[str, Any]) -> tuple[str, ...]:
    """The changes, signed; nothing for those of zero."""
    return tuple(_amount(changes[name], "+") if changes[name] else "" for name in _DELTA_FIELDS)


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _time(moment: datetime | str) -> str:
    """A time, or its JSON, to the second."""
    text = moment.astimezone(UTC).isoformat() if isinstance(moment, datetime) else moment
    return text[:19].replace("T", " ")


def _amount(amount: Decimal | int, sign: str = "") -> str:
    """With 2 decimals, or as many as it has."""
    decimals = max(2, -int(Decimal(amount).normalize().as_tuple().exponent))
    return f"{amount:{sign},.{decimals}f}"
