"""What callers are told when the ledger refuses."""

from datetime import datetime
from decimal import Decimal

from app.errors import Conflict, Invalid, NotFound, Reason, ServiceError
from app.money import ZERO, plain


def not_found(account_id: int) -> NotFound:
    """The failure that says there is no such account."""
    return NotFound(f"Billing account {account_id} was not found")


def already_consumed(external_id: str) -> Conflict:
    """The failure that says a reference cannot be locked or unlocked any more."""
    return Conflict(f"{external_id} was already consumed", reason=Reason.ALREADY_CONSUMED)


def expired_before(expires_at: datetime) -> Invalid:
    """The failure that says a lock would end before it begins."""
    return Invalid.field("expiresAt", f"{expires_at.isoformat()} is before the last change of the account.")


def below_reserved(reserved: Decimal, requested: Decimal) -> Conflict:
    """The failure that says a budget would be less than what is locked and consumed."""
    return Conflict(
        "The budget must not be below the sum of locked and consumed amounts",
        reason=Reason.BUDGET_BELOW_RESERVED,
        details={"reserved": reserved, "requested": requested},
    )


def insufficient_funds(account_id: int, available: Decimal, requested: Decimal) -> Invalid:
    """The failure that says how much could be taken from a budget."""
    return Invalid(
        f"Billing account {account_id} has {plain(available)} available, {plain(requested)} was requested",
        reason=Reason.INSUFFICIENT_FUNDS,
        details={"available": available, "requested": requested},
    )


def not_reversible(reason: Reason, *, consumed: Decimal, asked: Decimal | None) -> ServiceError:
    """The failure of a reversal."""
    if reason == Reason.REVERSAL_EXCEEDS_CONSUMED and asked is not None:
        return Invalid(
            f"{plain(consumed)} is consumed, {plain(asked)} was to be reversed",
            reason=reason,
            details={"consumed": consumed, "requested": asked},
        )
    if reason == Reason.PAYMENT_LINE:
        return Conflict("The line belongs to a payment: cancel or correct the payment", reason=reason)
    return Conflict("Nothing is consumed that could be reversed", reason=reason)


def refused(
    reason: Reason, account_id: int, external_id: str, *, asked: Decimal, held: Decimal, remaining: Decimal
) -> ServiceError:
    """The failure for a reason of `rule.REFUSAL`; one for want of funds says how much the reference could have."""
    if reason == Reason.ALREADY_CONSUMED:
        return already_consumed(external_id)
    if reason == Reason.INSUFFICIENT_FUNDS:
        return insufficient_funds(account_id, max(remaining, ZERO) + held, asked)
    problem = "is inactive" if reason == Reason.ACCOUNT_INACTIVE else "is outside its start and end date"
    return Conflict(f"Billing account {account_id} {problem}", reason=reason)
