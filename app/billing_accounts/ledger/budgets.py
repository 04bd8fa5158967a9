"""Opening a budget and changing its amount."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, text

from app.audit import cause
from app.billing_accounts.ledger import journal, refusals
from app.clock import utc_now
from app.db.base import db
from app.errors import Conflict, Invalid, Reason
from app.money import MAX_AMOUNT, plain

_OPEN = text(journal.open_from("", "CAST(:account_id AS integer)", "CAST(:amount AS numeric)"))
# One conditional statement: what is reserved meanwhile counts.
_CHANGED = journal.post(
    None,
    "billing_account_id = :account_id AND amount <> :amount AND :amount >= locked + consumed",
    kind="'budget_changed'",
    budget_delta=":amount - budgets.amount",
    also=", as_imported = CASE WHEN as_imported IS NOT NULL THEN false END",
)
_UNCHANGED = "FROM budgets WHERE billing_account_id = :account_id AND amount = :amount"
_SET_AMOUNT = text(f"WITH {_CHANGED} SELECT EXISTS (SELECT FROM moved) OR EXISTS (SELECT {_UNCHANGED})")
_STANDING = text("SELECT amount, locked + consumed AS reserved FROM budgets WHERE billing_account_id = :account_id")
# Both budgets change by the same amount, and none unless it can be taken.
_ADDED = journal.post(
    "unnest(CAST(:account_ids AS int[]), CAST(:deltas AS numeric[])) AS addition (account_id, delta)",
    "billing_account_id = account_id",
    kind="'budget_changed'",
    budget_delta="delta",
    also=", as_imported = CASE WHEN as_imported IS NOT NULL THEN false END",
)
_ADD = text(f"WITH {_ADDED} SELECT billing_account_id, {journal.SHOWN} FROM moved")
_LOCK = text("""
    SELECT billing_account_id, amount, locked + consumed AS reserved, amount - locked - consumed AS remaining
    FROM budgets WHERE billing_account_id = ANY(:account_ids) ORDER BY billing_account_id FOR NO KEY UPDATE
""")


def open_budget(account_id: int, amount: Decimal) -> None:
    """Give a new account its budget."""
    db.session.execute(_OPEN, _values(account_id, amount))


def set_budget(account_id: int, amount: Decimal) -> None:
    """Change an account's budget. Raises Conflict when the new one is below what is reserved."""
    if db.session.execute(_SET_AMOUNT, _values(account_id, amount)).scalar_one():
        return
    # As it is now: while the statement waited for the row, another may have set this very amount.
    standing = db.session.execute(_STANDING, {"account_id": account_id}).one()
    if standing.amount != amount:
        raise refusals.below_reserved(standing.reserved, amount)


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
        **cause.current(),
    }
    return db.session.execute(_ADD, parameters).all()


def _require_storable(budget: Row[Any], delta: Decimal) -> None:
    if budget.amount + delta > MAX_AMOUNT:
        problem = f"Must not raise the budget of billing account {budget.billing_account_id} above {plain(MAX_AMOUNT)}."
        raise Invalid.field("amount", problem)


def _values(account_id: int, amount: Decimal) -> dict[str, object]:
    return {"account_id": account_id, "amount": amount, "now": utc_now(), **cause.current()}
