"""What the credits of an account were at an instant, and statements over a period."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from app.clock import utc_now
from app.credits import balances, spending_accounts, statement_queries
from app.credits.ledger import forecast
from app.credits.ledger.forecast import Forecast
from app.customers.membership import Membership
from app.db import streaming
from app.db.base import db
from app.db.paging import EveryRow
from app.errors import Conflict, Invalid, Reason

MOST_ON_PAPER = 5_000
_FIELDS = ("id", "created_at", "transaction_type", "operation_type", "description", "amount", "balance_after")


def balance(membership: Membership | None, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The balance of the caller's account, or of the one that a machine names, now or at an instant.

    Raises Invalid, NotFound and Conflict, as for spending and as below.
    """
    account_id = spending_accounts.enter(arguments, membership, location="query")
    as_of = arguments.get("as_of")
    return balances.balance(account_id) if as_of is None else balance_at(account_id, as_of)


def balance_at(account_id: int, as_of: datetime) -> dict[str, Any]:
    """The credits of an account after everything that happened up to and including an instant.

    Raises Invalid for an instant in the future, NotFound, and Conflict for one before the opening.
    """
    if as_of > utc_now():
        raise Invalid.field("as_of", "Must not be in the future.", location="query")
    values = {"account_id": account_id, "as_of": as_of}
    found, due = forecast.read(
        account_id,
        lambda: balances.known(account_id, db.session.execute(statement_queries.AT, values)),
        lambda row: row.due_at,
    )
    if as_of < found.opened_at:
        raise Conflict(f"Account {account_id} was not open yet", reason=Reason.NOT_OPEN_YET)
    late = [each for each in _unposted(due) if each.created_at <= as_of]
    credits = late[-1].balance_after if late else found.credits
    return {"as_of": as_of, "credits": credits, "credits_remaining": credits}


class Statement:
    """What the credits of an account were at `since`, every transaction until before `until`, and what they were then.

    Zeros stand for a balance before its opening.
    """

    def __init__(self, account_id: int, since: datetime, until: datetime) -> None:
        self._account_id = account_id
        self._period = {"since": since, "until": until}
        self._values = {"account_id": account_id, **self._period}

    def whole(self) -> dict[str, Any]:
        """The statement as an object."""
        (posted, opening), due = forecast.read(
            self._account_id,
            lambda: (
                db.session.execute(statement_queries.PERIOD, self._values).all(),
                db.session.execute(statement_queries.BEFORE, self._values).one(),
            ),
            lambda found: found[1].due_at,
        )
        rows = [*posted, *self._late(due)]
        # Of the rows, not of another statement: something may have been posted in between.
        first = rows[0].balance_after - rows[0].amount if rows else self._opening(opening.credits, due)
        return {
            **self._period,
            "opening": {"credits": first},
            "transactions": [_shown(row) for row in rows],
            "closing": {"credits": rows[-1].balance_after if rows else first},
            "by_type": _sums(rows, "transaction_type"),
            "by_operation_type": _sums([row for row in rows if row.operation_type is not None], "operation_type"),
        }

    def every_row(self) -> EveryRow:
        """The transactions as they are fetched, between rows for the opening and the closing; inside a snapshot."""
        opening, due = forecast.read(
            self._account_id,
            lambda: db.session.execute(statement_queries.BEFORE, self._values).one(),
            lambda row: row.due_at,
        )
        fields, posted = streaming.fetch(statement_queries.PERIOD, self._values)
        first = self._opening(opening.credits, due)
        return EveryRow.of(self._parts(first, chain(posted, [self._late(due)])), fields)

    def for_paper(self) -> dict[str, Any]:
        """The statement with the name of the account. Raises Invalid if it is too long for a PDF."""
        whole = self.whole()
        length = len(whole["transactions"])
        if length > MOST_ON_PAPER:
            raise Invalid(
                f"The statement has {length:,} transactions and a PDF takes {MOST_ON_PAPER:,}: ask for text/csv",
                reason=Reason.USE_CSV,
                details={"transactions": length, "most": MOST_ON_PAPER},
            )
        name = db.session.execute(statement_queries.NAME, {"account_id": self._account_id}).scalar_one()
        return {"id": self._account_id, "name": name, **whole}

    def _parts(self, opening: int, parts: Iterator[Sequence[Any]]) -> Iterator[Sequence[Any]]:
        yield [_end("opening", self._period["since"], opening)]
        closing = opening
        for part in parts:
            if part:
                closing = part[-1].balance_after
                yield [_shown(row) for row in part]
        yield [_end("closing", self._period["until"], closing)]

    def _late(self, due: Forecast | None) -> list[Any]:
        return [each for each in _unposted(due) if self._period["since"] <= each.created_at < self._period["until"]]

    def _opening(self, posted: int, due: Forecast | None) -> int:
        before = [each for each in _unposted(due) if each.created_at < self._period["since"]]
        return before[-1].balance_after if before else posted


def _unposted(due: Forecast | None) -> Sequence[Any]:
    return () if due is None else due.transactions


def _shown(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _FIELDS}


def _end(side: str, at: datetime, credits: int) -> dict[str, Any]:
    """One end of the period in the form of a transaction."""
    empty = dict.fromkeys(_FIELDS)
    return {**empty, "transaction_type": side, "created_at": at, "balance_after": credits}


def _sums(rows: Sequence[Any], by: str) -> list[dict[str, Any]]:
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        sums[getattr(row, by)][0] += row.amount
        sums[getattr(row, by)][1] += 1
    return [{by: name, "total": total, "count": count} for name, (total, count) in sorted(sums.items())]
