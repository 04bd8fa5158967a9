"""Statements that read credits, and those that read and write plans."""

from dataclasses import replace

from sqlalchemy import BigInteger, and_, bindparam, cast, func, select, text

from app.credits.models import CreditBalance, CreditDailyTotal, CreditTransaction, TransactionType
from app.db.fast.prepared import Prepared
from app.db.paging import ListQuery

_OWN = CreditTransaction.account_id == bindparam("account_id")
_SINCE = CreditTransaction.created_at >= bindparam("start_date")
_UNTIL = CreditTransaction.created_at <= bindparam("end_date")
# Positions are dense: the numbers of an account's transactions are known without counting.
TRANSACTIONS = ListQuery(
    rows=select(
        CreditTransaction.id,
        CreditTransaction.amount,
        CreditTransaction.transaction_type,
        CreditTransaction.description,
        CreditTransaction.operation_type,
        (-CreditTransaction.amount).label("credits_used"),
        CreditTransaction.cost_usd,
        CreditTransaction.balance_after,
        CreditTransaction.created_at,
    ).where(_OWN),
    key=CreditTransaction.position,
    filters={
        "account_id": _OWN,
        "transaction_type": CreditTransaction.transaction_type == bindparam("transaction_type"),
        "start_date": _SINCE,
        "end_date": _UNTIL,
    },
    sorts={"created_at": CreditTransaction.position},
    default_sort="created_at",
    counts={
        frozenset({"account_id"}): select(CreditBalance.transactions).where(
            CreditBalance.account_id == bindparam("account_id")
        )
    },
)
USAGE = replace(
    TRANSACTIONS,
    filters={
        "account_id": and_(_OWN, CreditTransaction.transaction_type == TransactionType.DEDUCTION),
        "operation_type": CreditTransaction.operation_type == bindparam("operation_type"),
        "start_date": _SINCE,
        "end_date": _UNTIL,
    },
    counts={
        frozenset({"account_id"}): select(cast(func.coalesce(func.sum(CreditDailyTotal.count), 0), BigInteger)).where(
            CreditDailyTotal.account_id == bindparam("account_id"),
            CreditDailyTotal.transaction_type == TransactionType.DEDUCTION,
        )
    },
)
BALANCE = Prepared("""
    SELECT b.credits, p.credits_per_month AS plan_credits_per_month, b.credits AS credits_remaining, (
        SELECT CAST(coalesce(-sum(total), 0) AS bigint) FROM credit_daily_totals
        WHERE account_id = :account_id AND transaction_type = 'deduction' AND day >= :month
    ) AS credits_used_this_month
    FROM credit_balances b JOIN plans p ON p.id = b.plan_id WHERE b.account_id = :account_id
""")
CREDITS = Prepared("SELECT credits FROM credit_balances WHERE account_id = :account_id")
DAILY_TOTALS = Prepared("""
    SELECT day, transaction_type, total, count FROM credit_daily_totals
    WHERE account_id = :account_id AND day BETWEEN :first AND :last
    ORDER BY day, transaction_type
""")

# Purchases, and what their refunds took and gave back.
OF_PURCHASES = text("""
    SELECT amount, bought_after, purchase_position FROM credit_transactions
    WHERE account_id = :account_id AND purchase_position IS NOT NULL ORDER BY position
""")
KEYED = Prepared("""
    SELECT t.account_id, t.id, t.amount, t.transaction_type, t.description,
        t.operation_type, t.cost_usd, t.usage_key, t.balance_after, t.created_at
    FROM credit_transactions t
    JOIN unnest(CAST(:account_ids AS bigint[]), CAST(:usage_keys AS text[])) AS sent (account_id, usage_key)
        USING (account_id, usage_key)
    WHERE t.usage_key_owner = :key_owner
""")
# Every month from the one an account was opened in to the present one, but for those granted already. Each brings what
# the plan that the account was on granted on the first day of the month, or on that of the opening.
DUE_GRANTS = text("""
    SELECT b.account_id, month.first AS month, p.name AS plan, terms.credits_per_month
    FROM credit_balances b JOIN customer_accounts a ON a.id = b.account_id
    CROSS JOIN LATERAL generate_series(
        date_trunc('month', a.created_at, 'UTC') AT TIME ZONE 'UTC', CAST(:month AS timestamp), interval '1 month'
    ) AS due (starts_at)
    CROSS JOIN LATERAL (
        SELECT CAST(due.starts_at AS date) AS first,
            greatest(CAST(due.starts_at AS date), CAST(a.created_at AT TIME ZONE 'UTC' AS date)) AS decided_on
    ) AS month
    CROSS JOIN LATERAL (
        SELECT plan_id FROM plan_assignments WHERE account_id = b.account_id AND valid_from <= month.decided_on
        ORDER BY valid_from DESC LIMIT 1
    ) AS assigned
    JOIN plans p ON p.id = assigned.plan_id
    CROSS JOIN LATERAL (
        SELECT credits_per_month FROM plan_terms WHERE plan_id = p.id AND valid_from <= month.decided_on
        ORDER BY valid_from DESC LIMIT 1
    ) AS terms
    WHERE b.account_id = ANY(CAST(:account_ids AS bigint[])) AND NOT EXISTS (
        SELECT FROM plan_grants g WHERE g.account_id = b.account_id AND g.month = month.first
    )
    ORDER BY b.account_id, month.first
""")
_PLAN_COLUMNS = "name, credits_per_month, usd_per_credit, is_default"
PLANS = text(f"SELECT {_PLAN_COLUMNS} FROM plans ORDER BY credits_per_month, name")
# The first terms of a plan hold from the first day there is, later ones from the day they are set on.
SET_PLAN = text("""
    WITH changed AS (
        INSERT INTO plans AS plan (name, credits_per_month, usd_per_credit, created_at, updated_at)
        VALUES (:name, :credits_per_month, :usd_per_credit, :now, :now)
        ON CONFLICT (name) DO UPDATE SET credits_per_month = excluded.credits_per_month,
            usd_per_credit = excluded.usd_per_credit, updated_at = excluded.updated_at
        RETURNING id, credits_per_month
    )
    INSERT INTO plan_terms (plan_id, valid_from, credits_per_month)
    SELECT id, CASE WHEN EXISTS (SELECT FROM plan_terms WHERE plan_id = id) THEN :today ELSE date '0001-01-01' END,
        credits_per_month
    FROM changed
    ON CONFLICT (plan_id, valid_from) DO UPDATE SET credits_per_month = excluded.credits_per_month
""")
SET_DEFAULT_PLAN = text("""
    UPDATE plans SET is_default = false, updated_at = :now WHERE is_default AND name <> :name;
    UPDATE plans SET is_default = true, updated_at = :now WHERE name = :name
""")
ACCOUNTS_AFTER = text("""
    SELECT account_id FROM credit_balances WHERE account_id > :after
    ORDER BY account_id LIMIT :limit
""")
RECORD_GRANTS = text("""
    INSERT INTO plan_grants (account_id, month, credits, created_at)
    SELECT *, :now FROM unnest(CAST(:account_ids AS bigint[]), CAST(:months AS date[]), CAST(:credits AS int[]))
""")
