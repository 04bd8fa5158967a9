"""The budget rule: when a reference may have an amount locked or consumed, and why not.

No operation makes locked + consumed exceed the budget, and one that does not raise that sum always passes.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from flask import current_app

from app.billing_accounts.models import Kind, Status
from app.config import Settings
from app.db.rules import Rule
from app.errors import Reason

# For an account without a start or an end.
ALWAYS_OPEN, NEVER_CLOSED = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class Request(NamedTuple):
    """What is asked for a reference, beside what it holds on the account and how the account stands."""

    status: str
    opens_at: datetime
    closes_at: datetime
    dates_enforced: bool
    asked_at: datetime
    remaining: Decimal
    held_as: str | None
    held: Decimal
    asked_as: str
    asked: Decimal


_ACTIVE, _LOCKED, _CONSUMED = Status.ACTIVE.value, Kind.LOCKED.value, Kind.CONSUMED.value
REFUSAL = Rule(
    Request,
    (lambda it: (it.held_as == _CONSUMED) & (it.asked_as == _LOCKED), Reason.ALREADY_CONSUMED),
    (lambda it: it.asked <= it.held, None),
    (lambda it: it.status != _ACTIVE, Reason.ACCOUNT_INACTIVE),
    (
        lambda it: it.dates_enforced & ((it.asked_at < it.opens_at) | (it.asked_at > it.closes_at)),
        Reason.ACCOUNT_NOT_CURRENT,
    ),
    (lambda it: it.asked - it.held > it.remaining, Reason.INSUFFICIENT_FUNDS),
)


def dates_enforced() -> bool:
    """Whether accounts outside their dates refuse what raises their reserved total."""
    settings: Settings = current_app.config["SETTINGS"]
    return settings.account_dates_enforced
