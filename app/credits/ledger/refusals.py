"""What callers are told when the ledger refuses."""

from app.customers import states
from app.errors import NotFound, PaymentRequired, Reason, ServiceError


def not_found(account_id: int) -> NotFound:
    """The failure that says there is no such account."""
    return NotFound(f"Account {account_id} was not found")


def in_debt(debt: int) -> PaymentRequired:
    """The failure that says how many credits are owed."""
    return PaymentRequired(
        f"The account owes {debt} credits, which were spent and whose payment was returned",
        reason=Reason.ACCOUNT_IN_DEBT,
        details={"debt": debt},
    )


def too_few(requested: int, available: int) -> PaymentRequired:
    """The failure that says how many credits there are."""
    return PaymentRequired(
        f"{requested} credits are needed, {available} are left",
        details={"available": available, "requested": requested},
    )


def refused(reason: Reason, account_id: int, requested: int, available: int, debt: int) -> ServiceError:
    """The failure for a reason of `rule.REFUSAL`."""
    if reason == Reason.ACCOUNT_IN_DEBT:
        return in_debt(debt)
    if reason == Reason.INSUFFICIENT_CREDITS:
        return too_few(requested, available)
    return states.refusal(account_id, reason)
