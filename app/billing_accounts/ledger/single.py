"""Locking, consuming and unlocking for one reference, each in one statement that decides and writes.

These are for what is usual, and keep that cheap; what a reference has that is not, they leave to those of `general`.
Both are text: several CTEs decide, write and answer together, which Core would say no more clearly.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Row

from app.audit import cause
from app.billing_accounts.ledger import expiry, general, journal, refusals, rule
from app.billing_accounts.ledger.expiry import DUE, now_of
from app.billing_accounts.ledger.general import (
    IS_CHANGED_HERE,
    LINES_OF_REFERENCE,
    LOCK_BUDGET,
    OF_LINE,
    ON_CONFLICT,
    RETURNED,
)
from app.billing_accounts.models import ExternalType
from app.clock import utc_now
from app.db.base import db
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.transaction import in_one
from app.errors import Reason


class Reference(NamedTuple):
    """What an amount is reserved for."""

    external_type: ExternalType
    external_id: str
    external_name: str | None = None


# What a statement refuses that only those of `general` do: of the account something is due, or the reference has a lock
# that expires or, asked to consume, two lines. To find that out costs one comparison or two.
_UNUSUAL = "unusual"
# A lock comes before what was consumed of its challenge in part.
_LINE = f"""
    line AS (
        SELECT id, kind, amount, expires_at FROM budget_lines
        WHERE {LINES_OF_REFERENCE} ORDER BY kind DESC LIMIT 1
    )
"""
_LOCK_OF_LINE = "CASE held_as WHEN 'locked' THEN held ELSE 0 END"
_OF_CONSUMED = "CASE held_as WHEN 'consumed' THEN held ELSE 0 END"


def _reserve(asked_as: str, deltas: Mapping[str, str], written: str, unusual: str = "false") -> AnyPrepared:
    """The statement that reserves an amount, `asked`, for a reference, unless the case is `unusual`.

    As SQL: `deltas` is what changes in the totals, and `written` the CTE that writes the line and returns it.
    """
    reserved = journal.post(
        "decision, written AS line",
        f"budgets.billing_account_id = :account_id AND ({' OR '.join(f'{name} <> 0' for name in deltas)})",
        at="asked_at",
        kind="asked_as",
        entry_id="line.id",
        **OF_LINE,
        **{name: name for name in deltas},
    )
    return Prepared(f"""
        {LOCK_BUDGET}
        WITH {_LINE}, request AS (
            SELECT budget.remaining, account.status, coalesce(account.start_date, '-infinity') AS opens_at,
                coalesce(account.end_date, 'infinity') AS closes_at, line.id AS line_id, line.kind AS held_as,
                coalesce(line.amount, 0) AS held, line.expires_at AS held_until, budget.next_expiry,
                '{asked_as}' AS asked_as, CAST(:amount AS numeric) AS asked, {now_of("budget")} AS asked_at,
                CAST(:dates_enforced AS boolean) AS dates_enforced
            FROM budgets AS budget JOIN billing_accounts AS account ON account.id = budget.billing_account_id
            LEFT JOIN line ON true
            WHERE budget.billing_account_id = :account_id
        ), decision AS (
            SELECT *, CASE WHEN next_expiry <= asked_at OR held_until IS NOT NULL OR {unusual} THEN '{_UNUSUAL}'
                    ELSE {rule.REFUSAL.sql} END AS refusal,
                {", ".join(f"{delta} AS {name}" for name, delta in deltas.items())}
            FROM request
        ), {written}, {reserved}
        SELECT written.*, CASE external_type WHEN 'CHALLENGE' THEN external_id END AS challenge_id, refusal, held,
            remaining
        FROM decision LEFT JOIN written ON true
    """)


LOCK = _reserve(
    "locked",
    {"locked_delta": f"asked - {_LOCK_OF_LINE}"},
    f"""
        written AS (
            INSERT INTO budget_lines AS line
                (billing_account_id, kind, external_type, external_id, external_name, amount, date, created_at)
            SELECT :account_id, 'locked', :external_type, :external_id, :external_name, asked, asked_at, asked_at
            FROM decision WHERE refusal IS NULL
            {ON_CONFLICT} external_name = coalesce(excluded.external_name, line.external_name),
                amount = excluded.amount, date = excluded.date, as_imported = {IS_CHANGED_HERE}
            RETURNING {RETURNED}
        )
    """,
)
CONSUME = _reserve(
    "consumed",
    {"locked_delta": f"-{_LOCK_OF_LINE}", "consumed_delta": f"asked - {_OF_CONSUMED}"},
    f"""
        written AS (
            MERGE INTO budget_lines AS line USING (SELECT * FROM decision WHERE refusal IS NULL) AS decided
            ON line.billing_account_id = :account_id AND line.id = decided.line_id
            WHEN MATCHED THEN UPDATE SET kind = 'consumed', amount = asked, date = asked_at,
                external_name = coalesce(:external_name, line.external_name),
                consumed_at = coalesce(line.consumed_at, asked_at), as_imported = {IS_CHANGED_HERE}
            WHEN NOT MATCHED THEN INSERT
                (billing_account_id, kind, external_type, external_id, external_name, amount, date, created_at,
                consumed_at)
            VALUES (:account_id, 'consumed', :external_type, :external_id, :external_name, asked, asked_at, asked_at,
                asked_at)
            RETURNING {", ".join(f"line.{name}" for name in RETURNED.split(", "))}
        )
    """,
    """
        held_as = 'locked' AND EXISTS (
            SELECT FROM budget_lines WHERE billing_account_id = :account_id AND external_type = 'CHALLENGE'
                AND external_id = :external_id AND kind = 'consumed'
        )
    """,
)
_UNLOCKED = journal.post(
    "released AS line",
    "budgets.billing_account_id = :account_id",
    kind="'unlocked'",
    entry_id="line.id",
    **OF_LINE,
    locked_delta="-line.amount",
)
UNLOCK = Prepared(f"""
    {LOCK_BUDGET}
    WITH {_LINE}, budget AS (
        SELECT as_imported, line.kind AS held_as,
            coalesce(next_expiry <= {now_of("budgets")} OR line.expires_at IS NOT NULL, false) AS is_unusual
        FROM budgets LEFT JOIN line ON true WHERE billing_account_id = :account_id
    ), released AS (
        DELETE FROM budget_lines AS line USING budget
        WHERE {LINES_OF_REFERENCE} AND kind = 'locked' AND NOT is_unusual
        RETURNING line.id, line.billing_account_id, external_type, external_id, external_name, amount,
            line.as_imported IS NOT NULL OR budget.as_imported IS NOT NULL AS is_imported
    ), remembered AS (
        INSERT INTO released_lines (billing_account_id, external_id)
        SELECT billing_account_id, external_id FROM released WHERE is_imported
        ON CONFLICT DO NOTHING
    ), {_UNLOCKED}
    SELECT CASE WHEN is_unusual THEN '{_UNUSUAL}' WHEN held_as = 'consumed' THEN '{Reason.ALREADY_CONSUMED}' END
        AS refusal
    FROM budget
""")


_Ways: TypeAlias = tuple[AnyPrepared, AnyPrepared]


def set_lock(
    account_id: int,
    reference: Reference,
    amount: Decimal,
    *,
    expires_at: datetime | None = None,
    expires_in: int | None = None,
) -> Row[Any] | None:
    """Lock `amount` for the reference, as `lock` does; 0 releases it, and then there is no line."""
    if amount == 0:
        unlock(account_id, reference)
        return None
    return lock(account_id, reference, amount, expires_at=expires_at, expires_in=expires_in)


def lock(
    account_id: int,
    reference: Reference,
    amount: Decimal,
    *,
    expires_at: datetime | None = None,
    expires_in: int | None = None,
) -> Row[Any]:
    """Lock `amount` for the reference, in place of what it has locked; the line.

    It expires at an instant or after so many seconds, or not at all, whatever the one before did. Raises NotFound,
    Conflict (already consumed, account inactive or not current) or Invalid (insufficient funds, an instant that is not
    in the future).
    """
    expires = expires_at is not None or expires_in is not None
    ways = (general.LOCK, general.LOCK) if expires else (LOCK, general.LOCK)
    return _decided(ways, account_id, reference, amount, {"expires_at": expires_at, "expires_in": expires_in})


def consume(account_id: int, reference: Reference, amount: Decimal, *, final: bool = True) -> Row[Any]:
    """Consume `amount` for the reference; the consumed line.

    A challenge has then consumed this amount and has no lock any more. Unless it is `final`: then this amount more, and
    its lock is so much less. An engagement gets one more line. Raises NotFound, Conflict (account inactive or not
    current) or Invalid (insufficient funds).
    """
    ways = (CONSUME, general.CONSUME) if final else (general.CONSUME_PART, general.CONSUME_PART)
    return _decided(ways, account_id, reference, amount, {})


def unlock(account_id: int, reference: Reference) -> None:
    """Release what the reference has locked, if anything. Raises NotFound, and Conflict when it was consumed."""
    found = _run((UNLOCK, general.UNLOCK), account_id, {**reference._asdict()})
    if found.refusal is not None:
        raise refusals.already_consumed(reference.external_id)


def _decided(
    ways: _Ways, account_id: int, reference: Reference, amount: Decimal, values: Mapping[str, Any]
) -> Row[Any]:
    asked = {"amount": amount, "dates_enforced": rule.dates_enforced(), **reference._asdict(), **values}
    line = _run(ways, account_id, asked)
    if line.refusal is None:
        return line
    reason, external_id = Reason(line.refusal), reference.external_id
    if reason == Reason.INVALID_INPUT:
        raise refusals.expired_before(values["expires_at"])
    raise refusals.refused(reason, account_id, external_id, asked=amount, held=line.held, remaining=line.remaining)


def _run(ways: _Ways, account_id: int, values: Mapping[str, Any]) -> Row[Any]:
    """What the first statement answers, or the other where it does not decide; what is due is posted first.

    Raises NotFound.
    """
    statement, instead = ways
    now = utc_now()
    parameters = {"account_id": account_id, "now": now, **values, **cause.current()}
    row = db.session.execute(statement, parameters).one_or_none()
    if row is None:
        raise refusals.not_found(account_id)
    if row.refusal == _UNUSUAL:
        row = db.session.execute(instead, parameters).one()
    if row.refusal == DUE:
        with in_one():
            expiry.post([account_id], now)
            row = db.session.execute(instead, parameters).one()
    return row
