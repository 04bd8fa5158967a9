"""Recomputes what the ledger keeps, from the lines it is kept of."""

from collections.abc import Iterator

from sqlalchemy import text

from app.db.audit import Difference
from app.db.base import db
from app.money import plain

_DIFFERENT_TOTALS = text("""
    WITH sums AS (
        SELECT billing_account_id,
            sum(amount) FILTER (WHERE kind = 'locked') AS locked,
            sum(amount) FILTER (WHERE kind = 'consumed') AS consumed
        FROM budget_lines GROUP BY billing_account_id
    ), compared AS (
        SELECT b.billing_account_id, total.name, total.kept, coalesce(total.computed, 0) AS computed
        FROM budgets b LEFT JOIN sums s USING (billing_account_id)
        CROSS JOIN LATERAL (
            VALUES ('locked', b.locked, s.locked), ('consumed', b.consumed, s.consumed)
        ) AS total (name, kept, computed)
    )
    SELECT * FROM compared WHERE kept <> computed ORDER BY billing_account_id, name
""")
_WITHOUT_BUDGET = text("""
    SELECT id FROM billing_accounts
    WHERE NOT EXISTS (SELECT FROM budgets WHERE budgets.billing_account_id = billing_accounts.id) ORDER BY id
""")


def differences() -> Iterator[Difference]:
    """Every budget total that differs from its lines, and every account without a budget."""
    for row in db.session.execute(_DIFFERENT_TOTALS):
        yield Difference(
            f"billing account {row.billing_account_id}",
            f"{row.name} is kept as {plain(row.kept)}, its lines make {plain(row.computed)}",
        )
    for row in db.session.execute(_WITHOUT_BUDGET):
        yield Difference(f"billing account {row.id}", "has no budget")
