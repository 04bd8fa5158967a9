"""Recomputes what the ledger keeps, from the lines it is kept of and from the movements that led there."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Row, text

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
# A lock that expired before the last movement should have been posted before that.
_DIFFERENT_EXPIRIES = text("""
    SELECT budget.billing_account_id, coalesce(CAST(next_expiry AS text), 'never') AS kept,
        coalesce(CAST(earliest AS text), 'never') AS computed, coalesce(earliest <= moved_at, false) AS is_late
    FROM budgets AS budget LEFT JOIN (
        SELECT billing_account_id, min(expires_at) AS earliest FROM budget_lines WHERE expires_at IS NOT NULL
        GROUP BY billing_account_id
    ) AS line USING (billing_account_id)
    WHERE next_expiry IS DISTINCT FROM earliest OR earliest <= moved_at
    ORDER BY billing_account_id
""")
_WITHOUT_BUDGET = text("""
    SELECT id FROM billing_accounts LEFT JOIN budgets ON billing_account_id = id
    WHERE billing_account_id IS NULL ORDER BY id
""")

# Each movement against the one before it. In the order of the primary key: nothing is sorted, and nothing kept.
_BROKEN_MOVEMENTS = text("""
    SELECT billing_account_id, position,
        CASE WHEN position <> nth THEN 'does not follow the one before it'
            WHEN at < at_before THEN 'is older than the one before it'
            ELSE 'does not come to what it says' END AS problem
    FROM (
        SELECT billing_account_id, position, at, row_number() OVER own AS nth, lag(at) OVER own AS at_before,
            (budget_after, locked_after, consumed_after) AS kept,
            (
                lag(budget_after, 1, CAST(0 AS numeric)) OVER own + budget_delta,
                lag(locked_after, 1, CAST(0 AS numeric)) OVER own + locked_delta,
                lag(consumed_after, 1, CAST(0 AS numeric)) OVER own + consumed_delta
            ) AS computed
        FROM budget_movements WINDOW own AS (PARTITION BY billing_account_id ORDER BY position)
    ) AS movement
    WHERE position <> nth OR at < at_before OR kept <> computed
    ORDER BY billing_account_id, position
""")
_DIFFERENT_BUDGETS = text("""
    SELECT budget.billing_account_id, total.name, coalesce(total.kept #>> '{}', 'nothing') AS kept,
        coalesce(total.computed #>> '{}', 'nothing') AS computed
    FROM budgets AS budget LEFT JOIN (
        SELECT billing_account_id, sum(budget_delta) AS amount, sum(locked_delta) AS locked,
            sum(consumed_delta) AS consumed, count(*) AS movements, max(at) AS moved_at
        FROM budget_movements GROUP BY billing_account_id
    ) AS fold USING (billing_account_id)
    CROSS JOIN LATERAL (
        VALUES ('amount', to_jsonb(trim_scale(budget.amount)), to_jsonb(trim_scale(fold.amount))),
            ('locked', to_jsonb(trim_scale(budget.locked)), to_jsonb(trim_scale(fold.locked))),
            ('consumed', to_jsonb(trim_scale(budget.consumed)), to_jsonb(trim_scale(fold.consumed))),
            ('movements', to_jsonb(budget.movements), to_jsonb(fold.movements)),
            ('moved_at', to_jsonb(budget.moved_at), to_jsonb(fold.moved_at))
    ) AS total (name, kept, computed)
    WHERE total.kept IS DISTINCT FROM total.computed
    ORDER BY billing_account_id, name
""")
_DIFFERENT_LINES = text("""
    SELECT billing_account_id, external_type, external_id, total.name, total.kept, total.computed
    FROM (
        SELECT billing_account_id, external_type, external_id,
            coalesce(sum(amount) FILTER (WHERE kind = 'locked'), 0) AS locked,
            coalesce(sum(amount) FILTER (WHERE kind = 'consumed'), 0) AS consumed
        FROM budget_lines GROUP BY billing_account_id, external_type, external_id
    ) AS line
    FULL JOIN (
        SELECT billing_account_id, external_type, external_id, sum(locked_delta) AS locked,
            sum(consumed_delta) AS consumed
        FROM budget_movements WHERE external_type IS NOT NULL
        GROUP BY billing_account_id, external_type, external_id
    ) AS fold USING (billing_account_id, external_type, external_id)
    CROSS JOIN LATERAL (
        VALUES ('locked', coalesce(line.locked, 0), coalesce(fold.locked, 0)),
            ('consumed', coalesce(line.consumed, 0), coalesce(fold.consumed, 0))
    ) AS total (name, kept, computed)
    WHERE total.kept <> total.computed
    ORDER BY billing_account_id, external_type, external_id, name
""")
_SUMS = text("""
    SELECT count(DISTINCT billing_account_id) AS budgets, count(*) AS movements,
        coalesce(sum(budget_delta), 0) AS budget, coalesce(sum(locked_delta), 0) AS locked,
        coalesce(sum(consumed_delta), 0) AS consumed
    FROM budget_movements
""")
# Results are read by the thousand: books may be wrong in many places.
_STREAMED = {"yield_per": 1000}


def differences() -> Iterator[Difference]:
    """Every budget or line that differs from its movements, and every budget that differs from its lines.

    Also every account without a budget or with a lock that should have expired, and every movement that does not follow
    from the one before it.
    """
    for row in db.session.execute(_DIFFERENT_TOTALS, execution_options=_STREAMED):
        yield Difference(
            _account(row), f"{row.name} is kept as {plain(row.kept)}, its lines make {plain(row.computed)}"
        )
    for row in db.session.execute(_DIFFERENT_EXPIRIES, execution_options=_STREAMED):
        problem = f"next_expiry is kept as {row.kept}, its lines make {row.computed}"
        yield Difference(_account(row), "reserves a lock that expired before" if row.is_late else problem)
    for row in db.session.execute(_WITHOUT_BUDGET, execution_options=_STREAMED):
        yield Difference(f"billing account {row.id}", "has no budget")
    for row in db.session.execute(_DIFFERENT_BUDGETS, execution_options=_STREAMED):
        yield Difference(_account(row), f"{row.name} is kept as {row.kept}, its movements make {row.computed}")
    for row in db.session.execute(_DIFFERENT_LINES, execution_options=_STREAMED):
        yield Difference(
            f"{_account(row)}, {row.external_type} {row.external_id}",
            f"{row.name} is kept as {plain(row.kept)}, its movements make {plain(row.computed)}",
        )
    for row in db.session.execute(_BROKEN_MOVEMENTS, execution_options=_STREAMED):
        yield Difference(f"{_account(row)}, movement {row.position}", row.problem)


def summary() -> str:
    """How many movements there are, and what they add up to."""
    sums = db.session.execute(_SUMS).one()
    return (
        f"{sums.budgets:,} budgets, {sums.movements:,} movements: budget {plain(sums.budget)}, "
        f"locked {plain(sums.locked)}, consumed {plain(sums.consumed)}."
    )


def _account(row: Row[Any]) -> str:
    return f"billing account {row.billing_account_id}"
