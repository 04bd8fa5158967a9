"""Recomputes what work periods keep of their payments, and what payments hold on budgets."""

from collections.abc import Iterator

from sqlalchemy import text

from app.db.audit import Difference
from app.db.base import db
from app.money import plain

_DIFFERENT_TOTALS = text("""
    WITH sums AS (
        SELECT work_period_id,
            sum(days) FILTER (WHERE status IN ('scheduled', 'in-progress', 'completed')) AS days_paid,
            sum(amount) FILTER (WHERE status IN ('scheduled', 'in-progress', 'completed')) AS payment_total,
            count(*) FILTER (WHERE status IN ('scheduled', 'in-progress')) AS open_payments,
            count(*) FILTER (WHERE status = 'completed') AS completed_payments
        FROM work_period_payments GROUP BY work_period_id
    )
    SELECT w.id, total.name, total.kept, coalesce(total.computed, 0) AS computed
    FROM work_periods w LEFT JOIN sums s ON s.work_period_id = w.id
    CROSS JOIN LATERAL (
        VALUES ('daysPaid', CAST(w.days_paid AS numeric), CAST(s.days_paid AS numeric)),
            ('paymentTotal', w.payment_total, s.payment_total),
            ('open payments', w.open_payments, s.open_payments),
            ('completed payments', w.completed_payments, s.completed_payments)
    ) AS total (name, kept, computed)
    WHERE total.kept <> coalesce(total.computed, 0) ORDER BY w.id, total.name
""")
_DIFFERENT_HOLDS = text("""
    SELECT coalesce(CAST(p.id AS text), l.external_id) AS id, p.status, p.amount, l.kind, l.amount AS held
    FROM (
        SELECT *, CASE WHEN status = 'completed' THEN 'consumed' ELSE 'locked' END AS kind
        FROM work_period_payments WHERE status IN ('scheduled', 'in-progress', 'completed')
    ) AS p
    FULL JOIN (SELECT * FROM budget_lines WHERE external_type = 'WORK_PERIOD_PAYMENT') AS l
        ON l.external_id = CAST(p.id AS text) AND l.billing_account_id = p.billing_account_id
    WHERE (p.kind, p.amount) IS DISTINCT FROM (l.kind, l.amount) ORDER BY 1
""")


def differences() -> Iterator[Difference]:
    """Every period total that differs from its payments, and every payment that holds another amount than its own."""
    for row in db.session.execute(_DIFFERENT_TOTALS):
        problem = f"{row.name} is kept as {plain(row.kept)}, its payments make {plain(row.computed)}"
        yield Difference(f"work period {row.id}", problem)
    for row in db.session.execute(_DIFFERENT_HOLDS):
        held = "nothing" if row.held is None else f"{plain(row.held)} {row.kind}"
        due = "no active payment" if row.amount is None else f"{row.status} with {plain(row.amount)}"
        yield Difference(f"work period payment {row.id}", f"reserves {held}, but is {due}")
