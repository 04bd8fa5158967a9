"""Locking, consuming and unlocking for one reference, each in one statement that decides and writes.

These statements are text: several CTEs decide, write and answer together, which Core would say no more clearly.
"""

from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Row

from app.audit import cause
from app.billing_accounts.ledger import journal, refusals, rule
from app.billing_accounts.models import ExternalType, Kind
from app.clock import utc_now
from app.db.base import db
from app.db.fast.prepared import Prepared
from app.errors import Reason


class Reference(NamedTuple):
    """What an amount is reserved for."""

    external_type: ExternalType
    external_id: str
    external_name: str | None = None


# Budgets are locked first; what is decided on is read by the next statement, once they are held. (A statement that
# locks and reads at once would look at the line its snapshot shows, which a concurrent request may have replaced.) Both
# are sent at once, and nothing is written unless all is: a refusal needs no rollback, the work no transaction.
# The budget is found by the parameter, never by joining on the line, so its primary key is always used.
_LOCK_BUDGET = "SELECT FROM budgets WHERE billing_account_id = :account_id FOR NO KEY UPDATE;"
_LINE_OF_REFERENCE = """
    billing_account_id = :account_id AND external_type = :external_type AND external_id = :external_id
        AND external_type <> 'ENGAGEMENT'
"""
_OF_LINE = {name: f"line.{name}" for name in ("external_type", "external_id", "external_name")}
_RESERVED = journal.post(
    "decision, written AS line",
    "budgets.billing_account_id = :account_id AND (locked_delta <> 0 OR consumed_delta <> 0)",
    at="asked_at",
    kind="asked_as",
    entry_id="line.id",
    **_OF_LINE,
    locked_delta="locked_delta",
    consumed_delta="consumed_delta",
)
_UNLOCKED = journal.post(
    "released AS line",
    "budgets.billing_account_id = :account_id",
    kind="'unlocked'",
    entry_id="line.id",
    **_OF_LINE,
    locked_delta="-line.amount",
)
RESERVE = Prepared(f"""
    {_LOCK_BUDGET}
    WITH line AS (
        SELECT kind, amount FROM budget_lines WHERE {_LINE_OF_REFERENCE}
    ), request AS (
        SELECT budget.remaining, account.status, coalesce(account.start_date, '-infinity') AS opens_at,
            coalesce(account.end_date, 'infinity') AS closes_at,
            line.kind AS held_as, coalesce(line.amount, 0) AS held,
            CAST(:kind AS text) AS asked_as, CAST(:amount AS numeric) AS asked,
            CAST(:now AS timestamptz) AS asked_at, CAST(:dates_enforced AS boolean) AS dates_enforced
        FROM budgets AS budget JOIN billing_accounts AS account ON account.id = budget.billing_account_id
        LEFT JOIN line ON true
        WHERE budget.billing_account_id = :account_id
    ), decision AS (
        SELECT *, {rule.REFUSAL.sql} AS refusal,
            CASE asked_as WHEN 'locked' THEN asked ELSE 0 END
                - CASE held_as WHEN 'locked' THEN held ELSE 0 END AS locked_delta,
            CASE asked_as WHEN 'consumed' THEN asked ELSE 0 END
                - CASE held_as WHEN 'consumed' THEN held ELSE 0 END AS consumed_delta
        FROM request
    ), written AS (
        INSERT INTO budget_lines AS line
            (billing_account_id, kind, external_type, external_id, external_name, amount, date, created_at, consumed_at)
        SELECT :account_id, asked_as, :external_type, :external_id, :external_name, asked, asked_at, asked_at,
            CASE asked_as WHEN 'consumed' THEN asked_at END
        FROM decision WHERE refusal IS NULL
        ON CONFLICT (billing_account_id, external_type, external_id) WHERE external_type <> 'ENGAGEMENT'
        DO UPDATE SET
            kind = excluded.kind,
            external_name = coalesce(excluded.external_name, line.external_name),
            amount = excluded.amount,
            date = excluded.date,
            consumed_at = CASE excluded.kind
                WHEN 'consumed' THEN coalesce(line.consumed_at, excluded.consumed_at) END,
            as_imported = CASE WHEN line.as_imported IS NOT NULL THEN false END
        RETURNING id, amount, date, created_at, consumed_at, external_type, external_id, external_name
    ), {_RESERVED}
    SELECT written.*, CASE external_type WHEN 'CHALLENGE' THEN external_id END AS challenge_id, refusal, held, remaining
    FROM decision LEFT JOIN written ON true
""")
UNLOCK = Prepared(f"""
    {_LOCK_BUDGET}
    WITH line AS (
        SELECT kind, amount FROM budget_lines WHERE {_LINE_OF_REFERENCE}
    ), released AS (
        DELETE FROM budget_lines WHERE {_LINE_OF_REFERENCE} AND kind = 'locked'
        RETURNING id, billing_account_id, external_type, external_id, external_name, amount, as_imported
    ), remembered AS (
        INSERT INTO released_lines (billing_account_id, external_id)
        SELECT released.billing_account_id, external_id FROM released, budgets AS budget
        WHERE budget.billing_account_id = :account_id
            AND (released.as_imported IS NOT NULL OR budget.as_imported IS NOT NULL)
        ON CONFLICT DO NOTHING
    ), {_UNLOCKED}
    SELECT line.kind AS held_as FROM budgets LEFT JOIN line ON true WHERE billing_account_id = :account_id
""")


def set_lock(account_id: int, reference: Reference, amount: Decimal) -> Row[Any] | None:
    """Lock `amount` for the reference, as `lock` does; 0 releases it, and then there is no line."""
    if amount == 0:
        unlock(account_id, reference)
        return None
    return lock(account_id, reference, amount)


def lock(account_id: int, reference: Reference, amount: Decimal) -> Row[Any]:
    """Lock `amount` for the reference, in place of what it has locked; the line.

    Raises NotFound, Conflict (already consumed, account inactive or not current) or Invalid (insufficient funds).
    """
    return _reserve(account_id, Kind.LOCKED, reference, amount)


def consume(account_id: int, reference: Reference, amount: Decimal) -> Row[Any]:
    """Consume `amount` for the reference; the line.

    A challenge's line, locked or consumed, becomes this one; an engagement gets one more. Raises NotFound, Conflict
    (account inactive or not current) or Invalid (insufficient funds).
    """
    return _reserve(account_id, Kind.CONSUMED, reference, amount)


def unlock(account_id: int, reference: Reference) -> None:
    """Release what the reference has locked, if anything. Raises NotFound, and Conflict when it was consumed."""
    parameters = {
        "account_id": account_id,
        "now": utc_now(),
        **reference._asdict(),
        **cause.current(),
    }
    found = db.session.execute(UNLOCK, parameters).one_or_none()
    if found is None:
        raise refusals.not_found(account_id)
    if found.held_as == Kind.CONSUMED:
        raise refusals.already_consumed(reference.external_id)


def _reserve(account_id: int, kind: Kind, reference: Reference, amount: Decimal) -> Row[Any]:
    parameters = {
        "account_id": account_id,
        "kind": kind,
        "amount": amount,
        "now": utc_now(),
        "dates_enforced": rule.dates_enforced(),
        **reference._asdict(),
        **cause.current(),
    }
    line = db.session.execute(RESERVE, parameters).one_or_none()
    if line is None:
        raise refusals.not_found(account_id)
    if line.refusal is not None:
        reason, external_id = Reason(line.refusal), reference.external_id
        raise refusals.refused(reason, account_id, external_id, asked=amount, held=line.held, remaining=line.remaining)
    return line
