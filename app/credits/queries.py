"""Reading and writing credits."""

from dataclasses import replace

from sqlalchemy import BigInteger, and_, bindparam, cast, func, select, text

from app.credits.models import CreditBalance, CreditDailyTotal, CreditTransaction, TransactionType
from app.db.fast.prepared import Prepared
from app.db.paging import ListQuery
from app.tenancy import SETTING

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

OPEN = text("""
    WITH balance AS (
        INSERT INTO credit_balances (account_id, plan_id) SELECT :account_id, id FROM plans WHERE is_default
        RETURNING account_id, plan_id
    )
    INSERT INTO plan_assignments (account_id, valid_from, plan_id) SELECT account_id, :today, plan_id FROM balance
""")
# The holder of these row locks is alone with the transactions and totals of their accounts. They are read once they are
# held: a statement that joins and locks at once would not find an account that changed its plan meanwhile. The first of
# them brings an id for each entry, taken under the locks too, so that ids of an account increase with their positions.
LOCK_BALANCES = Prepared("""
    SELECT FROM credit_balances
    WHERE account_id = ANY(CAST(:account_ids AS bigint[])) ORDER BY account_id FOR NO KEY UPDATE;
    WITH ids AS (SELECT array_agg(nextval('credit_transactions_id_seq')) AS ids FROM generate_series(1, :entries))
    SELECT b.account_id, b.credits, b.bought, b.transactions, p.usd_per_credit,
        CASE row_number() OVER () WHEN 1 THEN (SELECT ids FROM ids) END AS ids
    FROM credit_balances b JOIN plans p ON p.id = b.plan_id WHERE b.account_id = ANY(CAST(:account_ids AS bigint[]))
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
_ADD_TO_DAY = """
    ON CONFLICT (account_id, day, transaction_type)
        DO UPDATE SET total = kept.total + excluded.total, count = kept.count + excluded.count
"""
# One deduction, decided here as `app.credits.ledger` decides many. The balance is locked first and read by the next
# statement, as above; both are sent at once, and nothing is written unless all is. The time was taken before the lock:
# of two transactions of an account, the later one has the later time all the same.
SPEND = Prepared(f"""
    SELECT set_config('{SETTING}', CAST(:account_id AS text), true);
    SELECT FROM credit_balances WHERE account_id = :account_id FOR NO KEY UPDATE;
    WITH state AS (
        SELECT b.account_id, b.credits, b.bought, b.transactions + 1 AS position,
            CAST(:credits_used AS bigint) AS asked, p.usd_per_credit, greatest(:now, last.created_at) AS now
        FROM credit_balances b JOIN plans p ON p.id = b.plan_id
        LEFT JOIN credit_transactions last ON last.account_id = b.account_id AND last.position = b.transactions
        WHERE b.account_id = :account_id
    ), posted AS (
        INSERT INTO credit_transactions (
            account_id, position, amount, transaction_type, description, operation_type, cost_usd, balance_after,
            bought_after, created_by, created_at
        )
        SELECT account_id, position, -asked, 'deduction', :description, :operation_type,
            asked * usd_per_credit, credits - asked, least(bought, credits - asked), :created_by, now
        FROM state WHERE asked <= credits
        RETURNING *
    ), balance AS (
        UPDATE credit_balances AS b SET credits = posted.balance_after, bought = posted.bought_after,
            transactions = posted.position
        FROM posted WHERE b.account_id = :account_id
    ), daily AS (
        INSERT INTO credit_daily_totals AS kept (account_id, day, transaction_type, total, count)
        SELECT account_id, CAST(created_at AT TIME ZONE 'UTC' AS date), transaction_type, amount, 1 FROM posted
        {_ADD_TO_DAY}
    )
    SELECT posted.id, posted.operation_type, -posted.amount AS credits_used, posted.cost_usd, posted.description,
        posted.created_at, posted.balance_after, state.credits AS available
    FROM state LEFT JOIN posted ON true
""")
WRITTEN = {
    "account_id": "bigint",
    "position": "bigint",
    "id": "bigint",
    "amount": "bigint",
    "transaction_type": "text",
    "description": "text",
    "operation_type": "text",
    "cost_usd": "numeric",
    "usage_key": "text",
    "balance_after": "bigint",
    "bought_after": "bigint",
    "purchase_position": "bigint",
}
_ARRAYS = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in WRITTEN.items())
WRITE = Prepared(f"""
    WITH posted AS (
        INSERT INTO credit_transactions ({", ".join(WRITTEN)}, usage_key_owner, created_by, created_at)
        SELECT *, CASE WHEN usage_key IS NOT NULL THEN CAST(:key_owner AS text) END, :created_by, :now
        FROM unnest({_ARRAYS}) AS written ({", ".join(WRITTEN)})
        RETURNING account_id, position, amount, transaction_type, balance_after, bought_after
    ), balance AS (
        UPDATE credit_balances AS b SET credits = last.balance_after, bought = last.bought_after,
            transactions = last.position
        FROM (SELECT DISTINCT ON (account_id) * FROM posted ORDER BY account_id, position DESC) AS last
        WHERE b.account_id = last.account_id
    )
    INSERT INTO credit_daily_totals AS kept (account_id, day, transaction_type, total, count)
    SELECT account_id, :day, transaction_type, sum(amount), count(*) FROM posted
    GROUP BY account_id, transaction_type ORDER BY account_id, transaction_type
    {_ADD_TO_DAY}
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
PUT_ON_PLAN = text("""
    WITH moved AS (
        UPDATE credit_balances SET plan_id = plans.id FROM plans
        WHERE account_id = :account_id AND plans.name = :name RETURNING account_id, plan_id
    )
    INSERT INTO plan_assignments (account_id, valid_from, plan_id) SELECT account_id, :today, plan_id FROM moved
    ON CONFLICT (account_id, valid_from) DO UPDATE SET plan_id = excluded.plan_id RETURNING true
""")
ACCOUNTS_AFTER = text("""
    SELECT account_id FROM credit_balances WHERE account_id > :after
    ORDER BY account_id LIMIT :limit
""")
RECORD_GRANTS = text("""
    INSERT INTO plan_grants (account_id, month, credits, created_at)
    SELECT *, :now FROM unnest(CAST(:account_ids AS bigint[]), CAST(:months AS date[]), CAST(:credits AS int[]))
""")
