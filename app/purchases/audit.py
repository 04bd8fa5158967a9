"""Checks that payments, invoices, credit notes, their numbers and credits agree."""

from collections.abc import Iterator

from sqlalchemy import text

from app import tenancy
from app.db.audit import Difference
from app.db.base import db
from app.purchases import document_audit, states

# Pending refunds do not count as returned. When all that was received went back, the whole invoice is credited.
_STATUSES = text("""
    SELECT p.id, p.status, coalesce(i.status, 'missing') AS invoice_status
    FROM payments p LEFT JOIN invoices i ON i.account_id = p.account_id AND i.id = p.invoice_id
    LEFT JOIN (
        SELECT account_id, payment_id, sum(amount) AS amount FROM refunds
        WHERE status = 'pending' GROUP BY account_id, payment_id
    ) AS pending ON pending.account_id = p.account_id AND pending.payment_id = p.id
    CROSS JOIN LATERAL (
        SELECT p.amount_refunded - coalesce(pending.amount, 0) + p.amount_charged_back AS amount
    ) AS gone
    CROSS JOIN LATERAL (
        SELECT CASE WHEN gone.amount < least(p.amount, p.received_amount) THEN gone.amount ELSE p.amount END AS amount
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
# What was claimed of a lot was taken, or is owed or debt.
_TAKEN = text("""
    SELECT p.id, p.credits_refunded, lot.owed + lot.debt - coalesce(t.amount, 0) AS taken
    FROM payments p JOIN credit_lots AS lot ON lot.account_id = p.account_id AND lot.id = p.lot_id
    LEFT JOIN (
        SELECT account_id, lot_ids, sum(amount) AS amount FROM credit_transactions
        WHERE transaction_type IN ('refund', 'chargeback') AND reverses IS NULL GROUP BY account_id, lot_ids
    ) AS t ON t.account_id = p.account_id AND t.lot_ids = ARRAY[p.lot_id]
    WHERE p.credits_refunded <> lot.owed + lot.debt - coalesce(t.amount, 0) ORDER BY p.id
""")
# Totals and status of a payment follow from its refunds and disputes.
_RETURNED = text(f"""
    SELECT * FROM (
        SELECT id, status, CAST(kept AS text) AS kept, CAST(made AS text) AS made, kept <> made AS differs,
            CASE WHEN lot_id IS NULL THEN status ELSE {states.STATUS.sql} END AS follows
        FROM (
            SELECT p.id, p.status, p.lot_id, least(p.amount, p.received_amount) AS amount, totals.*,
                ARRAY[p.amount_refunded, p.amount_disputed, p.amount_charged_back, p.credits_refunded] AS kept,
                ARRAY[totals.refunded, totals.disputed, totals.charged_back, totals.credits] AS made
            FROM payments p LEFT JOIN (
                SELECT account_id, payment_id, sum(amount) FILTER (WHERE status <> 'failed') AS refunded,
                    sum(amount) FILTER (WHERE status = 'pending') AS refunding,
                    sum(credits) FILTER (WHERE status <> 'failed') AS credits
                FROM refunds GROUP BY account_id, payment_id
            ) AS r ON r.account_id = p.account_id AND r.payment_id = p.id LEFT JOIN (
                SELECT account_id, payment_id, sum(amount) FILTER (WHERE status = 'open') AS disputed,
                    sum(amount) FILTER (WHERE status = 'lost') AS charged_back, sum(credits) AS credits
                FROM disputes GROUP BY account_id, payment_id
            ) AS d ON d.account_id = p.account_id AND d.payment_id = p.id
            CROSS JOIN LATERAL (
                SELECT least(p.amount, coalesce(r.refunded, 0)) AS refunded, coalesce(r.refunding, 0) AS refunding,
                    least(p.amount, coalesce(d.disputed, 0)) AS disputed,
                    least(p.amount, coalesce(d.charged_back, 0)) AS charged_back,
                    coalesce(r.credits, 0) + coalesce(d.credits, 0) AS credits
            ) AS totals
        ) AS returned
    ) AS returned
    WHERE differs OR status <> follows ORDER BY id
""")
_FROZEN = text("""
    SELECT p.id, lot.frozen, coalesce(sum(d.frozen), 0) AS disputes
    FROM payments p JOIN credit_lots AS lot ON lot.account_id = p.account_id AND lot.id = p.lot_id
    LEFT JOIN disputes d ON d.account_id = p.account_id AND d.payment_id = p.id
    GROUP BY p.id, lot.frozen HAVING lot.frozen <> coalesce(sum(d.frozen), 0) ORDER BY p.id
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
            f"payment {row.id}", f"{row.credits_refunded} credits are recorded as taken back, {row.taken} were claimed"
        )
    for row in db.session.execute(_RETURNED):
        kept, made = f"{row.status} {row.kept}", f"{row.follows} {row.made}"
        yield Difference(f"payment {row.id}", f"is recorded as {kept}, its refunds and disputes make it {made}")
    for row in db.session.execute(_FROZEN):
        yield Difference(f"payment {row.id}", f"{row.frozen} of its credits are frozen, disputes freeze {row.disputes}")
    yield from document_audit.differences()
