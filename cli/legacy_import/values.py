"""Values of the export, read from one field of a row.

A value that invalidates the row raises RejectedRowError; optional values are dropped, and noted.
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
# An integer that was written as a decimal.
_WHOLE = re.compile(r"([0-9]+)\.0*", re.ASCII)
_TRUE = frozenset({"1", "1.0", "true", "yes"})

Row = Mapping[str, Any]
Note = Callable[[str], None]


class RejectedRowError(Exception):
    """The row is rejected; the message is the reason, worded so that rows can be counted by it."""


class Number(str):
    """A number of the file that is not a small integer, with its original digits."""

    __slots__ = ()


def text(row: Row, name: str, longest: int = MAX_TEXT) -> str | None:
    """The trimmed text, or None if it is empty or missing."""
    value = row.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise RejectedRowError(f"{name}: not a string")
    value = str(value).strip()
    if len(value) > longest:
        raise RejectedRowError(f"{name}: longer than {longest} characters")
    if "\x00" in value:
        raise RejectedRowError(f"{name}: contains a NUL character")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise RejectedRowError(f"{name}: not valid UTF-8") from None
    return value or None


def required_text(row: Row, name: str) -> str:
    """The trimmed text, which is required."""
    value = text(row, name)
    if value is None:
        raise RejectedRowError(f"{name}: missing")
    return value


def reference(row: Row, name: str) -> str | None:
    """An identifier as text, or None if it is missing; integers in any notation become their digits."""
    value = text(row, name)
    if value is None:
        return None
    if holds_invisible(value):
        raise RejectedRowError(f"{name}: contains a control or zero-width character")
    if value in {".", ".."}:
        raise RejectedRowError(f"{name}: cannot be used in a URL path")
    return _whole(row[name], value)


def required_reference(row: Row, name: str) -> str:
    """The identifier, which is required."""
    value = reference(row, name)
    if value is None:
        raise RejectedRowError(f"{name}: missing")
    return value


def whole_number(row: Row, name: str) -> int:
    """An integer id of the service, which is required."""
    value = row.get(name)
    if value is None or value == "":
        raise RejectedRowError(f"{name}: missing")
    digits = "" if isinstance(value, bool) else _whole(value, str(value))
    if not _DIGITS.fullmatch(digits) or not 1 <= int(digits) <= MAX_ID:
        raise RejectedRowError(f"{name}: not an integer between 1 and {MAX_ID}")
    return int(digits)


def number(row: Row, name: str, most: Decimal) -> Decimal | None:
    """The number, not negative, rounded half up to 4 decimals, because exports were written from floats."""
    value = any_number(row, name)
    if value is None:
        return None
    if value < 0:
        raise RejectedRowError(f"{name}: negative")
    if value > most:
        raise RejectedRowError(f"{name}: too large")
    return round_amount(value)


def any_number(row: Row, name: str) -> Decimal | None:
    """The exact number, of any size that is written without an exponent."""
    value = row.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not _NUMBER.fullmatch(str(value)):
        raise RejectedRowError(f"{name}: not a number")
    return Decimal(value)


def flag(row: Row, name: str, *, missing: bool = False) -> bool:
    """Whether the value means true, in any type and case."""
    value = row.get(name)
    return missing if value is None or value == "" else str(value).strip().lower() in _TRUE


def dates(row: Row, note: Note) -> tuple[datetime | None, datetime | None]:
    """Start and end; an end before the start is dropped."""
    start, end = date(row, "start_date", note), date(row, "end_date", note)
    if start and end and start > end:
        note("end_date: before start_date, dropped")
        end = None
    return start, end


def date(row: Row, name: str, note: Note) -> datetime | None:
    """The timestamp, in UTC unless it has an offset; one that does not exist is dropped."""
    value = row.get(name)
    if value is None or value == "":
        return None
    try:
        moment = whole_milliseconds(datetime.fromisoformat(value.strip()))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (AttributeError, ValueError, OverflowError):
        note(f"{name}: not a date, dropped")
        return None


def _whole(value: Any, text: str) -> str:
    """`text`, the trimmed `value`, or its digits if it is an integer."""
    # Most are, and the other patterns cost more.
    if _DIGITS.fullmatch(text):
        return text
    found = _WHOLE.fullmatch(text)
    if found is not None:
        return found[1]
    # A string such as 1e3 may be a code; a number is not.
    if (
        isinstance(value, Number)
        and _NUMBER.fullmatch(text)
        and (number := Decimal(text)) == number.to_integral_value()
    ):
        return format(number.to_integral_value(), "f")
    return text
