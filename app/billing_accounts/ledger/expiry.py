"""Locks that expire: each at its own instant, no matter who finds it.

The next write of an account posts all that fell due before anything else; until then reads count it
(`app.billing_accounts.due`). `budgets.next_expiry` says when that is, so a write whose locks are not due yet, or that
has none with an expiry, does nothing further. The time of an account is that of the clock, or that of its last movement
if that is later: it never goes back, so a lock that expired stays so.

Text: lines that go, movements and totals are written at once, of many accounts as of one.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import text

from app import origin
from app.audit import cause
from app.billing_accounts.ledger import journal
from app.db.base import db
from app.db.fast.prepared import Prepared
from app.origin import COMMAND, SERVICE, Origin

_CAUSE = Origin(SERVICE, COMMAND, "expiry")
# What a statement refuses an account for of which something is to be posted before it.
DUE = "due"


def now_of(budget: str) -> str:
    """The time of an account as SQL, at `:now`; `budget` is its row."""
    return f"greatest(CAST(:now AS timestamptz), {budget}.moved_at)"


def is_due(budget: str) -> str:
    """The condition that something of an account is to be posted first, as SQL."""
    return f"coalesce({budget}.next_expiry <= {now_of(budget)}, false)"


def locked(budget: str) -> str:
    """What an account has locked, without what is due, as SQL."""
    return f"""
        {budget}.locked - CASE WHEN {is_due(budget)} THEN (
            SELECT sum(amount) FROM budget_lines
            WHERE billing_account_id = {budget}.billing_account_id AND expires_at <= {now_of(budget)}
        ) ELSE 0 END
    """


# When the first lock of an account expires that is not due: of one looked up by the index, of many by one join.
_NEXT_OF_FEW = {
    "also": f"""
        , next_expiry = (
            SELECT min(expires_at) FROM budget_lines AS line
            WHERE line.billing_account_id = budgets.billing_account_id AND expires_at > {now_of("budgets")}
        )
    """
}
_NEXT_OF_MANY = {
    "also": ", next_expiry = later.expires_at",
    "joined": f"""
        LEFT JOIN (
            SELECT line.billing_account_id, min(line.expires_at) AS expires_at
            FROM budget_lines AS line JOIN budgets AS budget ON budget.billing_account_id = line.billing_account_id
            WHERE line.expires_at > {now_of("budget")}
                AND line.billing_account_id IN (SELECT billing_account_id FROM due)
            GROUP BY line.billing_account_id
        ) AS later ON later.billing_account_id = last.billing_account_id
    """,
}


def _post(accounts: str, next_expiry: Mapping[str, str]) -> str:
    """The statement that posts what is due of the accounts whose ids `accounts` selects, all of them locked."""
    return f"""
        WITH due AS (
            SELECT line.id, line.billing_account_id, external_type, external_id, external_name, line.amount, expires_at,
                line.as_imported IS NOT NULL OR budget.as_imported IS NOT NULL AS is_imported, budget.movements,
                budget.moved_at, budget.amount AS budget, budget.locked, budget.consumed, budget.head
            FROM budgets AS budget JOIN budget_lines AS line
                ON line.billing_account_id = budget.billing_account_id AND expires_at <= {now_of("budget")}
            WHERE budget.billing_account_id IN ({accounts}) AND {is_due("budget")}
        ), gone AS (
            DELETE FROM budget_lines AS line USING due
            WHERE line.id = due.id AND line.billing_account_id = due.billing_account_id
        ), remembered AS (
            INSERT INTO released_lines (billing_account_id, external_id)
            SELECT billing_account_id, external_id FROM due WHERE is_imported
            ON CONFLICT DO NOTHING
        ), numbered AS (
            SELECT billing_account_id, movements + row_number() OVER in_order AS position,
                greatest(moved_at, expires_at) AS at, 'expired' AS kind, id AS entry_id, external_type, external_id,
                external_name, -amount AS locked_delta, 0 AS consumed_delta, budget AS budget_after,
                locked - sum(amount) OVER in_order AS locked_after, consumed AS consumed_after, head
            FROM due
            WINDOW in_order AS (PARTITION BY billing_account_id ORDER BY expires_at, id ROWS UNBOUNDED PRECEDING)
        ), {journal.post_numbered(**next_expiry)} SELECT
    """


POST = Prepared(f"""
    SELECT FROM budgets
    WHERE billing_account_id = ANY(:account_ids) ORDER BY billing_account_id FOR NO KEY UPDATE;
    {_post("SELECT unnest(CAST(:account_ids AS int[]))", _NEXT_OF_FEW)}
""")


def post(account_ids: Collection[int], now: datetime) -> None:
    """Post what is due of the accounts, whose budgets it locks until the transaction ends."""
    db.session.execute(POST, {"account_ids": sorted(account_ids), **caused(now)})


def post_selected(accounts: str, now: datetime) -> None:
    """Post what is due of the accounts whose ids the SQL `accounts` selects; their budgets are locked."""
    db.session.execute(text(_post(accounts, _NEXT_OF_MANY)), caused(now))


def caused(now: datetime) -> dict[str, Any]:
    """The values of what is posted: the service itself causes it."""
    with origin.acting(_CAUSE):
        return {"now": now, **cause.current()}
