"""Balances: opening one, changing its plan, and locking several with what is left of their lots.

Text, where a balance and its plan of today are written together, and for the lock, which is sent with what it protects.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text

from app.credits.ledger.lots import COLUMNS
from app.db.base import db
from app.db.fast.prepared import Prepared

_OPEN = text("""
    WITH balance AS (
        INSERT INTO credit_balances (account_id, plan_id, moved_at, due_at)
        SELECT :account_id, id, :now, :now FROM plans WHERE is_default
        RETURNING account_id, plan_id
    )
    INSERT INTO plan_assignments (account_id, valid_from, plan_id)
    SELECT account_id, CAST(:now AT TIME ZONE 'UTC' AS date), plan_id FROM balance
""")
_PUT_ON_PLAN = text("""
    WITH moved AS (
        UPDATE credit_balances SET plan_id = plans.id FROM plans
        WHERE account_id = :account_id AND plans.name = :name RETURNING account_id, plan_id
    )
    INSERT INTO plan_assignments (account_id, valid_from, plan_id)
    SELECT account_id, CAST(:now AT TIME ZONE 'UTC' AS date), plan_id FROM moved
    ON CONFLICT (account_id, valid_from) DO UPDATE SET plan_id = excluded.plan_id RETURNING true
""")
_LOT = ", ".join(f"lot.{name} AS lot_{name}" for name in COLUMNS)
# Said twice, so that a database that is cut by account knows beforehand which parts it meets.
_OF_ACCOUNT = "account_id = b.account_id AND account_id = ANY(CAST(:account_ids AS bigint[]))"
# A row for each lot: those that something is left of or that are to come, and those that are asked for.
_STATE = f"""
    SELECT b.account_id, b.credits, b.held, b.transactions, b.moved_at, b.due_at, b.is_capped, p.usd_per_credit, {_LOT}
    FROM credit_balances b JOIN plans p ON p.id = b.plan_id
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


def put_on_plan(account_id: int, name: str, now: datetime) -> bool:
    """Put an account on a plan from today (UTC) on; whether there are such an account and such a plan."""
    values = {"account_id": account_id, "name": name, "now": now}
    return db.session.execute(_PUT_ON_PLAN, values).one_or_none() is not None


def lock(account_ids: Sequence[int], *, lot_ids: Sequence[int] = (), entries: int = 0) -> Sequence[Row[Any]]:
    """Lock the balances of accounts, in the order of their ids, until the transaction ends; those there are.

    There is a row for each live lot and each of `lot_ids`. The first brings `ids`: one for each of so many `entries`.
    """
    values = {"account_ids": list(account_ids), "lot_ids": list(lot_ids), "entries": entries}
    return db.session.execute(LOCK, values).all()
