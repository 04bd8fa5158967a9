"""What callers are told when the ledger refuses."""

from decimal import Decimal

from app.errors import Conflict, Invalid, NotFound, Reason, ServiceError
from app.money import ZERO, plain


def not_found(account_id: int) -> NotFound:
    """The failure that says there is no such account."""
    return NotFound(f"Billing account {account_id} was not found")


def already_consumed(external_id: str) -> Conflict:
    """The failure that says a reference cannot be locked or unlocked any more."""
    return Conflict(f"{external_id} was already consumed", reason=Reason.ALREADY_CONSUMED)


def refused(
    reason: Reason, account_id: int, external_id: str, *, asked: Decimal, held: Decimal, remaining: Decimal
) -> ServiceError:
    """The failure for a reason of `rule.REFUSAL`; one for want of funds says how much the reference could have."""
    if reason == Reason.ALREADY_CONSUMED:
        return already_consumed(external_id)
    if reason == Reason.INSUFFICIENT_FUNDS:
        available = max(remaining, ZERO) + held
        return Invalid(
            f"Billing account {account_id} has {plain(available)} available, {plain(asked)} was requested",
            reason=reason,
            details={"available": available, "requested": asked},
        )
    problem = "is inactive" if reason == Reason.ACCOUNT_INACTIVE else "is outside its start and end date"
    return Conflict(f"Billing account {account_id} {problem}", reason=reason)
