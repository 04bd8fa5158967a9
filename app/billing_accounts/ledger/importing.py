"""Budgets and budget lines of a previous system, merged by the thousand.

They are taken as they are: the budget rule binds new operations only. Lines and totals move together, with the locks in
the order of all operations: budgets by account id, then lines. What was changed here since it was imported is kept.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import IO, NamedTuple

from sqlalchemy import TextClause, text

from app.audit import cause
from app.billing_accounts.ledger import expiry, journal
from app.billing_accounts.models import Kind
from app.clock import utc_now
from app.db.base import db
from app.db.staging import Merged, by_index, learn_size, stage
from app.money import ZERO

LINE_COLUMNS = {"account_id": "integer", "challenge_id": "text", "kind": "text", "amount": "numeric"}

_NO_ACCOUNT = (
    "FROM staged_lines AS line WHERE NOT EXISTS (SELECT FROM budgets WHERE billing_account_id = line.account_id)"
)
# In the order of the files, so that original texts are read in sequence.
_WITHOUT_ACCOUNT = text(f"SELECT position {_NO_ACCOUNT} ORDER BY position")
_DROP_WITHOUT_ACCOUNT = text(f"DELETE {_NO_ACCOUNT}")
# A challenge whose lock was released here has no line any more, and is to have none.
# One that is both locked and consumed was changed here, and so is every one that expires: what is due counts as gone,
# and is once the budgets are locked.
_FIND_CHANGES = text("""
    CREATE TEMP TABLE changed_lines ON COMMIT DROP AS
    SELECT staged.account_id, staged.challenge_id, staged.kind, staged.amount,
        known.line_id, coalesce(known.line_id, uuidv7()) AS entry_id, known.old_kind, known.old_amount,
        CASE WHEN known.line_id IS NULL THEN released.external_id IS NOT NULL ELSE known.as_imported IS NOT TRUE END
            AS kept
    FROM staged_lines AS staged
    LEFT JOIN budget_lines AS lock
        ON lock.billing_account_id = staged.account_id AND lock.external_type = 'CHALLENGE' AND lock.kind = 'locked'
        AND lock.external_id = staged.challenge_id AND (lock.expires_at IS NULL OR lock.expires_at > :now)
    LEFT JOIN budget_lines AS consumed
        ON consumed.billing_account_id = staged.account_id AND consumed.external_type = 'CHALLENGE'
        AND consumed.kind = 'consumed' AND consumed.external_id = staged.challenge_id
    CROSS JOIN LATERAL (
        SELECT coalesce(consumed.id, lock.id) AS line_id, coalesce(consumed.kind, lock.kind) AS old_kind,
            coalesce(consumed.amount, lock.amount) AS old_amount,
            coalesce(consumed.as_imported, lock.as_imported) AND (consumed.id IS NULL OR lock.id IS NULL) AS as_imported
    ) AS known
    LEFT JOIN released_lines AS released
        ON released.billing_account_id = staged.account_id AND released.external_id = staged.challenge_id
    WHERE (known.old_kind, known.old_amount)
        IS DISTINCT FROM (staged.kind, CASE WHEN staged.kind IS NOT NULL THEN staged.amount END)
""")
_FORGET_CHANGES = text("DROP TABLE changed_lines")
_LOCK_IN_ORDER = """
    SELECT FROM budgets WHERE billing_account_id IN ({account_ids}) ORDER BY billing_account_id FOR NO KEY UPDATE
"""
_OF_LINES = "SELECT account_id FROM changed_lines WHERE NOT kept"
_OF_ACCOUNTS = "SELECT id FROM changed_accounts"
_LOCK_OF_LINES = text(_LOCK_IN_ORDER.format(account_ids=_OF_LINES))
_LOCK_OF_ACCOUNTS = text(_LOCK_IN_ORDER.format(account_ids=_OF_ACCOUNTS))
_ADD_BUDGETS = text(
    journal.open_from("FROM resolved_accounts WHERE is_new ORDER BY id", "id", "budget", also="as_imported")
)
_CHANGED_BUDGETS = journal.post(
    "resolved_accounts AS final",
    "billing_account_id = final.id AND NOT is_new AND budget_differs",
    kind="'imported'",
    budget_delta="final.budget - budgets.amount",
)
_CHANGE_BUDGETS = text(f"WITH {_CHANGED_BUDGETS} SELECT count(*) FROM moved")
_ADD = text("""
    INSERT INTO budget_lines
        (id, billing_account_id, kind, external_type, external_id, amount, date, created_at, consumed_at, as_imported)
    SELECT entry_id, account_id, kind, 'CHALLENGE', challenge_id, amount, :now, :now,
        CASE kind WHEN 'consumed' THEN CAST(:now AS timestamptz) END, true
    FROM changed_lines WHERE line_id IS NULL AND NOT kept
""")
_REPLACE_AND_REMOVE = text("""
    WITH replaced AS (
        UPDATE budget_lines AS known SET kind = changed.kind, amount = changed.amount, date = :now,
            consumed_at = CASE changed.kind WHEN 'consumed' THEN coalesce(known.consumed_at, :now) END
        FROM changed_lines AS changed
        WHERE known.id = changed.line_id AND known.billing_account_id = changed.account_id
            AND changed.kind IS NOT NULL AND NOT changed.kept
    )
    DELETE FROM budget_lines AS known USING changed_lines AS changed
    WHERE known.id = changed.line_id AND known.billing_account_id = changed.account_id
        AND changed.kind IS NULL AND NOT changed.kept
""")
# One movement for each line, in the order of the references; what the locked budget was before them all is what they
# add to.
_MOVE_TOTALS = text(f"""
    WITH change AS MATERIALIZED (
        SELECT account_id, challenge_id, entry_id,
            CASE kind WHEN 'locked' THEN amount ELSE 0 END - CASE old_kind WHEN 'locked' THEN old_amount ELSE 0 END
                AS locked,
            CASE kind WHEN 'consumed' THEN amount ELSE 0 END
                - CASE old_kind WHEN 'consumed' THEN old_amount ELSE 0 END AS consumed
        FROM changed_lines WHERE NOT kept
    ), numbered AS (
        SELECT account_id AS billing_account_id, movements + row_number() OVER so_far AS position,
            greatest(moved_at, :now) AS at, 'imported' AS kind, entry_id, 'CHALLENGE' AS external_type,
            challenge_id AS external_id, NULL AS external_name, change.locked AS locked_delta,
            change.consumed AS consumed_delta, budget.amount AS budget_after,
            budget.locked + sum(change.locked) OVER so_far AS locked_after,
            budget.consumed + sum(change.consumed) OVER so_far AS consumed_after, budget.head
        FROM change JOIN budgets AS budget ON billing_account_id = account_id
        WINDOW so_far AS (PARTITION BY account_id ORDER BY challenge_id ROWS UNBOUNDED PRECEDING)
    ), {journal.post_numbered()} SELECT
""")
_COUNTS = text("""
    SELECT count(*) FILTER (WHERE line_id IS NULL AND NOT kept) AS created,
        count(*) FILTER (WHERE line_id IS NOT NULL AND NOT kept) AS updated, count(*) FILTER (WHERE kept) AS kept
    FROM changed_lines
""")
_STAGED_AMOUNTS = text("SELECT kind, sum(amount) AS amount FROM staged_lines WHERE kind IS NOT NULL GROUP BY kind")
_AMOUNTS_WITHOUT_ACCOUNT = text(f"SELECT kind, sum(amount) AS amount {_NO_ACCOUNT} AND kind IS NOT NULL GROUP BY kind")
_KEPT_AMOUNTS = text(
    "SELECT kind, sum(amount) AS amount FROM changed_lines WHERE kept AND kind IS NOT NULL GROUP BY kind",
)
_CHANGED_AMOUNTS = text("SELECT kind, sum(amount) AS amount FROM changed_lines WHERE kind IS NOT NULL GROUP BY kind")
# Of what was written, as it stands now.
_STANDING_AMOUNTS = text("""
    SELECT changed.kind, sum(changed.amount) AS amount
    FROM changed_lines AS changed JOIN budget_lines AS known
        ON known.billing_account_id = changed.account_id AND known.external_type = 'CHALLENGE'
        AND known.external_id = changed.challenge_id
    WHERE NOT changed.kept AND known.kind = changed.kind AND known.amount = changed.amount
    GROUP BY changed.kind
""")


class Amounts(NamedTuple):
    """What staged rows amount to, and of that what is now in the books and what was kept as it was changed here."""

    staged: Decimal
    loaded: Decimal
    kept: Decimal


def lock_budgets(now: datetime) -> None:
    """Lock the budgets of the staged `changed_accounts`, in the order of their ids, and post what is due of them."""
    db.session.execute(_LOCK_OF_ACCOUNTS)
    expiry.post_selected(_OF_ACCOUNTS, now)


def add_budgets(now: datetime) -> None:
    """Give the new ones of the staged `resolved_accounts` their budgets."""
    db.session.execute(_ADD_BUDGETS, {"now": now, **cause.current()})


def change_budgets(now: datetime) -> None:
    """Give the others of the staged `resolved_accounts`, whose budgets are locked, the amounts that differ."""
    db.session.execute(_CHANGE_BUDGETS, {"now": now, **cause.current()})


def stage_lines(lines: IO[bytes]) -> int:
    """Stage the CSV `lines` of LINE_COLUMNS for `merge_lines`; the number of distinct challenges per account."""
    return stage("staged_lines", LINE_COLUMNS, ["account_id", "challenge_id"], lines)


def drop_lines_without_account() -> Iterator[int]:
    """Take back the staged lines whose account does not exist; the position of each among those staged."""
    yield from db.session.execute(_WITHOUT_ACCOUNT, execution_options={"yield_per": 1000}).scalars()
    db.session.execute(_DROP_WITHOUT_ACCOUNT)


def amounts_without_account() -> dict[Kind, Decimal]:
    """What the staged lines amount to whose account does not exist."""
    return _by_kind(_AMOUNTS_WITHOUT_ACCOUNT)


def merge_lines(staged: int) -> Merged:
    """Make each staged challenge's line what it says, removing it where `kind` is null, and move the totals."""
    now = utc_now()
    db.session.execute(_FIND_CHANGES, {"now": now})
    created, updated, kept = db.session.execute(_COUNTS).one()
    if created or updated:
        db.session.execute(_LOCK_OF_LINES)
        expiry.post_selected(_OF_LINES, now)
        # Read anew: from here on no one else changes these lines, but someone may have done so until now.
        db.session.execute(_FORGET_CHANGES)
        db.session.execute(_FIND_CHANGES, {"now": now})
        _write(now)
        created, updated, kept = db.session.execute(_COUNTS).one()
    return Merged(created, updated, staged - created - updated - kept, kept)


def merged_amounts() -> dict[Kind, Amounts]:
    """By kind, what the lines of the last `merge_lines` amount to and what became of it."""
    staged, kept, changed = _by_kind(_STAGED_AMOUNTS), _by_kind(_KEPT_AMOUNTS), _by_kind(_CHANGED_AMOUNTS)
    standing = _by_kind(_STANDING_AMOUNTS)
    return {kind: Amounts(staged[kind], staged[kind] - changed[kind] + standing[kind], kept[kind]) for kind in Kind}


def _write(now: datetime) -> None:
    db.session.execute(_REPLACE_AND_REMOVE, {"now": now})
    learn_size("budgets", "billing_account_id")
    with by_index():
        db.session.execute(_ADD, {"now": now})
    db.session.execute(_MOVE_TOTALS, {"now": now, **cause.current()})


def _by_kind(statement: TextClause) -> dict[Kind, Decimal]:
    found = {row.kind: row.amount for row in db.session.execute(statement)}
    return {kind: found.get(kind, ZERO) for kind in Kind}
