"""Checks that payments, invoices, their numbers and the credits they brought agree."""

from collections.abc import Iterator

from sqlalchemy import text

from app.db import tenancy
from app.db.audit import Difference
from app.db.base import db

_STATUSES = text("""
    SELECT p.id, p.status, i.status AS invoice_status FROM payments p JOIN invoices i ON i.id = p.invoice_id
    WHERE i.status <> CASE p.status
        WHEN 'succeeded' THEN 'paid' WHEN 'refunding' THEN 'paid' WHEN 'refunded' THEN 'refunded'
        WHEN 'cancelled' THEN 'void' ELSE 'pending' END
    ORDER BY p.id
""")
_CREDITS = text("""
    SELECT account_id, coalesce(paid.credits, 0) AS paid, coalesce(posted.credits, 0) AS posted
    FROM (
        SELECT account_id, sum(credits) AS credits FROM payments
        WHERE status IN ('succeeded', 'refunding', 'refunded') GROUP BY account_id
    ) AS paid
    FULL JOIN (
        SELECT account_id, sum(total) AS credits FROM credit_daily_totals
        WHERE transaction_type = 'purchase' GROUP BY account_id
    ) AS posted USING (account_id)
    WHERE paid.credits IS DISTINCT FROM posted.credits ORDER BY account_id
""")
_NUMBERS = text("""
    SELECT year, coalesce(counter.last, 0) AS last, coalesce(made.invoices, 0) AS invoices
    FROM invoice_counters AS counter FULL JOIN (
        SELECT CAST(split_part(invoice_number, '-', 2) AS int) AS year, count(*) AS invoices
        FROM invoices GROUP BY 1
    ) AS made USING (year)
    WHERE counter.last IS DISTINCT FROM made.invoices ORDER BY year
""")


def differences() -> Iterator[Difference]:
    """Every payment whose invoice says otherwise, credits without a payment or not arrived, and gaps in the numbers."""
    tenancy.see_every_account()
    for row in db.session.execute(_STATUSES):
        yield Difference(f"payment {row.id}", f"is {row.status}, its invoice is {row.invoice_status}")
    for row in db.session.execute(_CREDITS):
        yield Difference(f"account {row.account_id}", f"paid for {row.paid} credits, {row.posted} arrived")
    for row in db.session.execute(_NUMBERS):
        yield Difference(f"invoices of {row.year}", f"{row.last} numbers were given, there are {row.invoices} invoices")
