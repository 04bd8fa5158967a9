"""Maps rows of exports to values of the service: one pure function per kind of row."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.billing_accounts.models import Kind
from app.billing_accounts.models import Status as AccountStatus
from app.clients.models import Status as ClientStatus
from app.money import MAX_AMOUNT, ZERO, round_amount
from cli.legacy_import import values
from cli.legacy_import.values import Note, RejectedRowError, Row

MAX_DESCRIPTION = 10_000
MAX_RATE = Decimal(999_999)
BUDGET = "budget"
# Sums of any number of such amounts are exact.
MAX_READABLE = Decimal(10**15)

# The name of an amount, and the amount.
Amount = tuple[str, Decimal]


class SupersededRowError(Exception):
    """The row is valid but has no effect; the message is the reason."""


@dataclass(frozen=True, slots=True)
class RowKind:
    """One of the lists of an export: its key, the fields known to stand in its rows, and how a row is read.

    Of kinds that hold money, `amount` finds it in converted values, and `amount_of_rejected` what can be read of it in
    a row that was rejected.
    """

    key: str
    fields: frozenset[str]
    convert: Callable[[Row, Note], tuple[Any, ...]]
    amount: Callable[[tuple[Any, ...]], Amount | None] | None = None
    amount_of_rejected: Callable[[Row], Amount | None] | None = None


def client(row: Row, note: Note) -> tuple[Any, ...]:
    """The values of `app.clients.importing.COLUMNS`."""
    start, end = values.dates(row, note)
    return (
        values.required_reference(row, "client_id"),
        values.required_text(row, "name"),
        values.text(row, "code_name") or values.text(row, "customer_number"),
        ClientStatus.ACTIVE if str(row.get("status", "")).strip() in {"1", "1.0"} else ClientStatus.INACTIVE,
        start,
        end,
    )


def account(row: Row, note: Note) -> tuple[Any, ...]:
    """The values of `app.billing_accounts.importing.ACCOUNT_COLUMNS`."""
    start, end = values.dates(row, note)
    return (
        values.whole_number(row, "project_id"),
        values.required_text(row, "name"),
        AccountStatus.ACTIVE if values.flag(row, "active") else AccountStatus.INACTIVE,
        values.reference(row, "client_id"),
        values.number(row, "budget", MAX_AMOUNT) or ZERO,
        values.number(row, "sales_tax", MAX_RATE),
        values.text(row, "po_box_number"),
        values.reference(row, "payment_terms_id"),
        values.text(row, "description", MAX_DESCRIPTION),
        values.text(row, "subscription_number"),
        values.flag(row, "is_manual_prize_setting"),
        values.flag(row, "billable", missing=True),
        start,
        end,
        values.reference(row, "creation_user"),
    )


def contest_fee(row: Row, note: Note) -> tuple[Any, ...]:
    """The values of `app.billing_accounts.importing.MARKUP_COLUMNS`. A fee above 1 is a percentage, as a markup is."""
    account_id = values.whole_number(row, "project_id")
    markup = values.number(row, "contest_fee_percentage", MAX_RATE)
    if markup is None:
        raise RejectedRowError("contest_fee_percentage: missing")
    if not values.flag(row, "active", missing=True):
        raise SupersededRowError("active: inactive, skipped")
    changed_at = values.date(row, "modification_date", note) or values.date(row, "creation_date", note)
    return account_id, markup, changed_at


def client_link(row: Row, _: Note) -> tuple[Any, ...]:
    """The values of `app.billing_accounts.importing.LINK_COLUMNS`."""
    return values.whole_number(row, "project_id"), values.required_reference(row, "client_id")


def challenge_budget(row: Row, _: Note) -> tuple[Any, ...]:
    """The values of `app.billing_accounts.ledger.importing.LINE_COLUMNS`; consumed wins over locked."""
    challenge_id, account_id = values.required_reference(row, "challenge_id"), values.whole_number(row, "project_id")
    locked = values.number(row, "locked_amount", MAX_AMOUNT) or ZERO
    consumed = values.number(row, "consumed_amount", MAX_AMOUNT) or ZERO
    kind = Kind.CONSUMED if consumed > 0 else Kind.LOCKED if locked > 0 else None
    return account_id, challenge_id, kind, consumed if consumed > 0 else locked


def user_account(row: Row, _: Note) -> tuple[Any, ...]:
    """The id of a user of the previous system, and the handle."""
    return values.required_reference(row, "user_account_id"), values.required_text(row, "user_name")


def project_manager(row: Row, _: Note) -> tuple[Any, ...]:
    """The account, and the id of its manager in the previous system."""
    if not values.flag(row, "active", missing=True):
        raise RejectedRowError("active: the manager is inactive")
    return values.whole_number(row, "project_id"), values.required_reference(row, "user_account_id")


def _budget(converted: tuple[Any, ...]) -> Amount:
    return BUDGET, converted[4]


def _reserved(converted: tuple[Any, ...]) -> Amount | None:
    _, _, kind, amount = converted
    return kind and (kind, amount)


def _rejected_budget(row: Row) -> Amount:
    return BUDGET, _readable(row, "budget")


def _rejected_reserved(row: Row) -> Amount | None:
    consumed, locked = _readable(row, "consumed_amount"), _readable(row, "locked_amount")
    if consumed:
        return Kind.CONSUMED, consumed
    return (Kind.LOCKED, locked) if locked else None


def _readable(row: Row, name: str) -> Decimal:
    """The number, rounded; 0 if it is missing or not an amount of money."""
    try:
        number = values.any_number(row, name) or ZERO
    except RejectedRowError:
        return ZERO
    return round_amount(number) if abs(number) <= MAX_READABLE else ZERO


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
ACCOUNT = RowKind(
    "time_oltp:project", frozenset(_ACCOUNT_FIELDS | _PERIOD | _IGNORED), account, _budget, _rejected_budget
)
CHALLENGE_BUDGET = RowKind(
    "time_oltp:project_challenge_budget",
    frozenset({"challenge_id", "project_id", "locked_amount", "consumed_amount"}),
    challenge_budget,
    _reserved,
    _rejected_reserved,
)
CONTEST_FEE = RowKind(
    "time_oltp:project_contest_fee_percentage",
    frozenset({"project_contest_fee_percentage_id", "project_id", "contest_fee_percentage", "active", *_IGNORED}),
    contest_fee,
)
CLIENT_LINK = RowKind(
    "time_oltp:client_project",
    frozenset({"client_project_id", "client_id", "project_id", *_IGNORED}),
    client_link,
)
USER_ACCOUNT = RowKind("time_oltp:user_account", frozenset({"user_account_id", "user_name"}), user_account)
PROJECT_MANAGER = RowKind(
    "time_oltp:project_manager", frozenset({"project_id", "user_account_id", "active"}), project_manager
)
