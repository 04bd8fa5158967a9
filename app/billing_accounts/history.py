"""Accounts, budget lines and grants of a previous system, merged by the thousand.

History is taken as it is: the budget rule binds new operations only. Lines and totals move together here as in
`ledger`, with the locks in the same order: budgets by account id, then lines.
"""

from collections.abc import Iterator
from typing import IO

from sqlalchemy import text

from app.clock import utc_now
from app.db.base import db
from app.db.staging import Merged, stage

ACCOUNT_COLUMNS = {
    "id": "integer",
    "name": "text",
    "status": "text",
    "client_id": "text",
    "budget": "numeric",
    "sales_tax": "numeric",
    "po_number": "text",
    "payment_terms": "text",
    "description": "text",
    "subscription_number": "text",
    "is_manual_prize": "boolean",
    "billable": "boolean",
    "start_date": "timestamptz",
    "end_date": "timestamptz",
    "created_by": "text",
}
LINE_COLUMNS = {"account_id": "integer", "challenge_id": "text", "kind": "text", "amount": "numeric", "raw": "text"}

_OWN = [name for name in ACCOUNT_COLUMNS if name not in {"id", "budget", "created_by"}]
_OWN_NAMES = ", ".join(_OWN)
# Never backwards, and before the rows come: an account created meanwhile must not take one of their ids.
_RAISE_SEQUENCE = text("""
    SELECT setval(pg_get_serial_sequence('billing_accounts', 'id'), staged.highest)
    FROM (SELECT max(id) AS highest FROM staged_accounts) AS staged, billing_accounts_id_seq AS sequence
    WHERE staged.highest > sequence.last_value
""")
_USE_DEFAULT_CLIENT = text("""
    UPDATE staged_accounts SET client_id = :default_client_id
    WHERE client_id IS NULL OR NOT EXISTS (SELECT FROM clients WHERE clients.id = staged_accounts.client_id)
""")
_LACK_CLIENT = text("""
    SELECT EXISTS (
        SELECT FROM staged_accounts
        WHERE client_id IS NULL OR NOT EXISTS (SELECT FROM clients WHERE clients.id = staged_accounts.client_id)
    )
""")
_KNOWN, _STAGED = (", ".join(f"{table}.{name}" for name in _OWN) for table in ("known", "staged"))
# What is as it should be is left out by a join, so that importing the same again writes nothing and locks nothing.
_MERGE_ACCOUNTS = text(f"""
    WITH account AS (
        INSERT INTO billing_accounts AS known (id, {_OWN_NAMES}, markup, created_by, created_at, updated_at)
        SELECT staged.id, {_STAGED}, 0, staged.created_by, :now, :now
        FROM staged_accounts AS staged LEFT JOIN billing_accounts AS known USING (id)
        WHERE known.id IS NULL OR ({_KNOWN}) IS DISTINCT FROM ({_STAGED}) ORDER BY staged.id
        ON CONFLICT (id) DO UPDATE SET
            {", ".join(f"{name} = excluded.{name}" for name in _OWN)}, updated_at = excluded.updated_at
        RETURNING new.id, old.id IS NULL AS created
    ), budget AS (
        INSERT INTO budgets AS known (billing_account_id, amount)
        SELECT staged.id, staged.budget
        FROM staged_accounts AS staged LEFT JOIN budgets AS known ON known.billing_account_id = staged.id
        WHERE known.amount IS DISTINCT FROM staged.budget ORDER BY staged.id
        ON CONFLICT (billing_account_id) DO UPDATE SET amount = excluded.amount
        RETURNING new.billing_account_id AS id
    )
    SELECT count(*) FILTER (WHERE created) AS created, count(*) FILTER (WHERE created IS NOT TRUE) AS updated
    FROM account FULL JOIN budget USING (id)
""")
_NO_ACCOUNT = (
    "FROM staged_lines AS line WHERE NOT EXISTS (SELECT FROM budgets WHERE billing_account_id = line.account_id)"
)
_WITHOUT_ACCOUNT = text(f"SELECT raw {_NO_ACCOUNT}")
_DROP_WITHOUT_ACCOUNT = text(f"DELETE {_NO_ACCOUNT}")
_FIND_CHANGES = text("""
    CREATE TEMP TABLE changed_lines ON COMMIT DROP AS
    SELECT staged.account_id, staged.challenge_id, staged.kind, staged.amount
    FROM staged_lines AS staged LEFT JOIN budget_lines AS known
        ON known.billing_account_id = staged.account_id AND known.external_type = 'CHALLENGE'
        AND known.external_id = staged.challenge_id
    WHERE (known.kind, known.amount)
        IS DISTINCT FROM (staged.kind, CASE WHEN staged.kind IS NOT NULL THEN staged.amount END)
""")
_LOCK_BUDGETS = text("""
    SELECT FROM budgets WHERE billing_account_id IN (SELECT account_id FROM changed_lines)
    ORDER BY billing_account_id FOR NO KEY UPDATE
""")
_MERGE_LINES = text("""
    WITH added AS (
        INSERT INTO budget_lines (billing_account_id, kind, external_type, external_id, amount, date)
        SELECT account_id, kind, 'CHALLENGE', challenge_id, amount, :now
        FROM changed_lines AS changed
        WHERE kind IS NOT NULL AND NOT EXISTS (
            SELECT FROM budget_lines AS known
            WHERE known.billing_account_id = changed.account_id AND known.external_type = 'CHALLENGE'
                AND known.external_id = changed.challenge_id
        )
        RETURNING billing_account_id, kind, amount, CAST(NULL AS text) AS old_kind, CAST(NULL AS numeric) AS old_amount
    ), replaced AS (
        UPDATE budget_lines AS known SET kind = changed.kind, amount = changed.amount, date = :now
        FROM changed_lines AS changed
        WHERE changed.kind IS NOT NULL AND known.billing_account_id = changed.account_id
            AND known.external_type = 'CHALLENGE' AND known.external_id = changed.challenge_id
        RETURNING known.billing_account_id, new.kind, new.amount, old.kind, old.amount
    ), removed AS (
        DELETE FROM budget_lines AS known USING changed_lines AS changed
        WHERE changed.kind IS NULL AND known.billing_account_id = changed.account_id
            AND known.external_type = 'CHALLENGE' AND known.external_id = changed.challenge_id
        RETURNING known.billing_account_id, NULL, CAST(NULL AS numeric), known.kind, known.amount
    ), moved AS (
        SELECT billing_account_id,
            coalesce(sum(amount) FILTER (WHERE kind = 'locked'), 0)
                - coalesce(sum(old_amount) FILTER (WHERE old_kind = 'locked'), 0) AS locked,
            coalesce(sum(amount) FILTER (WHERE kind = 'consumed'), 0)
                - coalesce(sum(old_amount) FILTER (WHERE old_kind = 'consumed'), 0) AS consumed,
            count(*) FILTER (WHERE old_kind IS NULL) AS created,
            count(*) FILTER (WHERE old_kind IS NOT NULL) AS updated
        FROM (TABLE added UNION ALL TABLE replaced UNION ALL TABLE removed) AS change
        GROUP BY billing_account_id
    ), totals AS (
        UPDATE budgets SET locked = budgets.locked + moved.locked, consumed = budgets.consumed + moved.consumed
        FROM moved WHERE budgets.billing_account_id = moved.billing_account_id
    )
    SELECT coalesce(sum(created), 0) AS created, coalesce(sum(updated), 0) AS updated FROM moved
""")


def stage_accounts(lines: IO[bytes]) -> int:
    """Stage the CSV `lines` of ACCOUNT_COLUMNS for `merge_accounts`; the number of distinct accounts."""
    return stage("staged_accounts", ACCOUNT_COLUMNS, ["id"], lines)


def lack_client() -> bool:
    """Whether a staged account names no client that there is."""
    return bool(db.session.execute(_LACK_CLIENT).scalar_one())


def merge_accounts(staged: int, default_client_id: str) -> Merged:
    """Create or update the staged accounts and their budgets.

    An account without a known client gets the default one, which must exist. A markup is 0 on creation and then left
    alone, as is `created_by`. The id sequence is kept ahead.
    """
    db.session.execute(_RAISE_SEQUENCE)
    db.session.execute(_USE_DEFAULT_CLIENT, {"default_client_id": default_client_id})
    created, updated = db.session.execute(_MERGE_ACCOUNTS, {"now": utc_now()}).one()
    return Merged(created, updated, staged - created - updated)


def stage_lines(lines: IO[bytes]) -> int:
    """Stage the CSV `lines` of LINE_COLUMNS for `merge_lines`; the number of distinct challenges per account."""
    return stage("staged_lines", LINE_COLUMNS, ["account_id", "challenge_id"], lines)


def drop_lines_without_account() -> Iterator[str]:
    """Take back the staged lines whose account does not exist; the `raw` text of each."""
    yield from db.session.execute(_WITHOUT_ACCOUNT, execution_options={"yield_per": 1000}).scalars()
    db.session.execute(_DROP_WITHOUT_ACCOUNT)


def merge_lines(staged: int) -> Merged:
    """Make each staged challenge's line what it says, removing it where `kind` is null, and move the totals."""
    db.session.execute(_FIND_CHANGES)
    # A statement of its own: from here on nobody else changes these lines, and the merge reads them as they are now.
    db.session.execute(_LOCK_BUDGETS)
    created, updated = db.session.execute(_MERGE_LINES, {"now": utc_now()}).one()
    return Merged(created, updated, staged - created - updated)
