"""Recomputes what is kept of credit transactions: balances, running balances and daily totals."""

from collections.abc import Iterator

from sqlalchemy import text

from app import tenancy
from app.db.audit import Difference
from app.db.base import db

_BALANCES = text("""
    SELECT b.account_id, b.credits, coalesce(t.credits, 0) AS computed, b.transactions, coalesce(t.rows, 0) AS rows
    FROM credit_balances b LEFT JOIN (
        SELECT account_id, sum(amount) AS credits, count(*) AS rows FROM credit_transactions GROUP BY account_id
    ) AS t USING (account_id)
    WHERE b.credits <> coalesce(t.credits, 0) OR b.transactions <> coalesce(t.rows, 0) ORDER BY b.account_id
""")
_RUNNING = text("""
    SELECT * FROM (
        SELECT account_id, position, balance_after,
            sum(amount) OVER earlier AS computed, row_number() OVER earlier AS nth
        FROM credit_transactions WINDOW earlier AS (PARTITION BY account_id ORDER BY position)
    ) AS t WHERE balance_after <> computed OR position <> nth ORDER BY account_id, position
""")
# Credits that were given are spent first: b(n) = least(b(n - 1) + bought(n), balance(n)), written without recursion.
_BOUGHT = text("""
    SELECT * FROM (
        SELECT account_id, position, bought_after,
            sum(bought) OVER earlier + least(0, min(balance_after - through) OVER earlier) AS computed
        FROM (
            SELECT *, sum(bought) OVER (PARTITION BY account_id ORDER BY position) AS through FROM (
                SELECT account_id, position, balance_after, bought_after,
                    CASE WHEN purchase_position IS NULL THEN 0 ELSE amount END AS bought
                FROM credit_transactions
            ) AS t
        ) AS t WINDOW earlier AS (PARTITION BY account_id ORDER BY position)
    ) AS t WHERE bought_after <> computed ORDER BY account_id, position
""")
_BOUGHT_NOW = text("""
    SELECT b.account_id, b.bought, coalesce(t.bought_after, 0) AS computed
    FROM credit_balances b
    LEFT JOIN credit_transactions t ON t.account_id = b.account_id AND t.position = b.transactions
    WHERE b.bought <> coalesce(t.bought_after, 0) ORDER BY b.account_id
""")
_DAILY = text("""
    SELECT account_id, day, transaction_type, kept.total, kept.count, made.total AS made_total, made.count AS made_count
    FROM credit_daily_totals AS kept FULL JOIN (
        SELECT account_id, CAST(created_at AT TIME ZONE 'UTC' AS date) AS day, transaction_type,
            sum(amount) AS total, count(*) AS count
        FROM credit_transactions GROUP BY 1, 2, 3
    ) AS made USING (account_id, day, transaction_type)
    WHERE (kept.total, kept.count) IS DISTINCT FROM (made.total, made.count)
    ORDER BY account_id, day, transaction_type
""")


def differences() -> Iterator[Difference]:
    """Every balance, share of bought credits and daily total that its transactions do not make."""
    tenancy.set_every_account()
    for row in db.session.execute(_BALANCES):
        problem = f"{row.credits} credits of {row.transactions} transactions are kept, "
        yield Difference(f"account {row.account_id}", f"{problem}there are {row.computed} of {row.rows}")
    for row in db.session.execute(_RUNNING):
        problem = f"keeps a balance of {row.balance_after}, the {row.nth} up to it make {row.computed}"
        yield Difference(f"account {row.account_id}, transaction {row.position}", problem)
    for row in db.session.execute(_BOUGHT):
        problem = f"keeps {row.bought_after} bought credits, the transactions up to it leave {row.computed}"
        yield Difference(f"account {row.account_id}, transaction {row.position}", problem)
    for row in db.session.execute(_BOUGHT_NOW):
        problem = f"{row.bought} bought credits are kept, the last transaction left {row.computed}"
        yield Difference(f"account {row.account_id}", problem)
    for row in db.session.execute(_DAILY):
        problem = f"{row.total} of {row.count} are kept, the transactions make {row.made_total} of {row.made_count}"
        yield Difference(f"account {row.account_id}, {row.transaction_type} on {row.day}", problem)
