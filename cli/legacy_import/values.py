"""Values of the export, read from one field of a row.

A value that makes the row useless raises RejectedRowError; one that can be left out is, and is noted.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from app.clock import whole_milliseconds
from app.identifiers import holds_invisible
from app.money import round_amount

MAX_ID = 2**31 - 1
MAX_TEXT = 255

_NUMBER = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,2})?", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,10}", re.ASCII)
# A whole number that something wrote as a decimal.
_WHOLE = re.compile(r"([0-9]+)\.0*", re.ASCII)
_TRUE = frozenset({"1", "1.0", "true", "yes"})

Row = Mapping[str, Any]
Note = Callable[[str], None]


class RejectedRowError(Exception):
    """The row cannot be loaded; the text says why, in words that hold for many rows."""


class Number(str):
    """A number of the file that is not a small integer, with its digits as they stand."""

    __slots__ = ()


def text(row: Row, name: str, longest: int = MAX_TEXT) -> str | None:
    """The text without white space around it; None when there is none."""
    value = row.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise RejectedRowError(f"{name}: not a text")
    value = str(value).strip()
    if len(value) > longest:
        raise RejectedRowError(f"{name}: longer than {longest} characters")
    if "\x00" in value:
        raise RejectedRowError(f"{name}: holds a NUL character")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise RejectedRowError(f"{name}: not valid UTF-8") from None
    return value or None


def required_text(row: Row, name: str) -> str:
    """The text, which must be there."""
    value = text(row, name)
    if value is None:
        raise RejectedRowError(f"{name}: missing")
    return value


def reference(row: Row, name: str) -> str | None:
    """An identifier kept as text; a whole number is its digits, however it is written. None when there is none."""
    value = text(row, name)
    if value is None:
        return None
    if holds_invisible(value):
        raise RejectedRowError(f"{name}: holds a control or zero-width character")
    if value in {".", ".."}:
        raise RejectedRowError(f"{name}: no address can name it")
    return _whole(row[name], value)


def required_reference(row: Row, name: str) -> str:
    """The identifier, which must be there."""
    value = reference(row, name)
    if value is None:
        raise RejectedRowError(f"{name}: missing")
    return value


def whole_number(row: Row, name: str) -> int:
    """An id of ours: a positive integer, which must be there."""
    value = row.get(name)
    if value is None or value == "":
        raise RejectedRowError(f"{name}: missing")
    digits = "" if isinstance(value, bool) else _whole(value, str(value))
    if not _DIGITS.fullmatch(digits) or not 1 <= int(digits) <= MAX_ID:
        raise RejectedRowError(f"{name}: not a whole number from 1 to {MAX_ID}")
    return int(digits)


def number(row: Row, name: str, most: Decimal) -> Decimal | None:
    """The number, not negative, rounded half up to 4 decimals: the export was written from floats."""
    value = any_number(row, name)
    if value is None:
        return None
    if value < 0:
        raise RejectedRowError(f"{name}: negative")
    if value > most:
        raise RejectedRowError(f"{name}: too large")
    return round_amount(value)


def any_number(row: Row, name: str) -> Decimal | None:
    """The number as it stands, of any size that is written out."""
    value = row.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not _NUMBER.fullmatch(str(value)):
        raise RejectedRowError(f"{name}: not a number")
    return Decimal(value)


def flag(row: Row, name: str, *, missing: bool = False) -> bool:
    """Whether the value says yes, in any type and case."""
    value = row.get(name)
    return missing if value is None or value == "" else str(value).strip().lower() in _TRUE


def dates(row: Row, note: Note) -> tuple[datetime | None, datetime | None]:
    """Start and end; an end before the start is left out."""
    start, end = date(row, "start_date", note), date(row, "end_date", note)
    if start and end and start > end:
        note("end_date: before start_date, left out")
        end = None
    return start, end


def date(row: Row, name: str, note: Note) -> datetime | None:
    """The moment, in UTC unless it has a zone; one that does not exist is left out."""
    value = row.get(name)
    if value is None or value == "":
        return None
    try:
        moment = whole_milliseconds(datetime.fromisoformat(value.strip()))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (AttributeError, ValueError, OverflowError):
        note(f"{name}: not a date, left out")
        return None


def _whole(value: Any, text: str) -> str:
    """`text`, which is `value` without white space around it, or its digits where it is a whole number."""
    found = _WHOLE.fullmatch(text)
    if found is not None:
        return found[1]
    # A text such as 1e3 may be a code; a number is none.
    if (
        isinstance(value, Number)
        and _NUMBER.fullmatch(text)
        and (number := Decimal(text)) == number.to_integral_value()
    ):
        return format(number.to_integral_value(), "f")
    return text
