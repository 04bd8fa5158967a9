"""Many billing accounts with budgets, users and lines, made by the database itself."""

from sqlalchemy import text

from app.db.base import db

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
    """
    INSERT INTO budgets (billing_account_id, amount, locked)
    SELECT n, 1000 + n::bigint * 7919 % 100003, :lines / :accounts + CASE WHEN n <= :lines % :accounts THEN 1 ELSE 0 END
    FROM generate_series(1, :accounts) AS n
    """,
    """
    INSERT INTO budget_lines (billing_account_id, kind, external_type, external_id, amount, date)
    SELECT (n - 1) % :accounts + 1, 'locked', 'CHALLENGE', 'c' || n, 1, now() + n * interval '1 second'
    FROM generate_series(1, :lines) AS n
    """,
    """
    INSERT INTO billing_account_access (billing_account_id, user_id, created_at)
    SELECT n, 'user-' || n % 2000, now() FROM generate_series(1, :accounts) AS n
    """,
)
# One filter value each that few accounts match.
SELECTIVE_FILTERS = {
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


def load(*, accounts: int, lines: int = 0) -> None:
    """Load so many accounts with ids from 1, and lines spread evenly over them, in the session's transaction."""
    parameters = {"accounts": accounts, "lines": lines}
    for statement in _LOAD:
        db.session.execute(text(statement), parameters)
    for table in ("clients", "billing_accounts", "budgets", "budget_lines", "billing_account_access"):
        db.session.execute(text(f"ANALYZE {table}"))
