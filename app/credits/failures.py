"""Failures of the rules of credits, as the document shows them."""

from app.errors import Conflict, NotFound, PaymentRequired, Reason

NO_ACCOUNT = NotFound("Account 7 was not found")
INSUFFICIENT = PaymentRequired("3 credits are needed, 2 are left", details={"available": 2, "requested": 3})
OWNS_ONE = Conflict("You own an account already")
TOO_MANY = Conflict(
    "You opened 3 accounts, which is as many as one may", reason=Reason.TOO_MANY_ACCOUNTS, details={"limit": 3}
)
