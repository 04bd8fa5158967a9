"""The books of a budget: its movements, what it was at an instant, and statements over a period."""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from app.auth.actor import Actor
from app.billing_accounts import book_queries, service, visibility
from app.billing_accounts.ledger.refusals import not_found
from app.clock import utc_now
from app.db import streaming
from app.db.base import db
from app.db.fast.prepared import AnyPrepared
from app.db.paging import EveryRow, Page
from app.errors import Conflict, Invalid, Reason

# As many pages as anybody leafs through; more take too long to draw.
MOST_ON_PAPER = 5000
# After every movement, also those of workers whose clocks are ahead.
_LAST = datetime.max.replace(tzinfo=UTC)


def movements(actor: Actor, account_id: int, arguments: Mapping[str, Any]) -> Page:
    """One page of the account's movements. Raises NotFound, also when the caller may not see the account."""
    service.require_visible(actor, account_id)
    return book_queries.MOVEMENTS.page(arguments, account_id=account_id, now=utc_now())


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
        "now": now,
    }
    found = db.session.execute(book_queries.BALANCE, parameters).one_or_none()
    if found is None:
        raise not_found(account_id)
    if found.count is None:
        raise Conflict(f"Billing account {account_id} was not open yet", reason=Reason.NOT_OPEN_YET)
    balance = {name: getattr(found, name) for name in ("position", *book_queries.BALANCE_FIELDS)}
    return {**balance, "as_of": as_of or max(now, found.at)}


class Statement:
    """What the budget was at `since`, every movement from then until before `until`, and what it was then.

    Zeros stand for a budget before its opening. All forms raise NotFound, also when the caller may not see the account.
    """

    def __init__(self, actor: Actor, account_id: int, since: datetime, until: datetime) -> None:
        self._account_id = account_id
        self._since = since
        self._until = until
        self._parameters = {
            "account_id": account_id,
            "granted_to": visibility.sight(actor).limit,
            "since": since,
            "until": until,
            "now": utc_now(),
        }

    def whole(self) -> dict[str, Any]:
        """The statement as an object, of one snapshot."""
        row = self._read(book_queries.STATEMENT)
        ends = {side: self._end(row, side) for side in ("opening", "closing")}
        sums = {name: row[name] for name in ("movements", "by_kind", "by_external_type")}
        return {"since": self._since, "until": self._until, **ends, **sums}

    def every_row(self) -> EveryRow:
        """The movements as they are fetched, between rows for the opening and the closing; inside a snapshot."""
        row = self._read(book_queries.ENDS)
        fields, movements = streaming.fetch(book_queries.MOVEMENTS_OF_PERIOD, self._parameters)
        opening, closing = self._row_of_end(row, "opening", self._since), self._row_of_end(row, "closing", self._until)
        return EveryRow.of(chain([[opening]], movements, [[closing]]), fields)

    def for_paper(self) -> dict[str, Any]:
        """The statement with the names of account and client. Raises Invalid if it is too long for a PDF."""
        length = self._read(book_queries.ENDS)["length"]
        if length > MOST_ON_PAPER:
            raise Invalid(
                f"The statement has {length:,} movements and a PDF takes {MOST_ON_PAPER:,}: ask for text/csv",
                reason=Reason.USE_CSV,
                details={"movements": length, "most": MOST_ON_PAPER},
            )
        names = db.session.execute(book_queries.NAMES, {"account_id": self._account_id}).one()
        return {**names._asdict(), **self.whole()}

    def _read(self, statement: AnyPrepared) -> dict[str, Any]:
        found = db.session.execute(statement, self._parameters).one_or_none()
        if found is None:
            raise not_found(self._account_id)
        return found._asdict()

    @staticmethod
    def _end(row: Mapping[str, Any], side: str) -> dict[str, Any]:
        return {name: row[f"{side}_{name}"] for name in book_queries.BALANCE_FIELDS}

    def _row_of_end(self, row: Mapping[str, Any], side: str, at: datetime) -> dict[str, Any]:
        """One end of the period in the form of a movement."""
        end = self._end(row, side)
        return {
            "kind": side,
            "at": at,
            "budget_after": end["budget"],
            "locked_after": end["locked_budget"],
            "consumed_after": end["consumed_budget"],
        }
