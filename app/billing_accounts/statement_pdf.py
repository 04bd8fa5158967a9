"""A statement of a budget on paper: both ends of the period, what changed by kind, and every movement."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
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
_SIDE_FIELDS = ("budget", "lockedBudget", "consumedBudget", "totalBudgetRemaining")
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


def render(account: Mapping[str, Any], statement: Mapping[str, Any], at: datetime) -> bytes:
    """The statement as a PDF, made `at` some time; the same bytes for the same content.

    `account` has `id`, `name` and `client_name`; `statement` is the statement in the form of its JSON.
    """
    document = paper.document(f"Statement of account {account['id']}", at, _texts(account, statement), "landscape")
    page = _Pages(document, f"Billing account {account['id']}")
    page.add()
    _heading(document, account, statement)
    _balances(page, statement)
    _kinds(page, statement)
    page.table(_MOVEMENTS, (_movement(each) for each in statement["movements"]), "Movements")
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

    def table(self, columns: Sequence[_Column], rows: Iterator[Sequence[str]], title: str) -> None:
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


def _heading(pdf: "FPDF", account: Mapping[str, Any], statement: Mapping[str, Any]) -> None:
    pdf.set_font("text", "B", 20)
    pdf.cell(_WIDTH, 11, "Statement of account", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("text", "", 10)
    for name, value in (
        ("Account", f"{account['name']} ({account['id']})"),
        ("Client", account["client_name"]),
        ("Period", f"{_time(statement['from'])} to {_time(statement['to'])} UTC, the end excluded"),
    ):
        pdf.set_text_color(*GREY)
        pdf.cell(25, 6, name)
        pdf.set_text_color(0)
        pdf.cell(_WIDTH - 25, 6, fit(pdf, value, _WIDTH - 25), new_x="LMARGIN", new_y="NEXT")
    pdf.set_y(pdf.get_y() + 4)


def _balances(page: _Pages, statement: Mapping[str, Any]) -> None:
    ends = (("Opening balance", statement["opening"]), ("Closing balance", statement["closing"]))
    rows = ((name, *(_amount(end[field]) for field in _SIDE_FIELDS)) for name, end in ends)
    page.table(_BALANCE, rows, "Balance")


def _kinds(page: _Pages, statement: Mapping[str, Any]) -> None:
    rows = ((_words(each["kind"]), f"{each['count']:,}", *_deltas(each)) for each in statement["byKind"])
    page.table(_KINDS, rows, "Changes by kind")


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


def _texts(account: Mapping[str, Any], statement: Mapping[str, Any]) -> Iterator[str]:
    yield account["name"]
    yield account["client_name"]
    yield from (_reference(each) for each in statement["movements"])


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _time(text: str) -> str:
    """A timestamp of JSON, to the second."""
    return text[:19].replace("T", " ")


def _amount(amount: Decimal | int, sign: str = "") -> str:
    """With 2 decimals, or as many as it has."""
    decimals = max(2, -int(Decimal(amount).normalize().as_tuple().exponent))
    return f"{amount:{sign},.{decimals}f}"
