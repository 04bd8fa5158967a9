"""Writing what was decided in memory: many rows of several tables, by a few statements that are sent together.

They are text, as they write rows made of lists.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from app import tenancy
from app.audit.cause import CAUSE
from app.credits import plan_queries
from app.credits.ledger import balances, journal
from app.credits.ledger.caps import Cap
from app.credits.ledger.due import Month
from app.credits.ledger.holds import Hold
from app.credits.ledger.lots import Lot
from app.credits.ledger.standing import Standing
from app.credits.ledger.transactions import Transaction
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.transaction import defer
from app.tenancy import Routed

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
    "user_id": "text",
    "key_id": "bigint",
    "hold_id": "bigint",
    "reverses": "bigint",
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
    "frozen": "bigint",
    "owed": "bigint",
    "owed_as": "text",
    "debt": "bigint",
    "expired": "bigint",
    "voided": "bigint",
    "position": "bigint",
    "expires_at": "timestamptz",
}
_MOVED = {
    "account_id": "bigint",
    "credits": "bigint",
    "held": "bigint",
    "frozen": "bigint",
    "debt": "bigint",
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
_HELD = {
    "account_id": "bigint",
    "id": "bigint",
    "amount": "bigint",
    "captured": "bigint",
    "remaining": "bigint",
    "status": "text",
    "expires_at": "timestamptz",
    "ended_at": "timestamptz",
    "version": "int",
}
_NEW_HOLD = {
    **_HELD,
    "reference": "text",
    "request_hash": "text",
    "operation_type": "text",
    "description": "text",
    "user_id": "text",
    "key_id": "bigint",
    "over_capture": "text",
    "created_at": "timestamptz",
}
_AS_ARRAYS = ", ".join(f"CAST({name} AS bigint[])" for name in _LISTS)
WRITE_HOLDS = Prepared(f"""
    INSERT INTO credit_holds ({", ".join(_NEW_HOLD)}, {", ".join(_LISTS)})
    SELECT {", ".join(_NEW_HOLD)}, {_AS_ARRAYS} FROM {_rows(_NEW_HOLD | _LISTS)}
""")
CHANGE_HOLDS = Prepared(f"""
    UPDATE credit_holds AS hold SET {", ".join(f"{name} = written.{name}" for name in list(_HELD)[2:])},
        {", ".join(f"{name} = CAST(written.{name} AS bigint[])" for name in _LISTS)}
    FROM {_rows(_HELD | _LISTS)} WHERE hold.account_id = written.account_id AND hold.id = written.id
""")

CHANGE_CAPS = Prepared("""
    UPDATE credit_caps AS cap SET used = written.used, period_start = written.period_start
    FROM unnest(
        CAST(:account_ids AS bigint[]), CAST(:ids AS bigint[]), CAST(:used AS bigint[]), CAST(:starts AS date[])
    ) AS written (account_id, id, used, period_start)
    WHERE cap.account_id = written.account_id AND cap.id = written.id
""")
ADD_REVERSED = Prepared("""
    UPDATE credit_daily_totals SET reversed = reversed + :credits
    WHERE account_id = :account_id AND day = :day AND transaction_type = 'deduction'
""")


def write_caps(caps: Sequence[Cap]) -> None:
    """Change what is used of caps."""
    if caps:
        columns = {
            "account_ids": [each.account_id for each in caps],
            "ids": [each.id for each in caps],
            "used": [each.used for each in caps],
            "starts": [each.period_start for each in caps],
        }
        defer(CHANGE_CAPS, columns)


def write_reversed(charges: Sequence[tuple[int, date, int]]) -> None:
    """Count what is taken back of the deductions of a day."""
    for account_id, day, credits in charges:
        defer(ADD_REVERSED, {"account_id": account_id, "day": day, "credits": credits})


def write_transactions(posted: Sequence[Transaction], key_owner: str | None) -> None:
    """Add transactions, each chained to the one before it, to their days."""
    columns: dict[str, Any] = {name: [getattr(each, name) for each in posted] for name in _POSTED}
    columns |= {name: [getattr(each.cause, name) for each in posted] for name in CAUSE}
    defer(WRITE, {**columns, **_lists(posted), "key_owner": key_owner})


def write_lots(lots: Sequence[tuple[Standing, Lot]]) -> None:
    """Add new lots, and change those that are not as they were read."""
    made = [each for each in lots if each[1].saved is None]
    if made:
        tenancy.keep_routes(Routed.CREDIT_LOT, [lot.id for _, lot in made], [each.account_id for each, _ in made])
        defer(WRITE_LOTS, {name: [_of_lot(name, *each) for each in made] for name in _NEW})
    changed = [each for each in lots if each[1].saved not in {None, each[1].standing}]
    if changed:
        defer(CHANGE_LOTS, {name: [_of_lot(name, *each) for each in changed] for name in _CHANGED})


def write_holds(holds: Sequence[Hold]) -> None:
    """Add new holds, and change those that are not as they were read."""
    made = [each for each in holds if each.saved is None]
    if made:
        defer(WRITE_HOLDS, {**{name: [getattr(each, name) for each in made] for name in _NEW_HOLD}, **_lists(made)})
    changed = [each for each in holds if each.saved not in {None, each.standing}]
    if changed:
        defer(CHANGE_HOLDS, {**{name: [getattr(each, name) for each in changed] for name in _HELD}, **_lists(changed)})


def write_balances(moved: Sequence[Standing]) -> None:
    """Change balances."""
    if moved:
        defer(WRITE_BALANCES, {name: [getattr(each, name) for each in moved] for name in _MOVED})


def write_months(months: Sequence[Month], now: datetime) -> None:
    """Keep that months were granted, and what no plan grants again in them, also of those that were missed."""
    statement: AnyPrepared = plan_queries.RECORD_GRANTS
    columns = {
        "account_ids": [each.account_id for each in months],
        "months": [each.month for each in months],
        "credits": [each.credits_per_month for each in months],
    }
    defer(statement, {**columns, "now": now})


def moving(standing: Standing) -> tuple[Any, ...]:
    """What changes of a balance."""
    return tuple(getattr(standing, name) for name in _MOVED)


def _of_lot(name: str, standing: Standing, lot: Lot) -> Any:
    if name == "account_id":
        return standing.account_id
    return getattr(lot.cause if name in CAUSE else lot, name)


def _lists(rows: Iterable[Transaction | Hold]) -> dict[str, list[str]]:
    written = list(rows)
    return {name: [f"{{{','.join(map(str, getattr(each, name)))}}}" for each in written] for name in _LISTS}
