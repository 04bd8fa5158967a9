"""Transactions of credits by the million, made by the database itself with the totals that are kept of them."""

from sqlalchemy import text

from app import tenancy
from app.audit import cause
from app.credits.ledger import journal
from app.db.base import db

CREDITS = 10**12
_NO_KEY = {
    "usage_key": "NULL",
    "usage_key_owner": "NULL",
    "user_id": "''",
    "key_id": "NULL",
    "hold_id": "NULL",
    "reverses": "NULL",
}
_LOAD = (
    f"""
    WITH lot AS (
        INSERT INTO credit_lots (account_id, source, credits, remaining, effective_at, transaction_type, position,
            description, actor, actor_kind, action, created_at)
        SELECT account_id, 'adjustment', :credits, :credits - :rows + 1, now(), 'adjustment', transactions + 1,
            'history', :actor, :actor_kind, :action, now()
        FROM credit_balances WHERE account_id = :account_id
        RETURNING id, account_id
    ), route AS (
        INSERT INTO account_routes (kind, id, account_id) SELECT 'credit_lot', id, account_id FROM lot
    ), posted AS (
        INSERT INTO credit_transactions ({journal.COLUMNS})
        SELECT {journal.selected_in_order(**_NO_KEY, lot_credits="ARRAY[amount]")}
        FROM (
            SELECT b.account_id, b.head, b.transactions + n AS position, nextval('credit_transactions_id_seq') AS id,
                CASE n WHEN 1 THEN :credits ELSE -1 END AS amount,
                CASE n WHEN 1 THEN 'adjustment' ELSE 'deduction' END AS transaction_type, 'history' AS description,
                CASE WHEN n > 1 THEN 'operation-' || n % 10 END AS operation_type,
                CASE WHEN n > 1 THEN 0.02 END AS cost_usd, b.credits + :credits - n + 1 AS balance_after,
                ARRAY[lot.id] AS lot_ids, now() - interval '1 day' * ((:rows - n) * 360 / :rows) AS created_at
            FROM lot, credit_balances b, generate_series(1, :rows) AS n WHERE b.account_id = :account_id
        ) AS numbered
        RETURNING *
    )
    UPDATE credit_balances AS b SET transactions = position, credits = balance_after, head = hash
    FROM (SELECT * FROM posted ORDER BY position DESC LIMIT 1) AS last WHERE b.account_id = :account_id
    """,
    """
    INSERT INTO credit_daily_totals AS kept (account_id, day, transaction_type, total, count)
    SELECT account_id, CAST(created_at AT TIME ZONE 'UTC' AS date), transaction_type, sum(amount), count(*)
    FROM credit_transactions JOIN credit_balances USING (account_id)
    WHERE account_id = :account_id AND position > transactions - :rows
    GROUP BY 1, 2, 3
    ON CONFLICT (account_id, day, transaction_type)
        DO UPDATE SET total = kept.total + excluded.total, count = kept.count + excluded.count
    """,
)


def load(account_id: int, *, rows: int) -> None:
    """Give an account so many transactions and more credits than it can spend, in the session's transaction."""
    insert(account_id, rows=rows)
    for table in ("credit_transactions", "credit_daily_totals"):
        db.session.execute(text(f"ANALYZE {table}"))


def insert(account_id: int, *, rows: int) -> None:
    """As `load`, and leave it to the caller to have the tables analysed."""
    tenancy.set_account(account_id)
    values = {"account_id": account_id, "rows": rows, "credits": CREDITS, **cause.current()}
    for statement in _LOAD:
        db.session.execute(text(statement), values)
