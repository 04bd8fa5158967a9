"""Failures of the rules of purchases, as the document shows them."""

from app.errors import Conflict, Forbidden, Invalid, Reason, Unavailable
from app.web.failures import UNAVAILABLE

NOT_SOLD = Conflict("Mega Pack is not sold any more")
NOT_THE_BUYER = Forbidden("Only an owner or an admin of the account, or the member who bought, may cancel this payment")
NOT_PENDING = Conflict("The payment is succeeded")
CREDITS_SPENT = Conflict(
    "20 of the 500 credits are spent",
    reason=Reason.CREDITS_SPENT,
    details={"missing": 20, "available": 480, "credits": 500},
)
NOT_SIGNED = Invalid("The signature does not hold")
GATEWAY = (
    *UNAVAILABLE,
    Unavailable("Stripe cannot be reached now", reason=Reason.PAYMENT_GATEWAY_UNAVAILABLE),
)
