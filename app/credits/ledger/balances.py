"""Balances: opening one, changing its plan, and locking several.

Text, where a balance and its plan of today are written together, and for the lock, which is sent with what it protects.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, text

from app.db.base import db
from app.db.fast.prepared import Prepared

_OPEN = text("""
    WITH balance AS (
        INSERT INTO credit_balances (account_id, plan_id) SELECT :account_id, id FROM plans WHERE is_default
        RETURNING account_id, plan_id
    )
    INSERT INTO plan_assignments (account_id, valid_from, plan_id) SELECT account_id, :today, plan_id FROM balance
""")
_PUT_ON_PLAN = text("""
    WITH moved AS (
        UPDATE credit_balances SET plan_id = plans.id FROM plans
        WHERE account_id = :account_id AND plans.name = :name RETURNING account_id, plan_id
    )
    INSERT INTO plan_assignments (account_id, valid_from, plan_id) SELECT account_id, :today, plan_id FROM moved
    ON CONFLICT (account_id, valid_from) DO UPDATE SET plan_id = excluded.plan_id RETURNING true
""")
# The holder of these row locks is alone with the transactions and totals of their accounts. They are read once they are
# held: a statement that joins and locks at once would not find an account that changed its plan meanwhile. The first of
# them brings an id for each entry, taken under the locks too, so that ids of an account increase with their positions.
LOCK = Prepared("""
    SELECT FROM credit_balances
    WHERE account_id = ANY(CAST(:account_ids AS bigint[])) ORDER BY account_id FOR NO KEY UPDATE;
    WITH ids AS (SELECT array_agg(nextval('credit_transactions_id_seq')) AS ids FROM generate_series(1, :entries))
    SELECT b.account_id, b.credits, b.bought, b.transactions, p.usd_per_credit,
        CASE row_number() OVER () WHEN 1 THEN (SELECT ids FROM ids) END AS ids
    FROM credit_balances b JOIN plans p ON p.id = b.plan_id WHERE b.account_id = ANY(CAST(:account_ids AS bigint[]))
""")
# The rest of a statement that inserts into `credit_daily_totals AS kept`.
ADD_TO_DAY = """
    ON CONFLICT (account_id, day, transaction_type)
        DO UPDATE SET total = kept.total + excluded.total, count = kept.count + excluded.count
"""


def open_balance(account_id: int, today: date) -> None:
    """Begin the balance of a new account, on the default plan from `today` (UTC) on."""
    db.session.execute(_OPEN, {"account_id": account_id, "today": today})


def put_on_plan(account_id: int, name: str, today: date) -> bool:
    """Put an account on a plan from `today` (UTC) on; whether there are such an account and such a plan."""
    values = {"account_id": account_id, "name": name, "today": today}
    return db.session.execute(_PUT_ON_PLAN, values).one_or_none() is not None


def lock(account_ids: Sequence[int], *, entries: int = 0) -> Sequence[Row[Any]]:
    """Lock the balances of accounts, in the order of their ids, until the transaction ends; those there are.

    The first brings `ids`: one for each of so many `entries`.
    """
    return db.session.execute(LOCK, {"account_ids": account_ids, "entries": entries}).all()
