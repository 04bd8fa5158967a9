"""From rows of the export to values of ours: pure functions, one for each kind of row.

A row that cannot be loaded raises RejectedRow; a value that can be left out is, and is noted.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from app.billing_accounts.models import Status as AccountStatus
from app.clients.models import Status as ClientStatus
from app.money import MAX_AMOUNT, ZERO, round_amount

MAX_ID = 2**31 - 1
MAX_TEXT = 255
MAX_DESCRIPTION = 10_000
MAX_RATE = Decimal(999_999)

_NUMBER = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,2})?", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,10}", re.ASCII)
_TRUE = frozenset({"1", "1.0", "true", "yes"})

Row = Mapping[str, Any]
Note = Callable[[str], None]


class RejectedRowError(Exception):
    """The row cannot be loaded; the text says why, in words that hold for many rows."""


@dataclass(frozen=True, slots=True)
class RowKind:
    """One of the lists of an export: its key, the fields known to stand in its rows, and how a row is read."""

    key: str
    fields: frozenset[str]
    convert: Callable[[Row, Note], tuple[Any, ...]]


def client(row: Row, note: Note) -> tuple[Any, ...]:
    """The values of `app.clients.history.COLUMNS`."""
    start, end = _dates(row, note)
    return (
        _required_text(row, "client_id"),
        _required_text(row, "name"),
        _text(row, "code_name") or _text(row, "customer_number"),
        ClientStatus.ACTIVE if str(row.get("status", "")).strip() == "1" else ClientStatus.INACTIVE,
        start,
        end,
    )


def account(row: Row, note: Note) -> tuple[Any, ...]:
    """The values of `app.billing_accounts.history.ACCOUNT_COLUMNS`."""
    start, end = _dates(row, note)
    return (
        _id(row, "project_id"),
        _required_text(row, "name"),
        AccountStatus.ACTIVE if _flag(row, "active") else AccountStatus.INACTIVE,
        _text(row, "client_id"),
        _not_negative(row, "budget", MAX_AMOUNT) or ZERO,
        _not_negative(row, "sales_tax", MAX_RATE),
        _text(row, "po_box_number"),
        _text(row, "payment_terms_id"),
        _text(row, "description", MAX_DESCRIPTION),
        _text(row, "subscription_number"),
        _flag(row, "is_manual_prize_setting"),
        _flag(row, "billable", missing=True),
        start,
        end,
        _text(row, "creation_user"),
    )


def challenge_budget(row: Row, _: Note) -> tuple[Any, ...]:
    """The values of `app.billing_accounts.history.LINE_COLUMNS`; consumed wins over locked."""
    challenge_id, account_id = _required_text(row, "challenge_id"), _id(row, "project_id")
    locked = _number(row, "locked_amount", MAX_AMOUNT) or ZERO
    consumed = _number(row, "consumed_amount", MAX_AMOUNT) or ZERO
    kind = "consumed" if consumed > 0 else "locked" if locked > 0 else None
    return account_id, challenge_id, kind, consumed if consumed > 0 else locked


def user_account(row: Row, _: Note) -> tuple[Any, ...]:
    """The id of a user of the previous system, and the handle."""
    return _required_text(row, "user_account_id"), _required_text(row, "user_name")


def project_manager(row: Row, _: Note) -> tuple[Any, ...]:
    """The account, and the id the previous system gave its manager."""
    if not _flag(row, "active", missing=True):
        raise RejectedRowError("active: this manager is not active any more")
    return _id(row, "project_id"), _required_text(row, "user_account_id")


_IGNORED = {"creation_user", "creation_date", "modification_user", "modification_date"}
_PERIOD = {"start_date", "end_date"}

CLIENT = RowKind(
    "time_oltp:client",
    frozenset({"client_id", "name", "status", "code_name", "customer_number", "salestax", *_PERIOD, *_IGNORED}),
    client,
)
_ACCOUNT_FIELDS = {
    "project_id",
    "name",
    "active",
    "client_id",
    "budget",
    "sales_tax",
    "po_box_number",
    "payment_terms_id",
    "description",
    "subscription_number",
    "is_manual_prize_setting",
    "billable",
}
ACCOUNT = RowKind("time_oltp:project", frozenset(_ACCOUNT_FIELDS | _PERIOD | _IGNORED), account)
CHALLENGE_BUDGET = RowKind(
    "time_oltp:project_challenge_budget",
    frozenset({"challenge_id", "project_id", "locked_amount", "consumed_amount"}),
    challenge_budget,
)
USER_ACCOUNT = RowKind("time_oltp:user_account", frozenset({"user_account_id", "user_name"}), user_account)
PROJECT_MANAGER = RowKind(
    "time_oltp:project_manager", frozenset({"project_id", "user_account_id", "active"}), project_manager
)


def _text(row: Row, name: str, longest: int = MAX_TEXT) -> str | None:
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


def _required_text(row: Row, name: str) -> str:
    value = _text(row, name)
    if value is None:
        raise RejectedRowError(f"{name}: missing")
    return value


def _id(row: Row, name: str) -> int:
    value = row.get(name)
    if value is None or value == "":
        raise RejectedRowError(f"{name}: missing")
    if isinstance(value, bool) or not _DIGITS.fullmatch(str(value)) or not 1 <= int(value) <= MAX_ID:
        raise RejectedRowError(f"{name}: not a whole number from 1 to {MAX_ID}")
    return int(value)


def _number(row: Row, name: str, most: Decimal) -> Decimal | None:
    """The number, rounded half up to 4 decimals: the export was written from floats."""
    value = row.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not _NUMBER.fullmatch(str(value)):
        raise RejectedRowError(f"{name}: not a number")
    number = Decimal(value)
    if abs(number) > most:
        raise RejectedRowError(f"{name}: too large")
    return round_amount(number)


def _not_negative(row: Row, name: str, most: Decimal) -> Decimal | None:
    number = _number(row, name, most)
    if number is not None and number < 0:
        raise RejectedRowError(f"{name}: negative")
    return number


def _flag(row: Row, name: str, *, missing: bool = False) -> bool:
    value = row.get(name)
    return missing if value is None or value == "" else str(value).strip().lower() in _TRUE


def _dates(row: Row, note: Note) -> tuple[datetime | None, datetime | None]:
    """Start and end; an end before the start is left out."""
    start, end = _date(row, "start_date", note), _date(row, "end_date", note)
    if start and end and start > end:
        note("end_date: before start_date, left out")
        end = None
    return start, end


def _date(row: Row, name: str, note: Note) -> datetime | None:
    value = row.get(name)
    if value is None or value == "":
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (AttributeError, ValueError, OverflowError):
        note(f"{name}: not a date, left out")
        return None
