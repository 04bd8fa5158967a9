"""One deduction, of which a busy account has many at once."""

from typing import Any

from sqlalchemy import Row

from app.audit import cause
from app.clock import utc_now
from app.credits.ledger import balances, journal, refusals, rule
from app.db.base import db
from app.db.fast.prepared import Prepared
from app.tenancy import SETTING

# Text, as it decides and writes at once: the lock is held for no round trip. The balance is locked first and read by
# the next statement, as in `balances`; both are sent together, and nothing is written unless all is. The time was taken
# before the lock: of two transactions of an account, the later one has the later time all the same.
_POSTED = journal.selected(
    description=":description",
    operation_type=":operation_type",
    usage_key="NULL",
    usage_key_owner="NULL",
    balance_after="credits + amount",
    purchase_position="NULL",
    created_at="now",
)
SPEND = Prepared(f"""
    SELECT set_config('{SETTING}', CAST(:account_id AS text), true);
    SELECT FROM credit_balances WHERE account_id = :account_id FOR NO KEY UPDATE;
    WITH state AS (
        SELECT b.account_id, b.credits, b.bought, b.head, b.transactions + 1 AS position,
            'deduction' AS transaction_type, -CAST(:credits_used AS bigint) AS amount, false AS of_purchase,
            p.usd_per_credit, greatest(:now, last.created_at) AS now
        FROM credit_balances b JOIN plans p ON p.id = b.plan_id
        LEFT JOIN credit_transactions last ON last.account_id = b.account_id AND last.position = b.transactions
        WHERE b.account_id = :account_id
    ), posted AS (
        INSERT INTO credit_transactions ({journal.COLUMNS})
        SELECT {_POSTED}
        FROM (
            SELECT *, nextval('credit_transactions_id_seq') AS id, {rule.COST_USD.sql} AS cost_usd,
                {rule.BOUGHT_AFTER.sql} AS bought_after
            FROM state WHERE {rule.REFUSAL.sql} IS NULL
        ) AS accepted
        RETURNING *
    ), balance AS (
        UPDATE credit_balances AS b SET credits = posted.balance_after, bought = posted.bought_after,
            transactions = posted.position, head = posted.hash
        FROM posted WHERE b.account_id = :account_id
    ), daily AS (
        INSERT INTO credit_daily_totals AS kept (account_id, day, transaction_type, total, count)
        SELECT account_id, CAST(created_at AT TIME ZONE 'UTC' AS date), transaction_type, amount, 1 FROM posted
        {balances.ADD_TO_DAY}
    )
    SELECT posted.id, posted.operation_type, -posted.amount AS credits_used, posted.cost_usd, posted.description,
        posted.created_at, posted.balance_after, state.credits AS available
    FROM state LEFT JOIN posted ON true
""")


def spend(account_id: int, credits_used: int, operation_type: str, description: str) -> Row[Any]:
    """Deduct credits for one operation; the transaction. Raises PaymentRequired or NotFound."""
    values = {
        "account_id": account_id,
        "credits_used": credits_used,
        "operation_type": operation_type,
        "description": description,
        "now": utc_now(),
        **cause.current(),
    }
    posted = db.session.execute(SPEND, values).one_or_none()
    if posted is None:
        raise refusals.not_found(account_id)
    if posted.id is None:
        raise refusals.too_few(credits_used, posted.available)
    return posted
