"""Rows as CSV: what a cell holds follows from the field, not from the text."""

import csv
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from typing import Any

import marshmallow as ma
import pytest

from app.web import fields
from app.web.csv_rows import CsvRows
from app.web.schemas import CamelSchema


class _Owner(CamelSchema):
    """An object inside a row."""

    name = fields.Text()
    share = ma.fields.Decimal()


class _Thing(CamelSchema):
    """A row with a field of each kind."""

    sparse = frozenset({"secret"})

    label = fields.Text(allow_none=True)
    owner = ma.fields.Nested(_Owner, allow_none=True)
    amount = ma.fields.Decimal()
    price_paid = fields.Dollars()
    at = fields.Moment()
    day = fields.Day()
    is_open = fields.Boolean()
    tags = ma.fields.List(fields.Text())
    facts = fields.JsonObject()
    secret = fields.Text()


def thing(**values: Any) -> dict[str, Any]:
    return {
        "label": "Plain",
        "owner": {"name": "Ann", "share": Decimal("0.50")},
        "amount": Decimal("-12.5000"),
        "price_paid": Decimal(-5),
        "at": datetime(2026, 11, 26, 7, 8, 9, 123456, UTC),
        "day": date(2026, 11, 26),
        "is_open": True,
        "tags": ["a", "=b"],
        "facts": '{"n": 1.50}',
        **values,
    }


def table(rows: Sequence[Any], present: set[str] | None = None) -> list[list[str]]:
    writer = CsvRows(_Thing(), present)
    text = (writer.header() + writer.lines(rows) + writer.end(len(rows))).decode()
    return list(csv.reader(StringIO(text, newline="")))


def column(rows: list[list[str]], name: str) -> str:
    return rows[1][rows[0].index(name)]


def test_columns_are_the_json_names_with_objects_dotted() -> None:
    header, *_ = table([])
    assert header == [
        "label", "owner.name", "owner.share", "amount", "pricePaid", "at", "day", "isOpen", "tags", "facts", "secret",
    ]  # fmt: skip


def test_cells_hold_what_the_json_holds() -> None:
    (_, row, _) = table([thing()], present=set())
    assert row == [
        "Plain", "Ann", "0.5", "-12.5", "-5.00", "2026-11-26T07:08:09.123Z", "2026-11-26", "true",
        '["a","=b"]', '{"n": 1.50}',
    ]  # fmt: skip


def test_null_is_an_empty_cell_and_a_null_object_empty_cells() -> None:
    rows = table([thing(label=None, owner=None)])
    assert [column(rows, name) for name in ("label", "owner.name", "owner.share")] == ["", "", ""]


def test_objects_built_by_the_database_keep_the_digits_of_their_numbers() -> None:
    rows = table([thing(owner='{"name":"-Ann","share":99999999999.9999}')])
    assert (column(rows, "owner.name"), column(rows, "owner.share")) == ("'-Ann", "99999999999.9999")


def test_fields_that_no_row_has_are_no_columns() -> None:
    assert "secret" not in table([thing()], present={"label"})[0]
    assert column(table([thing(secret="s")], present={"secret"}), "secret") == "s"


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\rx",
        "\nx",
        "  =1",
        "\u00a0=1",
        "\ufeff=1",
        "\u200b@x",
        "\x00=1",
        "\uff1d1",
    ],
)
def test_text_that_begins_like_a_formula_is_defused(text: str) -> None:
    assert column(table([thing(label=text, owner={"name": text, "share": 1})]), "label") == f"'{text}"
    assert column(table([thing(owner={"name": text, "share": 1})]), "owner.name") == f"'{text}"


@pytest.mark.parametrize("text", ["1-1", "a=b", "", "'=1", "e@x.example", '"=1"'])
def test_other_text_is_left_alone(text: str) -> None:
    assert column(table([thing(label=text)]), "label") == text


def test_quoting_and_line_ends_follow_rfc_4180() -> None:
    written = CsvRows(_Thing(only=["label", "amount"])).lines([thing(label='say "hi",\r\nyou')])
    assert written == b'"say ""hi"",\r\nyou",-12.5\r\n'


def test_text_is_utf_8_without_a_byte_order_mark() -> None:
    writer = CsvRows(_Thing(only=["label"]))
    assert writer.header() + writer.lines([thing(label="Zoë")]) == b"label\r\nZo\xc3\xab\r\n"


def test_last_line_has_the_number_of_rows() -> None:
    assert CsvRows(_Thing()).end(12) == b"#end,12\r\n"
