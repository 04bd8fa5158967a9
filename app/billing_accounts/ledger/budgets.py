"""Opening a budget and changing its amount."""

from decimal import Decimal

from sqlalchemy import text

from app.db.base import db
from app.errors import Conflict, Reason

_OPEN = text("INSERT INTO budgets (billing_account_id, amount) VALUES (:account_id, :amount)")
# One conditional statement: what is reserved meanwhile counts.
_SET_AMOUNT = text("""
    UPDATE budgets SET
        amount = :amount, as_imported = CASE WHEN as_imported IS NOT NULL THEN as_imported AND amount = :amount END
    WHERE billing_account_id = :account_id AND (:amount >= locked + consumed OR :amount = amount)
    RETURNING true
""")
_RESERVED = text("SELECT locked + consumed FROM budgets WHERE billing_account_id = :account_id")


def open_budget(account_id: int, amount: Decimal) -> None:
    """Give a new account its budget."""
    db.session.execute(_OPEN, {"account_id": account_id, "amount": amount})


def set_budget(account_id: int, amount: Decimal) -> None:
    """Change an account's budget. Raises Conflict when the new one is below what is reserved."""
    if db.session.execute(_SET_AMOUNT, {"account_id": account_id, "amount": amount}).scalar_one_or_none() is None:
        reserved = db.session.execute(_RESERVED, {"account_id": account_id}).scalar_one()
        raise Conflict(
            "The budget must not be below the sum of locked and consumed amounts",
            reason=Reason.BUDGET_BELOW_RESERVED,
            details={"reserved": reserved, "requested": amount},
        )
