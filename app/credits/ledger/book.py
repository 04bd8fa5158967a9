"""The locked balances of one call: what fell due of them is posted, what is decided on them is written together.

The balances are locked first, in id order. Entries are then decided in memory, in order, each seeing what those before
it did. The statements are text: they write many rows of several tables.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from app.audit.cause import CAUSE
from app.clock import utc_now
from app.credits import queries
from app.credits.ledger import balances, causes, journal, refusals
from app.credits.ledger.lots import Lot, lot_of
from app.credits.ledger.standing import Month, Standing, Transaction
from app.db.base import db
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.transaction import defer

_POSTED = {
    "account_id": "bigint",
    "position": "bigint",
    "id": "bigint",
    "amount": "bigint",
    "transaction_type": "text",
    "description": "text",
    "operation_type": "text",
    "cost_usd": "numeric",
    "usage_key": "text",
    "balance_after": "bigint",
    "created_at": "timestamptz",
}
_MADE = {
    "account_id": "bigint",
    "id": "bigint",
    "source": "text",
    "credits": "bigint",
    "effective_at": "timestamptz",
    "transaction_type": "text",
    "created_at": "timestamptz",
    "description": "text",
    "priority": "int",
    "price_per_credit": "numeric",
    "reference": "text",
    "request_hash": "text",
}
_CHANGED = {
    "account_id": "bigint",
    "id": "bigint",
    "remaining": "bigint",
    "held": "bigint",
    "expired": "bigint",
    "voided": "bigint",
    "position": "bigint",
    "expires_at": "timestamptz",
}
_MOVED = {
    "account_id": "bigint",
    "credits": "bigint",
    "held": "bigint",
    "transactions": "bigint",
    "moved_at": "timestamptz",
    "due_at": "timestamptz",
}


def _rows(columns: dict[str, str]) -> str:
    arrays = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in columns.items())
    return f"unnest({arrays}) AS written ({', '.join(columns)})"


# Lists of several lengths come as text.
_LISTS = {"lot_ids": "text", "lot_credits": "text"}
_CHAINED = journal.selected_in_order(
    usage_key_owner="CASE WHEN usage_key IS NOT NULL THEN CAST(:key_owner AS text) END",
    **{name: name for name in CAUSE},
)
WRITE = Prepared(f"""
    WITH posted AS (
        INSERT INTO credit_transactions ({journal.COLUMNS})
        SELECT {_CHAINED} FROM {_rows({**_POSTED, **_LISTS, **CAUSE})}
        JOIN (SELECT account_id, head FROM credit_balances) AS balance USING (account_id)
        RETURNING account_id, position, amount, transaction_type, hash,
            CAST(created_at AT TIME ZONE 'UTC' AS date) AS day
    ), balance AS (
        UPDATE credit_balances AS b SET head = last.hash
        FROM (SELECT DISTINCT ON (account_id) * FROM posted ORDER BY account_id, position DESC) AS last
        WHERE b.account_id = last.account_id
    )
    INSERT INTO credit_daily_totals AS kept (account_id, day, transaction_type, total, count)
    SELECT account_id, day, transaction_type, sum(amount), count(*) FROM posted
    GROUP BY account_id, day, transaction_type ORDER BY account_id, day, transaction_type
    {balances.ADD_TO_DAY}
""")
WRITE_BALANCES = Prepared(f"""
    UPDATE credit_balances AS b SET {", ".join(f"{name} = written.{name}" for name in _MOVED if name != "account_id")}
    FROM {_rows(_MOVED)} WHERE b.account_id = written.account_id
""")
_NEW = {**_MADE, **_CHANGED, **CAUSE}
WRITE_LOTS = Prepared(f"INSERT INTO credit_lots ({', '.join(_NEW)}) SELECT {', '.join(_NEW)} FROM {_rows(_NEW)}")
_CHANGES = ", ".join(f"{name} = written.{name}" for name in _CHANGED if name not in {"account_id", "id"})
CHANGE_LOTS = Prepared(f"""
    UPDATE credit_lots AS lot SET {_CHANGES} FROM {_rows(_CHANGED)}
    WHERE lot.account_id = written.account_id AND lot.id = written.id
""")


class Book:
    """The locked balances of accounts, and what is decided on them. What fell due is posted when it is opened."""

    def __init__(
        self, account_ids: Iterable[int], *, lot_ids: Sequence[int] = (), entries: int = 0, key_owner: str | None = None
    ) -> None:
        rows = balances.lock(sorted(set(account_ids)), lot_ids=lot_ids, entries=entries)
        self.posted: list[Transaction] = []
        self._key_owner = key_owner
        self._ids: list[int] = rows[0].ids or [] if rows else []
        # Once the locks are held: of two calls, the later one has the later time.
        self.standings = standings(rows, self.posted, utc_now())
        self._before = {key: _moving(each) for key, each in self.standings.items()}
        self._lots = {id(lot): lot.standing for each in self.standings.values() for lot in each.lots}
        self.months = advance(self.standings.values())

    def standing(self, account_id: int) -> Standing:
        """The credits of an account. Raises NotFound."""
        found = self.standings.get(account_id)
        if found is None:
            raise refusals.not_found(account_id)
        return found

    def write(self) -> None:
        """Write what was decided, along with the next statement or the commit."""
        made = [(each, lot) for each in self.standings.values() for lot in each.lots if id(lot) not in self._lots]
        self._take_ids([lot for _, lot in made])
        self._name_service([lot for _, lot in made])
        if self.months:
            _record_months(self.months, max(each.now for each in self.standings.values()))
        if made:
            defer(WRITE_LOTS, {name: [_of_lot(name, *each) for each in made] for name in _NEW})
        changed = [
            (each, lot)
            for each in self.standings.values()
            for lot in each.lots
            if self._lots.get(id(lot), lot.standing) != lot.standing
        ]
        if changed:
            defer(CHANGE_LOTS, {name: [_of_lot(name, *each) for each in changed] for name in _CHANGED})
        if self.posted:
            columns: dict[str, Any] = {name: [getattr(each, name) for each in self.posted] for name in _POSTED}
            columns |= {name: [getattr(each.cause, name) for each in self.posted] for name in CAUSE}
            lists = {name: [_list(getattr(each, name)) for each in self.posted] for name in _LISTS}
            defer(WRITE, {**columns, **lists, "key_owner": self._key_owner})
        moved = [each for key, each in self.standings.items() if _moving(each) != self._before[key]]
        if moved:
            defer(WRITE_BALANCES, {name: [getattr(each, name) for each in moved] for name in _MOVED})

    def _name_service(self, made: list[Lot]) -> None:
        """Let what fell due be caused by the service."""
        written: list[Transaction | Lot] = [*self.posted, *made]
        caused = [each for each in written if each.cause.actor is None]
        actor = causes.service() if caused else None
        for each in caused:
            each.cause = each.cause._replace(actor=actor)

    def _take_ids(self, made: list[Lot]) -> None:
        """Give the transactions their ids, in the order in which they were made, and the new lots theirs."""
        missing = max(0, len(self.posted) - len(self._ids))
        if missing or made:
            more = db.session.execute(balances.MORE_IDS, {"entries": missing, "lots": len(made)}).one()
            self._ids += more.entries or []
            for lot, lot_id in zip(made, more.lots or [], strict=True):
                lot.id = lot_id
        for posted, posted_id in zip(self.posted, self._ids, strict=False):
            posted.id = posted_id


def standings(rows: Iterable[Any], posted: list[Transaction], now: datetime) -> dict[int, Standing]:
    """Accounts with their lots, of rows as `balances.lock` yields them."""
    by_account: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        by_account[row.account_id].append(row)
    return {
        account_id: Standing(
            of_account[0], [lot_of(row, "lot_") for row in of_account if row.lot_id is not None], posted, now
        )
        for account_id, of_account in by_account.items()
    }


def advance(found: Iterable[Standing]) -> list[Month]:
    """Post in memory what fell due of accounts; the months that began."""
    due = {each.account_id: each for each in found if each.is_due}
    if not due:
        return []
    this_month = max(each.now for each in due.values()).date().replace(day=1)
    values = {"account_ids": list(due), "month": this_month}
    months = [Month(*row) for row in db.session.execute(queries.DUE_GRANTS, values)]
    for account_id, each in due.items():
        each.advance(month for month in months if month.account_id == account_id)
    return [month for each in due.values() for month in each.months]


def _moving(standing: Standing) -> tuple[Any, ...]:
    return tuple(getattr(standing, name) for name in _MOVED)


def _of_lot(name: str, standing: Standing, lot: Lot) -> Any:
    if name == "account_id":
        return standing.account_id
    return getattr(lot.cause if name in CAUSE else lot, name)


def _list(numbers: Sequence[int | None]) -> str:
    return f"{{{','.join(map(str, numbers))}}}"


def _record_months(months: Sequence[Month], now: datetime) -> None:
    statement: AnyPrepared = queries.RECORD_GRANTS
    columns = {
        "account_ids": [each.account_id for each in months],
        "months": [each.month for each in months],
        "credits": [each.credits_per_month for each in months],
    }
    defer(statement, {**columns, "now": now})
