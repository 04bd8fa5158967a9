"""One deduction, of which a busy account has many at once.

Usually the first lot in spending order covers it and nothing fell due: then one statement does everything. Otherwise it
is decided as a batch of one.
"""

from typing import Any

from sqlalchemy import Row

from app import tenancy
from app.audit import cause
from app.clock import utc_now
from app.credits.ledger import balances, batch, journal, refusals, rule
from app.credits.ledger.batch import Entry, Posted
from app.db.base import db
from app.db.fast.prepared import Prepared
from app.db.transaction import in_one
from app.tenancy import SETTING

# Text, as it decides and writes at once: the lock is held for no round trip. The balance is locked first and read by
# the next statement, as in `balances`; both are sent together, and nothing is written unless all is. The time was taken
# before the lock: of two transactions of an account, the later one has the later time all the same.
_POSTED = journal.selected(
    transaction_type="'deduction'",
    description=":description",
    operation_type=":operation_type",
    usage_key=":usage_key",
    usage_key_owner=":key_owner",
    user_id=":user_id",
    key_id=":key_id",
    hold_id="NULL",
    reverses="NULL",
    lot_ids="ARRAY[lot_id]",
    lot_credits="ARRAY[amount]",
    created_at="now",
)
_IS_KNOWN = """
    EXISTS (
        SELECT FROM credit_transactions
        WHERE account_id = :account_id AND usage_key_owner = :key_owner AND usage_key = :usage_key
    )
"""
SPEND = Prepared(f"""
    SELECT set_config('{SETTING}', CAST(:account_id AS text), true);
    SELECT FROM credit_balances WHERE account_id = :account_id FOR NO KEY UPDATE;
    WITH state AS (
        SELECT b.account_id, b.credits, b.held, b.frozen, b.debt, b.head, b.transactions + 1 AS position,
            CAST(:credits_used AS bigint) AS amount, p.usd_per_credit,
            greatest(:now, b.moved_at) AS now,
            b.due_at <= greatest(:now, b.moved_at) AS is_due, {_IS_KNOWN} AS is_known, b.is_capped,
            b.status, lot.id AS lot_id, coalesce(lot.free, 0) AS in_first_lot
        FROM credit_balances b
        CROSS JOIN LATERAL ({balances.PLAN_OF_DAY.format(of_account="account_id = :account_id")}) AS p
        LEFT JOIN LATERAL (
            SELECT id, remaining - held - frozen AS free FROM credit_lots
            WHERE account_id = :account_id AND is_spendable
            ORDER BY {", ".join(rule.SPENDING_ORDER)} LIMIT 1
        ) AS lot ON true
        WHERE b.account_id = :account_id
    ), decided AS (
        SELECT *, {rule.DECISION.sql} AS decision FROM state
    ), posted AS (
        INSERT INTO credit_transactions ({journal.COLUMNS})
        SELECT {_POSTED}
        FROM (
            SELECT account_id, position, head, -amount AS amount, credits - amount AS balance_after, lot_id, now,
                nextval('credit_transactions_id_seq') AS id, {rule.COST_USD.sql} AS cost_usd
            FROM decided WHERE decision IS NULL
        ) AS accepted
        RETURNING *
    ), balance AS (
        UPDATE credit_balances AS b SET credits = posted.balance_after, transactions = posted.position,
            head = posted.hash, moved_at = posted.created_at
        FROM posted WHERE b.account_id = :account_id
    ), lot AS (
        UPDATE credit_lots AS lot SET remaining = remaining + posted.amount
        FROM posted WHERE lot.account_id = :account_id AND lot.id = posted.lot_ids[1]
    ), daily AS (
        INSERT INTO credit_daily_totals AS kept (account_id, day, transaction_type, total, count)
        SELECT account_id, CAST(created_at AT TIME ZONE 'UTC' AS date), transaction_type, amount, 1 FROM posted
        {balances.ADD_TO_DAY}
    )
    SELECT posted.id, posted.operation_type, -posted.amount AS credits_used, posted.cost_usd, posted.description,
        posted.created_at, posted.balance_after, 0 AS credits_reversed, decided.decision,
        decided.credits - decided.held - decided.frozen AS available, decided.debt
    FROM decided LEFT JOIN posted ON true
""")


def spend(entry: Entry, *, key_owner: str | None = None) -> Row[Any] | Posted:
    """Deduct credits for one operation; the transaction. Raises PaymentRequired, Forbidden, NotFound or KeyReused.

    A usage key is one of `key_owner`.
    """
    values = {
        "account_id": entry.account_id,
        "credits_used": entry.credits,
        "operation_type": entry.operation_type,
        "description": entry.description,
        "user_id": entry.user_id,
        "key_id": entry.key_id,
        "usage_key": entry.usage_key,
        "key_owner": None if entry.usage_key is None else key_owner,
        "now": utc_now(),
        **cause.current(),
    }
    posted = db.session.execute(SPEND, values).one_or_none()
    if posted is None:
        raise refusals.not_found(entry.account_id)
    if posted.decision == rule.BY_THE_BATCH:
        with in_one():
            tenancy.set_account(entry.account_id)
            return batch.post_one(entry, key_owner=key_owner)
    if posted.decision is not None:
        raise refusals.refused(posted.decision, entry.account_id, entry.credits, posted.available, posted.debt)
    return posted
