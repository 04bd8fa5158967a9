"""Rows of a schema as lines of CSV (RFC 4180): a header, one line for each row, and an end line with their number.

Columns have the names of the JSON fields; those of an object inside a row stand apart, as `client.name`. A list is JSON
text in one cell, and null an empty cell. There is no byte order mark.
"""

import csv
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from io import StringIO
from typing import Any, NamedTuple

import marshmallow as ma
import orjson

from app.money import plain
from app.web import fields
from app.web.json import format_time, to_json
from app.web.schemas import Schema

MIMETYPE = "text/csv"
_END = "#end"
# What a spreadsheet would calculate, also behind characters that it skips, and with signs of East Asian width.
_FORMULA = re.compile(r"[\s\x00-\x1f\x7f\u200b-\u200f\u2060\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")

_Convert = Callable[[Any], str]


class _Column(NamedTuple):
    """A member of an object: its cell, or the columns of the object in it."""

    key: str
    convert: _Convert | None
    inner: tuple["_Column", ...] = ()


class CsvRows:
    """Writes rows of `schema`, which dumps them as it does for JSON.

    `present` names the fields that the rows have, where sparse ones may be missing; by default they have all.
    """

    def __init__(self, schema: Schema, present: Collection[str] | None = None) -> None:
        self._schema = schema
        self._columns = _columns(schema, present)

    def header(self) -> bytes:
        """The line with the names of the columns."""
        return _lines([list(_names(self._columns))])

    def lines(self, rows: Sequence[Any]) -> bytes:
        """The lines of some rows: database rows, entities or mappings."""
        return _lines(_cells(self._columns, dumped) for dumped in self._schema.dump(rows, many=True))

    def end(self, count: int) -> bytes:
        """The last line, without which a file was cut off; `count` rows stand before it."""
        return _lines([[_END, str(count)]])


def text_cell(text: str) -> str:
    """Text for a cell, with an apostrophe before what a spreadsheet would take for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def value_cell(value: Any) -> str:
    """A number, time or word, as its JSON has it but without quotes."""
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return plain(value)
        case datetime():
            return format_time(value)
        case date():
            return value.isoformat()
        case _:
            return str(value)


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    out = StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode()


def _columns(schema: Schema, present: Collection[str] | None = None) -> tuple[_Column, ...]:
    return tuple(
        _column(field.data_key or name, field)
        for name, field in schema.dump_fields.items()
        if present is None or name not in schema.sparse or (field.attribute or name) in present
    )


def _column(key: str, field: ma.fields.Field[Any]) -> _Column:
    if isinstance(field, ma.fields.Nested) and not field.many and isinstance(field.schema, Schema):
        return _Column(key, None, _columns(field.schema))
    return _Column(key, _conversion(field))


def _conversion(field: ma.fields.Field[Any]) -> _Convert:
    """How the values of a field become text. The field decides whether that can be a formula: -5 is a number."""
    if isinstance(field, ma.fields.Nested | ma.fields.List | ma.fields.Mapping):
        return _json_cell
    if isinstance(field, ma.fields.UUID | fields.Dollars):
        return value_cell
    if isinstance(field, ma.fields.String):
        return text_cell
    return _any_cell if isinstance(field, ma.fields.Raw) else value_cell


def _any_cell(value: Any) -> str:
    if isinstance(value, str):
        return text_cell(value)
    return _json_cell(value) if isinstance(value, list | dict | orjson.Fragment) else value_cell(value)


def _json_cell(value: Any) -> str:
    return to_json(value).decode()


def _names(columns: Iterable[_Column], before: str = "") -> Iterable[str]:
    for column in columns:
        if column.convert is None:
            yield from _names(column.inner, f"{before}{column.key}.")
        else:
            yield before + column.key


def _cells(columns: Iterable[_Column], values: Mapping[str, Any]) -> list[str]:
    cells: list[str] = []
    for key, convert, inner in columns:
        value = values.get(key)
        if convert is None:
            cells += _cells(inner, _members(value))
        else:
            cells.append("" if value is None else convert(value))
    return cells


def _members(value: Any) -> Mapping[str, Any]:
    """The members of an object inside a row, which may be JSON text from the database; numbers keep their digits."""
    if isinstance(value, orjson.Fragment):
        value = json.loads(to_json(value), parse_float=str, parse_int=str)
    return value or {}
