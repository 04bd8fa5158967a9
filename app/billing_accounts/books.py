"""The books of a budget: its movements, what it was at an instant, and statements over a period."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.auth.actor import Actor
from app.billing_accounts import book_queries, service, visibility
from app.billing_accounts.ledger.refusals import not_found
from app.clock import utc_now
from app.db.base import db
from app.db.paging import Page
from app.errors import Conflict, Invalid, Reason

# After every movement, also those of workers whose clocks are ahead.
_LAST = datetime.max.replace(tzinfo=UTC)


def movements(actor: Actor, account_id: int, arguments: Mapping[str, Any]) -> Page:
    """One page of the account's movements. Raises NotFound, also when the caller may not see the account."""
    service.require_visible(actor, account_id)
    return book_queries.MOVEMENTS.page(arguments, account_id=account_id)


def balance(actor: Actor, account_id: int, as_of: datetime | None = None) -> dict[str, Any]:
    """The budget as it was after everything that happened up to and including an instant, or as it is now.

    Raises NotFound (also when the caller may not see the account), Invalid (an instant in the future) or Conflict (one
    before the opening).
    """
    now = utc_now()
    if as_of is not None and as_of > now:
        raise Invalid.field("asOf", "Must not be in the future.", location="query")
    parameters = {
        "account_id": account_id,
        "granted_to": visibility.sight(actor).limit,
        "as_of": _LAST if as_of is None else as_of,
    }
    found = db.session.execute(book_queries.BALANCE, parameters).one_or_none()
    if found is None:
        raise not_found(account_id)
    if found.position is None:
        raise Conflict(f"Billing account {account_id} was not open yet", reason=Reason.NOT_OPEN_YET)
    return {**found._asdict(), "as_of": as_of or max(now, found.at)}


def statement(actor: Actor, account_id: int, since: datetime, until: datetime) -> dict[str, Any]:
    """What the budget was at `since`, every movement from then until before `until`, and what it was then.

    Zeros stand for a budget before its opening. Raises NotFound, also when the caller may not see the account.
    """
    parameters = {
        "account_id": account_id,
        "granted_to": visibility.sight(actor).limit,
        "since": since,
        "until": until,
    }
    found = db.session.execute(book_queries.STATEMENT, parameters).one_or_none()
    if found is None:
        raise not_found(account_id)
    row = found._asdict()
    sides = {
        side: {name: row.pop(f"{side}_{name}") for name in book_queries.BALANCE_FIELDS}
        for side in ("opening", "closing")
    }
    return {"since": since, "until": until, **sides, **row}
