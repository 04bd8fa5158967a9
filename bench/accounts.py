"""Many billing accounts with budgets, users and lines, made by the database itself."""

from typing import Any

from sqlalchemy import text

from app.audit import cause
from app.billing_accounts.ledger import journal
from app.clock import utc_now
from app.db.base import db

# The rest of a statement that makes lines of 1: their movements, and the totals.
_LOCKED = f"""
    numbered AS (
        SELECT billing_account_id, movements + nth AS position, greatest(moved_at, :now) AS at, line.kind,
            line.id AS entry_id, external_type, external_id, NULL AS external_name, 1 AS locked_delta,
            0 AS consumed_delta, budgets.amount AS budget_after, locked + nth AS locked_after,
            consumed AS consumed_after, head
        FROM (SELECT *, row_number() OVER (PARTITION BY billing_account_id ORDER BY date) AS nth FROM line) AS line
        JOIN budgets USING (billing_account_id)
    ), {journal.post_numbered()} SELECT
"""
_LOAD = (
    """
    INSERT INTO clients (id, name, status, created_at, updated_at)
    SELECT 'client-' || n, 'Client ' || n, 'ACTIVE', now(), now() FROM generate_series(1, 1000) AS n
    """,
    """
    INSERT INTO billing_accounts (id, name, status, client_id, markup, is_manual_prize, billable, created_by,
        start_date, end_date, created_at, updated_at)
    SELECT n, md5(n::text) || ' account ' || n, CASE n % 50 WHEN 0 THEN 'INACTIVE' ELSE 'ACTIVE' END,
        'client-' || n % 1000 + 1, 0.2, false, true, 'user-' || n % 500,
        timestamptz '2020-01-01' + n * interval '1 hour', timestamptz '2025-01-01' + n * interval '1 hour',
        timestamptz '2020-01-01' + n * interval '7 minutes', now()
    FROM generate_series(1, :accounts) AS n
    """,
    "SELECT setval(pg_get_serial_sequence('billing_accounts', 'id'), :accounts)",
    journal.open_from(
        "FROM generate_series(1, :accounts) AS n",
        "n",
        "coalesce(CAST(:budget AS bigint), 1000 + n\\:\\:bigint * 7919 % 100003)",
    ),
    f"""
    WITH line AS (
        INSERT INTO budget_lines (billing_account_id, kind, external_type, external_id, amount, date, created_at)
        SELECT (n - 1) % :accounts + 1, 'locked', 'CHALLENGE', 'c' || n, 1, now() + n * interval '1 second', now()
        FROM generate_series(1, :lines) AS n
        RETURNING *
    ), {_LOCKED}
    """,
    """
    INSERT INTO billing_account_access (billing_account_id, user_id, created_at)
    SELECT n, 'user-' || n % 2000, now() FROM generate_series(1, :accounts) AS n
    """,
)
_LINES_OF_ONE = f"""
    WITH line AS (
        INSERT INTO budget_lines (billing_account_id, kind, external_type, external_id, amount, date, created_at)
        SELECT :account, 'locked', 'CHALLENGE', 'line-' || n, 1, now(), now() FROM generate_series(1, :lines) AS n
        RETURNING *
    ), {_LOCKED}
"""
# One filter value each that few accounts match.
SELECTIVE_FILTERS = {
    "id": [7, 8],
    "one_id": 7,
    "name": "c81e728d",
    "client_id": "client-7",
    "user_id": "user-7",
    "granted_to": "user-7",
    "status": "INACTIVE",
    "start_date_from": "2031-01-01",
    "start_date_to": "2020-01-03",
    "end_date_from": "2036-01-01",
    "end_date_to": "2025-01-03",
}


def load(*, accounts: int, lines: int = 0, budget: int | None = None) -> None:
    """Load so many accounts with ids from 1, and lines spread evenly over them, in the session's transaction.

    Budgets are of many sizes, unless one is given.
    """
    parameters = {"accounts": accounts, "lines": lines, "budget": budget, **_caused_now()}
    for statement in _LOAD:
        db.session.execute(text(statement), parameters)
    for table in (
        "clients",
        "billing_accounts",
        "budgets",
        "budget_lines",
        "budget_movements",
        "billing_account_access",
    ):
        db.session.execute(text(f"ANALYZE {table}"))


def add_lines(*, account: int, lines: int) -> None:
    """Load so many lines of one account that has none, in the session's transaction."""
    db.session.execute(text(_LINES_OF_ONE), {"account": account, "lines": lines, **_caused_now()})
    for table in ("budget_lines", "budget_movements"):
        db.session.execute(text(f"ANALYZE {table}"))


def _caused_now() -> dict[str, Any]:
    return {"now": utc_now(), **cause.current()}
