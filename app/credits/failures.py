"""Failures of the rules for credits, as examples for the OpenAPI document."""

from app.errors import Conflict, NotFound, PaymentRequired, Reason

NO_ACCOUNT = NotFound("Account 7 was not found")
NO_TRANSACTION = NotFound("Transaction 7 was not found")
NO_LOT = NotFound("Lot 7 was not found")
BOUGHT_LOT = Conflict("Bought credits are refunded with their payment, not voided")
GRANT_EXISTS = Conflict(
    "The reference 'summer-2025' was used for another grant", reason=Reason.GRANT_EXISTS, details={"lot_id": 7}
)
INSUFFICIENT = PaymentRequired("3 credits are needed, 2 are left", details={"available": 2, "requested": 3})
OWNS_ONE = Conflict("You already own an account")
TOO_MANY = Conflict(
    "You already opened 3 accounts, the maximum per person", reason=Reason.TOO_MANY_ACCOUNTS, details={"limit": 3}
)
