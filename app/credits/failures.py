"""Failures of the rules for credits, as examples for the OpenAPI document."""

from app.errors import Conflict, NotFound, PaymentRequired, Reason

NO_ACCOUNT = NotFound("Account 7 was not found")
INSUFFICIENT = PaymentRequired("3 credits are needed, 2 are left", details={"available": 2, "requested": 3})
OWNS_ONE = Conflict("You already own an account")
TOO_MANY = Conflict(
    "You already opened 3 accounts, the maximum per person", reason=Reason.TOO_MANY_ACCOUNTS, details={"limit": 3}
)
