"""Customer accounts with a member each and a history of credits, made by the database itself."""

from sqlalchemy import text

from app import tenancy
from app.db.base import db
from bench import credits

_LOAD = """
    WITH made AS (
        INSERT INTO customer_accounts (name, slug, created_by, created_at, updated_at)
        SELECT 'Customer ' || n, 'customer-' || n, 'bench', now(), now() FROM generate_series(1, :accounts) AS n
        RETURNING id
    ), balances AS (
        INSERT INTO credit_balances (account_id, moved_at, due_at) SELECT id, now(), now() FROM made
    ), assignments AS (
        INSERT INTO plan_assignments (account_id, valid_from, plan_id)
        SELECT made.id, now(), plans.id FROM made, plans WHERE is_default
    )
    INSERT INTO account_members (account_id, user_id, role, invited_at, date_joined)
    SELECT id, 'member-' || row_number() OVER (ORDER BY id), 'owner', now(), now() FROM made
"""


def load(*, accounts: int, transactions: int) -> list[int]:
    """Make so many accounts, each with so many transactions; their ids. The owners are `member-1` and on.

    The tables are not analysed.
    """
    tenancy.set_every_account()
    db.session.execute(text(_LOAD), {"accounts": accounts})
    ids = list(db.session.execute(text("SELECT id FROM customer_accounts ORDER BY 1")).scalars())
    for each in ids:
        credits.insert(each, rows=transactions)
    tenancy.set_every_account()
    return ids
