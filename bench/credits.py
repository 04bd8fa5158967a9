"""Transactions of credits by the million, made by the database itself with the totals that are kept of them."""

from sqlalchemy import text

from app import tenancy
from app.db.base import db

CREDITS = 10**12
_LOAD = (
    """
    INSERT INTO credit_transactions
        (account_id, position, amount, transaction_type, description, operation_type, cost_usd, balance_after,
        bought_after, created_by, created_at)
    SELECT b.account_id, b.transactions + n, CASE n WHEN 1 THEN :credits ELSE -1 END,
        CASE n WHEN 1 THEN 'adjustment' ELSE 'deduction' END, 'history',
        CASE WHEN n > 1 THEN 'operation-' || n % 10 END, CASE WHEN n > 1 THEN 0.02 END,
        b.credits + :credits - n + 1, 0, 'bench', now() - interval '1 day' * ((:rows - n) * 360 / :rows)
    FROM credit_balances b, generate_series(1, :rows) AS n WHERE b.account_id = :account_id
    """,
    """
    UPDATE credit_balances SET transactions = transactions + :rows, credits = credits + :credits - :rows + 1
    WHERE account_id = :account_id
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
    for statement in _LOAD:
        db.session.execute(text(statement), {"account_id": account_id, "rows": rows, "credits": CREDITS})
