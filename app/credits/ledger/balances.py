"""Balances: opening one, and locking several with what is left of their lots.

Text, where a balance and its plan are written together, and for the lock, which is sent with what it protects.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text

from app.clock import utc_now
from app.credits.ledger.lots import COLUMNS
from app.db.base import db
from app.db.fast.prepared import Prepared

_OPEN = text("""
    WITH balance AS (
        INSERT INTO credit_balances (account_id, moved_at, due_at) VALUES (:account_id, :now, :now) RETURNING account_id
    )
    INSERT INTO plan_assignments (account_id, valid_from, plan_id)
    SELECT account_id, CAST(:now AT TIME ZONE 'UTC' AS date), plans.id FROM balance, plans WHERE is_default
""")
_LOT = ", ".join(f"lot.{name} AS lot_{name}" for name in COLUMNS)
# Said twice, so that a database that is cut by account knows beforehand which parts it meets.
_OF_ACCOUNT = "account_id = b.account_id AND account_id = ANY(CAST(:account_ids AS bigint[]))"
# What a credit is worth on the plan of the day. Other clocks may be ahead: an account opened by one is on a plan.
PLAN_OF_DAY = """
    SELECT usd_per_credit FROM plan_assignments JOIN plans ON plans.id = plan_id
    WHERE {of_account}
        AND valid_from <= CAST(greatest(CAST(:now AS timestamptz), b.moved_at) AT TIME ZONE 'UTC' AS date)
    ORDER BY valid_from DESC LIMIT 1
"""
# A row for each lot: those that something is left of or that are to come, and those that are asked for.
_STATE = f"""
    SELECT b.account_id, b.credits, b.held, b.debt, b.transactions, b.moved_at, b.due_at, b.is_capped, b.status,
        p.usd_per_credit, {_LOT}
    FROM credit_balances b
    CROSS JOIN LATERAL ({PLAN_OF_DAY.format(of_account=_OF_ACCOUNT)}) AS p
    LEFT JOIN LATERAL (
        SELECT * FROM credit_lots WHERE {_OF_ACCOUNT} AND is_live
        UNION ALL
        SELECT * FROM credit_lots WHERE {_OF_ACCOUNT} AND id = ANY(CAST(:lot_ids AS bigint[])) AND NOT is_live
    ) AS lot ON true
    WHERE b.account_id = ANY(CAST(:account_ids AS bigint[]))
"""
STATE = Prepared(_STATE)
# The holder of these row locks is alone with the transactions, lots and totals of their accounts. They are read once
# they are held: a statement that joins and locks at once would not find an account that changed its plan meanwhile.
# Ids of transactions are taken under the locks too, so that those of an account increase with their positions.
LOCK = Prepared(f"""
    SELECT FROM credit_balances
    WHERE account_id = ANY(CAST(:account_ids AS bigint[])) ORDER BY account_id FOR NO KEY UPDATE;
    WITH ids AS (SELECT array_agg(nextval('credit_transactions_id_seq')) AS ids FROM generate_series(1, :entries))
    SELECT state.*, CASE row_number() OVER () WHEN 1 THEN (SELECT ids FROM ids) END AS ids FROM ({_STATE}) AS state
""")
MORE_IDS = Prepared("""
    SELECT (SELECT array_agg(nextval('credit_transactions_id_seq')) FROM generate_series(1, :entries)) AS entries,
        (SELECT array_agg(nextval('credit_lots_id_seq')) FROM generate_series(1, :lots)) AS lots,
        (SELECT array_agg(nextval('credit_holds_id_seq')) FROM generate_series(1, :holds)) AS holds
""")
# The rest of a statement that inserts into `credit_daily_totals AS kept`.
ADD_TO_DAY = """
    ON CONFLICT (account_id, day, transaction_type)
        DO UPDATE SET total = kept.total + excluded.total, count = kept.count + excluded.count
"""


def open_balance(account_id: int, now: datetime) -> None:
    """Begin the balance of a new account, on the default plan from today (UTC) on."""
    db.session.execute(_OPEN, {"account_id": account_id, "now": now})


def lock(account_ids: Sequence[int], *, lot_ids: Sequence[int] = (), entries: int = 0) -> Sequence[Row[Any]]:
    """Lock the balances of accounts, in the order of their ids, until the transaction ends; those there are.

    There is a row for each live lot and each of `lot_ids`. The first brings `ids`: one for each of so many `entries`.
    """
    values = {**_state_of(account_ids, lot_ids), "entries": entries}
    return db.session.execute(LOCK, values).all()


def read(account_ids: Sequence[int]) -> Sequence[Row[Any]]:
    """The rows of accounts as `lock` yields them, without a lock."""
    return db.session.execute(STATE, _state_of(account_ids, [])).all()


def _state_of(account_ids: Sequence[int], lot_ids: Sequence[int]) -> dict[str, Any]:
    return {"account_ids": list(account_ids), "lot_ids": list(lot_ids), "now": utc_now()}
