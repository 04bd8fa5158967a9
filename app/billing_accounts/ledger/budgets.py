"""Opening a budget and changing its amount."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, text

from app import origin
from app.billing_accounts.ledger import journal, refusals
from app.clock import utc_now
from app.db.base import db
from app.errors import Conflict, Invalid, Reason
from app.money import MAX_AMOUNT, plain

_OPEN = text(f"""
    WITH opened AS (
        INSERT INTO budgets (billing_account_id, amount, movements, moved_at) VALUES (:account_id, :amount, 1, :now)
        RETURNING *
    )
    INSERT INTO budget_movements ({journal.COLUMNS})
    SELECT billing_account_id, movements, moved_at, 'opened', NULL, NULL, NULL, NULL,
        amount, 0, 0, amount, locked, consumed, {journal.ORIGIN}
    FROM opened
""")
# One conditional statement: what is reserved meanwhile counts.
_SET_AMOUNT = text(f"""
    WITH changed AS (
        UPDATE budgets SET
            amount = :amount, as_imported = CASE WHEN as_imported IS NOT NULL THEN as_imported AND amount = :amount END,
            movements = movements + CASE WHEN amount = :amount THEN 0 ELSE 1 END,
            moved_at = CASE WHEN amount = :amount THEN moved_at ELSE greatest(moved_at, :now) END
        WHERE billing_account_id = :account_id AND (:amount >= locked + consumed OR :amount = amount)
        RETURNING budgets.*, old.amount AS amount_before
    ), movement AS (
        INSERT INTO budget_movements ({journal.COLUMNS})
        SELECT billing_account_id, movements, moved_at, 'budget_changed', NULL, NULL, NULL, NULL,
            amount - amount_before, 0, 0, amount, locked, consumed, {journal.ORIGIN}
        FROM changed WHERE amount <> amount_before
    )
    SELECT true FROM changed
""")
_RESERVED = text("SELECT locked + consumed FROM budgets WHERE billing_account_id = :account_id")
# Both budgets change by the same amount, and none unless it can be taken.
_ADD = text(f"""
    WITH changed AS (
        UPDATE budgets SET amount = amount + delta, as_imported = CASE WHEN as_imported IS NOT NULL THEN false END,
            movements = movements + 1, moved_at = greatest(moved_at, :now)
        FROM unnest(CAST(:account_ids AS int[]), CAST(:deltas AS numeric[])) AS addition (account_id, delta)
        WHERE billing_account_id = account_id
        RETURNING budgets.*, delta
    )
    INSERT INTO budget_movements ({journal.COLUMNS})
    SELECT billing_account_id, movements, moved_at, 'budget_changed', NULL, NULL, NULL, NULL,
        delta, 0, 0, amount, locked, consumed, {journal.ORIGIN}
    FROM changed
    RETURNING *
""")
_LOCK = text("""
    SELECT billing_account_id, amount, locked + consumed AS reserved, amount - locked - consumed AS remaining
    FROM budgets WHERE billing_account_id = ANY(:account_ids) ORDER BY billing_account_id FOR NO KEY UPDATE
""")


def open_budget(account_id: int, amount: Decimal) -> None:
    """Give a new account its budget."""
    db.session.execute(_OPEN, _values(account_id, amount))


def set_budget(account_id: int, amount: Decimal) -> None:
    """Change an account's budget. Raises Conflict when the new one is below what is reserved."""
    if db.session.execute(_SET_AMOUNT, _values(account_id, amount)).scalar_one_or_none() is None:
        reserved = db.session.execute(_RESERVED, {"account_id": account_id}).scalar_one()
        raise refusals.below_reserved(reserved, amount)


def adjust(account_id: int, delta: Decimal) -> Row[Any]:
    """Add to an account's budget, or take from it; the movement.

    Raises NotFound, Conflict (less than what is reserved would be left) or Invalid (more than a budget can be).
    """
    budget = _lock([account_id]).get(account_id)
    if budget is None:
        raise refusals.not_found(account_id)
    if delta < 0 and budget.amount + delta < budget.reserved:
        raise refusals.below_reserved(budget.reserved, budget.amount + delta)
    _require_storable(budget, delta)
    return _add({account_id: delta})[0]


def carry_over(source: int, target: int, amount: Decimal | None) -> Sequence[Row[Any]]:
    """Move an amount, or all that remains, from one budget to another; the movements of the two.

    Raises NotFound, Conflict (nothing remains) or Invalid (more than remains, or more than a budget can be).
    """
    budgets = _lock([source, target])
    for account_id in (source, target):
        if account_id not in budgets:
            raise refusals.not_found(account_id)
    remaining = budgets[source].remaining
    if remaining <= 0:
        raise Conflict(f"Nothing remains of the budget of billing account {source}", reason=Reason.NOTHING_TO_CARRY)
    carried = remaining if amount is None else amount
    if carried > remaining:
        raise refusals.insufficient_funds(source, remaining, carried)
    _require_storable(budgets[target], carried)
    movements = {each.billing_account_id: each for each in _add({source: -carried, target: carried})}
    return [movements[source], movements[target]]


def _lock(account_ids: Collection[int]) -> dict[int, Row[Any]]:
    """Lock budgets until the transaction ends, in the order of all operations; those that exist, by account."""
    rows = db.session.execute(_LOCK, {"account_ids": list(account_ids)})
    return {row.billing_account_id: row for row in rows}


def _add(deltas: Mapping[int, Decimal]) -> Sequence[Row[Any]]:
    parameters = {
        "account_ids": list(deltas),
        "deltas": list(deltas.values()),
        "now": utc_now(),
        **origin.current()._asdict(),
    }
    return db.session.execute(_ADD, parameters).all()


def _require_storable(budget: Row[Any], delta: Decimal) -> None:
    if budget.amount + delta > MAX_AMOUNT:
        problem = f"Must not raise the budget of billing account {budget.billing_account_id} above {plain(MAX_AMOUNT)}."
        raise Invalid.field("amount", problem)


def _values(account_id: int, amount: Decimal) -> dict[str, object]:
    return {"account_id": account_id, "amount": amount, "now": utc_now(), **origin.current()._asdict()}
