"""Statements of the reports: each sums all accounts at once. Their tenant is the desk.

Text, where several CTEs are joined. What fell due and is not posted yet comes as lists of values.
"""

from app.db.fast.prepared import AnyPrepared, Prepared
from app.desk.models import IS_CLAIM

# What a transaction of each type counts as, and how it is shown: added to the balance, or taken from it.
ADDED, TAKEN = 1, -1
BUCKETS = {
    "granted": ADDED,
    "purchased": ADDED,
    "adjusted": ADDED,
    "returned": ADDED,
    "spent": TAKEN,
    "refunded": TAKEN,
    "charged_back": TAKEN,
    "debt_paid": TAKEN,
    "expired": TAKEN,
    "voided": TAKEN,
}
BUCKET_OF = {
    "grant": "granted",
    "purchase": "purchased",
    "adjustment": "adjusted",
    "deduction": "spent",
    "expiry": "expired",
    "void": "voided",
    "chargeback": "charged_back",
    "debt_payment": "debt_paid",
}
_NAMED = " ".join(f"WHEN '{kind}' THEN '{bucket}'" for kind, bucket in BUCKET_OF.items())
# Credits that are taken for a refund and given again, as it failed, are one sum; a refund that staff grant without a
# charge is an adjustment, and has a lot of its own.
_BUCKET = f"""
    CASE transaction_type {_NAMED}
        WHEN 'refund' THEN CASE
            WHEN reverses IS NOT NULL THEN 'returned'
            WHEN amount > 0 AND EXISTS (
                SELECT FROM credit_lots AS lot WHERE lot.account_id = posted.account_id AND lot.id = posted.lot_ids[1]
                    AND lot.source = 'adjustment'
            ) THEN 'adjusted'
            ELSE 'refunded'
        END
    END
"""
# The credits that all accounts have now, and what changed that since the period began: in it, or later.
FLOWS: AnyPrepared = Prepared(f"""
    SELECT (SELECT CAST(coalesce(sum(credits), 0) AS bigint) FROM credit_balances) AS credits,
        coalesce(array_agg(bucket), CAST(ARRAY[] AS text[])) AS buckets,
        coalesce(array_agg(during), CAST(ARRAY[] AS bigint[])) AS during,
        coalesce(array_agg(later), CAST(ARRAY[] AS bigint[])) AS later
    FROM (
        SELECT {_BUCKET} AS bucket,
            CAST(coalesce(sum(amount) FILTER (WHERE created_at < :until), 0) AS bigint) AS during,
            CAST(coalesce(sum(amount) FILTER (WHERE created_at >= :until), 0) AS bigint) AS later
        FROM credit_transactions AS posted WHERE created_at >= :since GROUP BY 1
    ) AS flows
""").unprepared()
# Of each bought lot: its price by the part of its credits that was spent or expired, rounded as a whole, so that the
# revenue of all months is the price of what is gone. Credits that were taken because money was returned are not gone.
REVENUE: AnyPrepared = Prepared(f"""
    WITH moved AS (
        SELECT posted.account_id, drawn.lot_id, posted.created_at, drawn.credits
        FROM credit_transactions AS posted
        CROSS JOIN LATERAL unnest(posted.lot_ids, posted.lot_credits) AS drawn (lot_id, credits)
        WHERE posted.created_at >= :since AND posted.transaction_type <> 'purchase' AND NOT ({IS_CLAIM})
    ), since AS (
        SELECT account_id, lot_id, coalesce(-sum(credits) FILTER (WHERE created_at < :until), 0) AS during,
            coalesce(-sum(credits) FILTER (WHERE created_at >= :until), 0) AS later
        FROM moved GROUP BY account_id, lot_id
    ), due AS (
        SELECT account_id, lot_id, coalesce(-sum(credits) FILTER (WHERE at < :since), 0) AS before,
            coalesce(-sum(credits) FILTER (WHERE at < :until), 0) AS until
        FROM unnest(
            CAST(:account_ids AS bigint[]), CAST(:lot_ids AS bigint[]), CAST(:credits AS bigint[]),
            CAST(:instants AS timestamptz[])
        ) AS unposted (account_id, lot_id, credits, at)
        GROUP BY account_id, lot_id
    ), claimed AS (
        SELECT posted.account_id, drawn.lot_id, -sum(drawn.credits) AS credits
        FROM credit_transactions AS posted
        CROSS JOIN LATERAL unnest(posted.lot_ids, posted.lot_credits) AS drawn (lot_id, credits)
        WHERE {IS_CLAIM} GROUP BY posted.account_id, drawn.lot_id
    ), bought AS (
        SELECT payment.net_amount AS price, lot.credits,
            lot.credits - lot.remaining - coalesce(claimed.credits, 0) - coalesce(since.later, 0) AS gone,
            coalesce(since.during, 0) AS during, coalesce(due.before, 0) AS due_before,
            coalesce(due.until, 0) AS due_until
        FROM credit_lots AS lot
        JOIN payments AS payment ON payment.account_id = lot.account_id AND payment.lot_id = lot.id
        LEFT JOIN since ON since.account_id = lot.account_id AND since.lot_id = lot.id
        LEFT JOIN due ON due.account_id = lot.account_id AND due.lot_id = lot.id
        LEFT JOIN claimed ON claimed.account_id = lot.account_id AND claimed.lot_id = lot.id
        WHERE lot.source = 'purchase' AND lot.position IS NOT NULL
    )
    SELECT coalesce(sum(
        round(price * (gone + due_until) / credits, 2) - round(price * (gone - during + due_before) / credits, 2)
    ), 0) AS revenue
    FROM bought
""").unprepared()
# With the days since the day by which they were to be paid.
OPEN_INVOICES: AnyPrepared = Prepared("""
    SELECT invoice.id, invoice.invoice_number, invoice.account_id, invoice.account_name, invoice.billing_email,
        invoice.total_amount, invoice.currency, invoice.created_at, invoice.due_date, payment.id AS payment_id,
        payment.payment_method,
        greatest(0, CAST(CAST(:now AS timestamptz) AT TIME ZONE 'UTC' AS date) - invoice.due_date) AS days_overdue
    FROM invoices AS invoice LEFT JOIN payments AS payment ON payment.invoice_id = invoice.id
    WHERE invoice.status = 'pending' ORDER BY invoice.due_date, invoice.id
""")
# What the accounts spent by day (UTC) and operation, and what of that or of earlier days was taken back on that day. By
# the time in UTC, which has an index over all accounts.
USAGE: AnyPrepared = Prepared("""
    SELECT CAST(timezone('UTC', moved.created_at) AS date) AS date,
        coalesce(moved.operation_type, used.operation_type) AS operation_type,
        CAST(coalesce(-sum(moved.amount) FILTER (WHERE moved.reverses IS NULL), 0) AS bigint) AS credits_used,
        CAST(coalesce(sum(moved.amount) FILTER (WHERE moved.reverses IS NOT NULL), 0) AS bigint) AS credits_returned,
        count(*) FILTER (WHERE moved.reverses IS NULL) AS count
    FROM credit_transactions AS moved
    LEFT JOIN credit_transactions AS used ON used.account_id = moved.account_id AND used.position = moved.reverses
    WHERE timezone('UTC', moved.created_at) >= CAST(:first AS date)
        AND timezone('UTC', moved.created_at) < CAST(:last AS date) + 1
        AND (moved.transaction_type = 'deduction' OR moved.reverses IS NOT NULL)
    GROUP BY 1, 2 ORDER BY 1, 2
""").unprepared()
