"""Opening a budget and changing its amount."""

from decimal import Decimal

from sqlalchemy import text

from app import origin
from app.billing_accounts.ledger import journal
from app.clock import utc_now
from app.db.base import db
from app.errors import Conflict, Reason

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


def open_budget(account_id: int, amount: Decimal) -> None:
    """Give a new account its budget."""
    db.session.execute(_OPEN, _values(account_id, amount))


def set_budget(account_id: int, amount: Decimal) -> None:
    """Change an account's budget. Raises Conflict when the new one is below what is reserved."""
    if db.session.execute(_SET_AMOUNT, _values(account_id, amount)).scalar_one_or_none() is None:
        reserved = db.session.execute(_RESERVED, {"account_id": account_id}).scalar_one()
        raise Conflict(
            "The budget must not be below the sum of locked and consumed amounts",
            reason=Reason.BUDGET_BELOW_RESERVED,
            details={"reserved": reserved, "requested": amount},
        )


def _values(account_id: int, amount: Decimal) -> dict[str, object]:
    return {"account_id": account_id, "amount": amount, "now": utc_now(), **origin.current()._asdict()}
