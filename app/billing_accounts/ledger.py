"""The ledger of budgets: the only code that writes budget lines and the totals of a budget.

Every operation changes lines and totals together and keeps the budget rule: none makes locked + consumed exceed the
budget, and one that does not raise that sum always passes. Locks are taken in one order everywhere: budgets first, of
several by account id, then lines; so whoever holds a budget is alone with its lines.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, NoReturn

from sqlalchemy import Row, text

from app.billing_accounts.models import ExternalType, Kind, Status
from app.clock import utc_now
from app.db.base import db
from app.db.prepared import prepared
from app.errors import Conflict, Invalid, NotFound, Reason
from app.money import ZERO


class Reference(NamedTuple):
    """What an amount is reserved for."""

    external_type: ExternalType
    external_id: str
    external_name: str | None = None


class Charge(NamedTuple):
    """An amount to consume for an engagement."""

    billing_account_id: int
    external_id: str
    amount: Decimal


# The budget is locked first and its newest version decides: what the line held is always counted in it. (An UPDATE
# alone would look at the version its snapshot shows, which a concurrent request may have replaced, next to a line that
# request has left.) A refused decision leaves the line changed: the caller raises, which rolls back. The budget is
# found by the parameter, never by joining on the line, so its primary key is always used.
RESERVE = prepared("""
    WITH budget AS MATERIALIZED (
        SELECT * FROM budgets WHERE billing_account_id = :account_id FOR NO KEY UPDATE
    ), line AS (
        INSERT INTO budget_lines AS line
            (billing_account_id, kind, external_type, external_id, external_name, amount, date)
        SELECT billing_account_id, :kind, :external_type, :external_id, :external_name, :amount, :now FROM budget
        ON CONFLICT (billing_account_id, external_type, external_id) WHERE external_type <> 'ENGAGEMENT'
        DO UPDATE SET
            kind = excluded.kind,
            external_name = coalesce(excluded.external_name, line.external_name),
            amount = excluded.amount,
            date = excluded.date
        WHERE line.kind = 'locked' OR excluded.kind = 'consumed'
        RETURNING new.*, old.kind AS held_as, coalesce(old.amount, 0) AS held
    ), accepted AS (
        UPDATE budgets SET
            locked = budget.locked
                + CASE line.kind WHEN 'locked' THEN line.amount ELSE 0 END
                - CASE line.held_as WHEN 'locked' THEN line.held ELSE 0 END,
            consumed = budget.consumed
                + CASE line.kind WHEN 'consumed' THEN line.amount ELSE 0 END
                - CASE line.held_as WHEN 'consumed' THEN line.held ELSE 0 END
        FROM budget, line
        WHERE budgets.billing_account_id = :account_id AND (
            line.amount <= line.held
            OR budget.locked + budget.consumed + line.amount - line.held <= budget.amount
                AND EXISTS (SELECT FROM billing_accounts WHERE id = :account_id AND status = 'ACTIVE')
        )
        RETURNING true
    )
    SELECT id, amount, date, external_type, external_id, external_name,
        CASE external_type WHEN 'CHALLENGE' THEN external_id END AS challenge_id,
        held, EXISTS (SELECT FROM accepted) AS accepted
    FROM line
""")
_UNLOCK = prepared("""
    WITH budget AS MATERIALIZED (
        SELECT * FROM budgets WHERE billing_account_id = :account_id FOR NO KEY UPDATE
    ), line AS (
        DELETE FROM budget_lines USING budget
        WHERE budget_lines.billing_account_id = :account_id AND external_type = :external_type
            AND external_id = :external_id AND external_type <> 'ENGAGEMENT' AND kind = 'locked'
        RETURNING budget_lines.amount
    )
    UPDATE budgets SET locked = budget.locked - line.amount
    FROM budget, line WHERE budgets.billing_account_id = :account_id
    RETURNING true
""")
_LINE_KIND = prepared("""
    SELECT kind FROM budget_lines
    WHERE billing_account_id = :account_id AND external_type = :external_type AND external_id = :external_id
        AND external_type <> 'ENGAGEMENT'
""")
_BUDGET = prepared("""
    SELECT budgets.amount, locked, consumed, remaining, billing_accounts.status
    FROM budgets JOIN billing_accounts ON billing_accounts.id = budgets.billing_account_id
    WHERE budgets.billing_account_id = :account_id
""")
_LOCK_BUDGETS = prepared("""
    SELECT FROM budgets WHERE billing_account_id = ANY(:account_ids) ORDER BY billing_account_id FOR NO KEY UPDATE;
    SELECT budgets.billing_account_id, budgets.remaining, billing_accounts.status
    FROM budgets JOIN billing_accounts ON billing_accounts.id = budgets.billing_account_id
    WHERE budgets.billing_account_id = ANY(:account_ids)
""")
_CHARGE = prepared("""
    WITH charge AS (
        SELECT * FROM unnest(
            CAST(:account_ids AS int[]), CAST(:external_ids AS text[]), CAST(:amounts AS numeric[])
        ) AS charge (billing_account_id, external_id, amount)
    ), line AS (
        INSERT INTO budget_lines (billing_account_id, kind, external_type, external_id, amount, date)
        SELECT billing_account_id, 'consumed', 'ENGAGEMENT', external_id, amount, :now FROM charge
    )
    UPDATE budgets SET consumed = budgets.consumed + charged.amount
    FROM (SELECT billing_account_id, sum(amount) AS amount FROM charge GROUP BY billing_account_id) AS charged
    WHERE budgets.billing_account_id = charged.billing_account_id
""")
_OPEN = text("INSERT INTO budgets (billing_account_id, amount) VALUES (:account_id, :amount)")
_SET_AMOUNT = text("""
    UPDATE budgets SET amount = :amount
    WHERE billing_account_id = :account_id AND (:amount >= locked + consumed OR :amount = amount)
    RETURNING true
""")


def open_budget(account_id: int, amount: Decimal) -> None:
    """Give a new account its budget."""
    db.session.execute(_OPEN, {"account_id": account_id, "amount": amount})


def set_budget(account_id: int, amount: Decimal) -> None:
    """Change an account's budget. Raises Conflict when the new one is below what is reserved."""
    if db.session.execute(_SET_AMOUNT, {"account_id": account_id, "amount": amount}).scalar_one_or_none() is None:
        budget = _budget(account_id)
        raise Conflict(
            "The budget would be below what is locked and consumed",
            reason=Reason.BUDGET_BELOW_RESERVED,
            details={"reserved": budget.locked + budget.consumed, "requested": amount},
        )


def lock(account_id: int, reference: Reference, amount: Decimal) -> Row[Any]:
    """Hold `amount` for the reference, in place of what it held; the line.

    Raises NotFound, Conflict (already consumed, account inactive) or Invalid (insufficient funds).
    """
    return _reserve(account_id, Kind.LOCKED, reference, amount)


def consume(account_id: int, reference: Reference, amount: Decimal) -> Row[Any]:
    """Spend `amount` for the reference; the line.

    A challenge's line, locked or consumed, becomes this one; an engagement gets one more. Raises NotFound, Conflict
    (account inactive) or Invalid (insufficient funds).
    """
    return _reserve(account_id, Kind.CONSUMED, reference, amount)


def unlock(account_id: int, reference: Reference) -> None:
    """Release what the reference holds, if anything. Raises NotFound, and Conflict when it was consumed."""
    identity = {"account_id": account_id, **reference._asdict()}
    if db.session.execute(_UNLOCK, identity).scalar_one_or_none() is None:
        _budget(account_id)
        if _is_consumed(identity):
            _refuse_consumed(reference)


def consume_all(charges: Sequence[Charge]) -> None:
    """Spend every charge, or none.

    Raises NotFound, Conflict (account inactive) or Invalid (insufficient funds), each with the `index` of the first
    charge that cannot be met.
    """
    account_ids = sorted({charge.billing_account_id for charge in charges})
    budgets = db.session.execute(_LOCK_BUDGETS, {"account_ids": account_ids})
    remaining, inactive = {}, set()
    for budget in budgets:
        remaining[budget.billing_account_id] = budget.remaining
        if budget.status != Status.ACTIVE:
            inactive.add(budget.billing_account_id)
    for index, charge in enumerate(charges):
        account_id = charge.billing_account_id
        if account_id not in remaining:
            raise not_found(account_id, {"index": index})
        if account_id in inactive:
            refuse_inactive(account_id, {"index": index})
        if charge.amount > remaining[account_id]:
            refuse_overspending(account_id, max(remaining[account_id], ZERO), charge.amount, {"index": index})
        remaining[account_id] -= charge.amount
    parameters = {
        "account_ids": [charge.billing_account_id for charge in charges],
        "external_ids": [charge.external_id for charge in charges],
        "amounts": [charge.amount for charge in charges],
        "now": utc_now(),
    }
    db.session.execute(_CHARGE, parameters)


def not_found(account_id: int, facts: Mapping[str, Any] | None = None) -> NotFound:
    """The failure that says there is no such account."""
    return NotFound(f"Billing account {account_id} was not found", details=facts)


def _reserve(account_id: int, kind: Kind, reference: Reference, amount: Decimal) -> Row[Any]:
    parameters = {"account_id": account_id, "kind": kind, "amount": amount, "now": utc_now(), **reference._asdict()}
    line = db.session.execute(RESERVE, parameters).one_or_none()
    if line is None:
        _budget(account_id)
        _refuse_consumed(reference)
    if not line.accepted:
        budget = _budget(account_id)
        if budget.status != Status.ACTIVE:
            refuse_inactive(account_id)
        refuse_overspending(account_id, max(budget.remaining, ZERO) + line.held, amount)
    return line


def _is_consumed(identity: Mapping[str, Any]) -> bool:
    return db.session.execute(_LINE_KIND, identity).scalar_one_or_none() == Kind.CONSUMED


def _budget(account_id: int) -> Row[Any]:
    budget = db.session.execute(_BUDGET, {"account_id": account_id}).one_or_none()
    if budget is None:
        raise not_found(account_id)
    return budget


def _refuse_consumed(reference: Reference) -> NoReturn:
    raise Conflict(f"{reference.external_id} was consumed already", reason=Reason.ALREADY_CONSUMED)


def refuse_inactive(account_id: int, facts: Mapping[str, Any] | None = None) -> NoReturn:
    """Raise the failure that says that an inactive account takes nothing more."""
    raise Conflict(f"Billing account {account_id} is inactive", reason=Reason.ACCOUNT_INACTIVE, details=facts)


def refuse_overspending(
    account_id: int, available: Decimal, requested: Decimal, facts: Mapping[str, Any] | None = None
) -> NoReturn:
    """Raise the failure that says how much a reference could take."""
    raise Invalid(
        f"Billing account {account_id} has not enough budget left",
        reason=Reason.INSUFFICIENT_FUNDS,
        details={"available": available, "requested": requested, **(facts or {})},
    )
