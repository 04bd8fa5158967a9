"""Many billing accounts with budgets, users and lines, made by the database itself."""

from sqlalchemy import text

from app.db.base import db

MOVEMENT = """
    billing_account_id, position, at, kind, entry_id, external_type, external_id, budget_delta, locked_delta,
    budget_after, locked_after, consumed_delta, consumed_after, actor, actor_kind
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
    """
    INSERT INTO budgets (billing_account_id, amount, locked, movements, moved_at)
    SELECT n, coalesce(CAST(:budget AS bigint), 1000 + n::bigint * 7919 % 100003), lines, lines + 1, now()
    FROM generate_series(1, :accounts) AS n
    CROSS JOIN LATERAL (
        SELECT :lines / :accounts + CASE WHEN n <= :lines % :accounts THEN 1 ELSE 0 END AS lines
    ) AS number
    """,
    f"""
    INSERT INTO budget_movements ({MOVEMENT})
    SELECT billing_account_id, 1, moved_at, 'opened', NULL, NULL, NULL, amount, 0, amount, 0, 0, 0, 'bench', 'command'
    FROM budgets
    """,
    f"""
    WITH line AS (
        INSERT INTO budget_lines (billing_account_id, kind, external_type, external_id, amount, date, created_at)
        SELECT (n - 1) % :accounts + 1, 'locked', 'CHALLENGE', 'c' || n, 1, now() + n * interval '1 second', now()
        FROM generate_series(1, :lines) AS n
        RETURNING *
    ), numbered AS (
        SELECT *, row_number() OVER (PARTITION BY billing_account_id ORDER BY date) AS nth FROM line
    )
    INSERT INTO budget_movements ({MOVEMENT})
    SELECT billing_account_id, nth + 1, now(), 'locked', line.id, external_type, external_id, 0, 1,
        budgets.amount, nth, 0, 0, 'bench', 'command'
    FROM numbered AS line JOIN budgets USING (billing_account_id)
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
        RETURNING id, external_type, external_id
    ), moved AS (
        UPDATE budgets
        SET locked = locked + :lines, movements = movements + :lines, moved_at = greatest(moved_at, now())
        WHERE billing_account_id = :account
        RETURNING billing_account_id, moved_at, amount, old.locked AS before, old.movements AS position
    ), numbered AS (
        SELECT *, row_number() OVER () AS nth FROM line
    )
    INSERT INTO budget_movements ({MOVEMENT})
    SELECT billing_account_id, position + nth, moved_at, 'locked', id, external_type, external_id, 0, 1,
        amount, before + nth, 0, 0, 'bench', 'command'
    FROM numbered CROSS JOIN moved
"""
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


def load(*, accounts: int, lines: int = 0, budget: int | None = None) -> None:
    """Load so many accounts with ids from 1, and lines spread evenly over them, in the session's transaction.

    Budgets are of many sizes, unless one is given.
    """
    parameters = {"accounts": accounts, "lines": lines, "budget": budget}
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
    db.session.execute(text(_LINES_OF_ONE), {"account": account, "lines": lines})
    for table in ("budget_lines", "budget_movements"):
        db.session.execute(text(f"ANALYZE {table}"))
