"""Checks that payments, invoices, credit notes, their numbers and credits agree."""

from collections.abc import Iterator

from sqlalchemy import text

from app import tenancy
from app.db.audit import Difference
from app.db.base import db
from app.purchases import document_audit

# Pending refunds do not count as returned.
_STATUSES = text("""
    SELECT p.id, p.status, coalesce(i.status, 'missing') AS invoice_status
    FROM payments p LEFT JOIN invoices i ON i.id = p.invoice_id
    CROSS JOIN LATERAL (
        SELECT least(p.amount, p.amount_refunded + p.amount_charged_back) - coalesce(sum(r.amount), 0) AS amount
        FROM refunds r WHERE r.payment_id = p.id AND r.status = 'pending'
    ) AS returned
    WHERE coalesce(i.status, 'missing') <> CASE
        WHEN p.status IN ('pending', 'failed', 'cancelled') AND p.payment_method = 'stripe' AND i.id IS NULL
            THEN 'missing'
        WHEN p.status IN ('pending', 'failed') THEN 'pending' WHEN p.status = 'cancelled' THEN 'void'
        WHEN returned.amount <= 0 THEN 'paid' WHEN returned.amount < p.amount THEN 'partially_refunded'
        ELSE 'refunded' END
        OR p.status NOT IN ('pending', 'failed', 'cancelled') AND i.amount_credited <> greatest(returned.amount, 0)
        OR (i.total_amount, i.net_amount, i.tax_amount) <> (p.amount, p.net_amount, p.tax_amount)
    ORDER BY p.id
""")
_CREDITS = text("""
    SELECT account_id, coalesce(paid.credits, 0) AS paid, coalesce(posted.credits, 0) AS posted
    FROM (
        SELECT account_id, sum(credits) AS credits FROM payments
        WHERE lot_id IS NOT NULL GROUP BY account_id
    ) AS paid
    FULL JOIN (
        SELECT account_id, sum(total) AS credits FROM credit_daily_totals
        WHERE transaction_type = 'purchase' GROUP BY account_id
    ) AS posted USING (account_id)
    WHERE paid.credits IS DISTINCT FROM posted.credits ORDER BY account_id
""")
_TAKEN = text("""
    SELECT p.id, p.credits_refunded, -coalesce(sum(t.amount), 0) AS taken
    FROM payments p LEFT JOIN credit_transactions t ON t.account_id = p.account_id
        AND t.lot_ids = ARRAY[p.lot_id] AND t.transaction_type = 'refund' AND t.reverses IS NULL
    GROUP BY p.id, p.credits_refunded HAVING p.credits_refunded <> -coalesce(sum(t.amount), 0) ORDER BY p.id
""")
_REFUNDED = text("""
    SELECT p.id, p.amount_refunded, sum(r.amount) AS refunds FROM payments p JOIN refunds r ON r.payment_id = p.id
    WHERE r.status <> 'failed' GROUP BY p.id, p.amount_refunded, p.amount
    HAVING p.amount_refunded < least(p.amount, sum(r.amount)) ORDER BY p.id
""")


def differences() -> Iterator[Difference]:
    """Every difference between payments, their documents and their credits, and every gap in numbers."""
    tenancy.set_every_account()
    for row in db.session.execute(_STATUSES):
        yield Difference(f"payment {row.id}", f"is {row.status}, its invoice is {row.invoice_status}")
    for row in db.session.execute(_CREDITS):
        yield Difference(f"account {row.account_id}", f"paid for {row.paid} credits, {row.posted} were added")
    for row in db.session.execute(_TAKEN):
        yield Difference(
            f"payment {row.id}", f"{row.credits_refunded} credits are recorded as taken back, {row.taken} were deducted"
        )
    for row in db.session.execute(_REFUNDED):
        yield Difference(
            f"payment {row.id}", f"{row.amount_refunded} is recorded as refunded, its refunds total {row.refunds}"
        )
    yield from document_audit.differences()
