"""JSON built by PostgreSQL: objects inside a row, and lists too long to be held as Python objects.

Schemas pass such text through as it is (see `app.web.schemas`), so the expressions here follow the same rules as
`app.web.json`: camelCase names, decimals without trailing zeros, times in UTC with milliseconds.
"""

from collections.abc import Iterable, Mapping
from functools import reduce
from itertools import groupby
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, DateTime, Numeric, Text, Uuid, cast, func, literal, literal_column
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import InstrumentedAttribute

from app.naming import camel_case

Column: TypeAlias = ColumnElement[Any] | InstrumentedAttribute[Any]
# JSON text in the making: constants and expressions whose texts follow each other.
Json: TypeAlias = tuple[str | ColumnElement[str], ...]


def value(column: Column) -> Json:
    """Anything as JSON text."""
    return or_null((cast(func.to_json(column), Text),))


def word(column: Column) -> Json:
    """What needs no escaping and is never NULL, such as an id, as a JSON string. Cheaper than `value`."""
    return '"', cast(column, Text), '"'


def time(column: Column) -> Json:
    """A moment, never NULL, as a JSON string."""
    # Cut from a text with six decimals, which an added microsecond makes sure of: to_char takes longer.
    in_utc = func.date_trunc("milliseconds", func.timezone("UTC", column))
    moment = cast(func.to_json(in_utc + literal_column("interval '1 microsecond'")), Text)
    return func.left(moment, len('"2001-02-03T04:05:06.789')), 'Z"'


def amount(column: Column) -> Json:
    """A decimal, never NULL, as a JSON number."""
    return (cast(func.trim_scale(column), Text),)


def or_null(json: Json) -> Json:
    """JSON text that may be NULL, which becomes null."""
    return (func.coalesce(text(json), "null"),)


def member(column: InstrumentedAttribute[Any]) -> Json:
    """The value of a mapped column as JSON text, by its type."""
    kinds = ((DateTime, time), (Numeric, amount), (Uuid, word))
    make = next((make for kind, make in kinds if isinstance(column.type, kind)), value)
    is_nullable = column.property.columns[0].nullable
    return or_null(make(column)) if is_nullable and make is not value else make(column)


def json_object(members: Mapping[str, Json]) -> Json:
    """One object as JSON text; `members` maps snake_case names to JSON texts, none of them NULL."""
    # Put together from pieces of text: json_build_object takes one and a half times as long.
    pieces: list[str | ColumnElement[str]] = []
    for name, json in members.items():
        pieces += (f'{"," if pieces else "{"}"{camel_case(name)}":', *json)
    return *pieces, "}"


def json_list(json: ColumnElement[str], *order_by: Column) -> Json:
    """The aggregate of all rows' JSON texts, but for those that are NULL, as the JSON text of a list."""
    return "[", func.coalesce(func.string_agg(json, aggregate_order_by(literal(","), *order_by)), ""), "]"


def text(json: Json) -> ColumnElement[str]:
    """The expression that yields the text. Constants that meet are one."""
    return reduce(lambda left, right: left.concat(right), _expressions(json))


def _expressions(json: Json) -> Iterable[ColumnElement[str]]:
    for is_constant, pieces in groupby(json, lambda piece: isinstance(piece, str)):
        if is_constant:
            yield literal("".join(map(str, pieces)), Text)
        else:
            yield from (piece for piece in pieces if not isinstance(piece, str))
