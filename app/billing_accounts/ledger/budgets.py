"""Opening a budget and changing its amount."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, text

from app.audit import cause
from app.billing_accounts.ledger import expiry, journal, refusals
from app.clock import utc_now
from app.db.base import db
from app.errors import Conflict, Invalid, Reason
from app.money import MAX_AMOUNT, plain

_OPEN = text(journal.open_from("", "CAST(:account_id AS integer)", "CAST(:amount AS numeric)"))
# One conditional statement: what is reserved meanwhile counts.
_CHANGED = journal.post(
    None,
    "billing_account_id = :account_id AND amount <> :amount AND :amount >= locked + consumed"
    f" AND NOT {expiry.is_due('budgets')}",
    kind="'budget_changed'",
    budget_delta=":amount - budgets.amount",
    also=", as_imported = CASE WHEN as_imported IS NOT NULL THEN false END",
)
_UNCHANGED = "FROM budgets WHERE billing_account_id = :account_id AND amount = :amount"
_SET_AMOUNT = text(f"WITH {_CHANGED} SELECT EXISTS (SELECT FROM moved) OR EXISTS (SELECT {_UNCHANGED})")
_STANDING = text(f"""
    SELECT amount, locked + consumed AS reserved, {expiry.is_due("budgets")} AS is_due
    FROM budgets WHERE billing_account_id = :account_id
""")
# Both budgets change by the same amount, and none unless it can be taken.
_ADDED = journal.post(
    "unnest(CAST(:account_ids AS int[]), CAST(:deltas AS numeric[])) AS addition (account_id, delta)",
    "billing_account_id = account_id",
    kind="'budget_changed'",
    budget_delta="delta",
    also=", as_imported = CASE WHEN as_imported IS NOT NULL THEN false END",
)
_ADD = text(f"WITH {_ADDED} SELECT billing_account_id, {journal.SHOWN} FROM moved")
_LOCK = text(f"""
    SELECT billing_account_id, amount, locked + consumed AS reserved, amount - locked - consumed AS remaining,
        {expiry.is_due("budgets")} AS is_due
    FROM budgets WHERE billing_account_id = ANY(:account_ids) ORDER BY billing_account_id FOR NO KEY UPDATE
""")


def open_budget(account_id: int, amount: Decimal) -> None:
    """Give a new account its budget."""
    db.session.execute(_OPEN, _values(account_id, amount))


def set_budget(account_id: int, amount: Decimal) -> None:
    """Change an account's budget. Raises Conflict when the new one is below what is reserved."""
    values = _values(account_id, amount)
    if db.session.execute(_SET_AMOUNT, values).scalar_one():
        return
    # As it is now: while the statement waited for the row, another may have set this very amount.
    standing = db.session.execute(_STANDING, values).one()
    if standing.is_due:
        expiry.post([account_id], values["now"])
        set_budget(account_id, amount)
    elif standing.amount != amount:
        raise refusals.below_reserved(standing.reserved, amount)


def adjust(account_id: int, delta: Decimal) -> Row[Any]:
    """Add to an account's budget, or take from it; the movement.

    Raises NotFound, Conflict (less than what is reserved would be left) or Invalid (more than a budget can be).
    """
    now = utc_now()
    budget = _lock([account_id], now).get(account_id)
    if budget is None:
        raise refusals.not_found(account_id)
    if delta < 0 and budget.amount + delta < budget.reserved:
        raise refusals.below_reserved(budget.reserved, budget.amount + delta)
    _require_storable(budget, delta)
    return _add({account_id: delta}, now)[0]


def carry_over(source: int, target: int, amount: Decimal | None) -> Sequence[Row[Any]]:
    """Move an amount, or all that remains, from one budget to another; the movements of the two.

    Raises NotFound, Conflict (nothing remains) or Invalid (more than remains, or more than a budget can be).
    """
    now = utc_now()
    budgets = _lock([source, target], now)
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
    movements = {each.billing_account_id: each for each in _add({source: -carried, target: carried}, now)}
    return [movements[source], movements[target]]


def _lock(account_ids: Collection[int], now: datetime) -> dict[int, Row[Any]]:
    """Lock budgets until the transaction ends, in the order of all operations; those that exist, by account.

    What is due of them is posted.
    """
    values = {"account_ids": list(account_ids), "now": now}
    rows = db.session.execute(_LOCK, values).all()
    if any(row.is_due for row in rows):
        expiry.post(account_ids, now)
        rows = db.session.execute(_LOCK, values).all()
    return {row.billing_account_id: row for row in rows}


def _add(deltas: Mapping[int, Decimal], now: datetime) -> Sequence[Row[Any]]:
    parameters = {
        "account_ids": list(deltas),
        "deltas": list(deltas.values()),
        "now": now,
        **cause.current(),
    }
    return db.session.execute(_ADD, parameters).all()


def _require_storable(budget: Row[Any], delta: Decimal) -> None:
    if budget.amount + delta > MAX_AMOUNT:
        problem = f"Must not raise the budget of billing account {budget.billing_account_id} above {plain(MAX_AMOUNT)}."
        raise Invalid.field("amount", problem)


def _values(account_id: int, amount: Decimal) -> dict[str, Any]:
    return {"account_id": account_id, "amount": amount, "now": utc_now(), **cause.current()}
