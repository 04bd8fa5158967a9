"""Failures of the rules for purchases, as examples for the OpenAPI document."""

from decimal import Decimal

from app.customers import failures as accounts
from app.customers import states
from app.errors import Conflict, Forbidden, Invalid, Reason, Unavailable
from app.purchases import packages, tax
from app.web.failures import UNAVAILABLE

SUSPENDED, CLOSED = accounts.SUSPENDED, accounts.CLOSED
MANAGERS_BUY = states.not_a_buyer()
NOT_SOLD = Conflict("Mega Pack is no longer for sale")
NOT_THE_BUYER = Forbidden(
    "Only an owner or admin of the account, or the member who made the purchase, may cancel this payment"
)
NOT_APPROVABLE = Conflict("A payment that is succeeded cannot be approved")
NOT_CANCELLABLE = Conflict("A payment that is succeeded cannot be cancelled")
NOT_REFUNDABLE = Conflict("A payment that is pending cannot be refunded")
AMOUNT_MISMATCH = Conflict(
    "8.50 USD were received, 9.00 are due",
    reason=Reason.AMOUNT_MISMATCH,
    details={"received": "8.50", "due": "9.00"},
)
REFUND_EXCEEDS = Conflict(
    "4.50 and 250 credits of the payment can be refunded",
    reason=Reason.REFUND_EXCEEDS_PAYMENT,
    details={"refundable": "4.50", "credits": 250},
)
CREDITS_SPENT = Conflict(
    "20 of the 500 credits to be taken back are already spent, held, frozen or expired",
    reason=Reason.CREDITS_SPENT,
    details={"missing": 20, "available": 480, "credits": 500},
)
COUNTRY_UNKNOWN = tax.country_unknown()
PRICE_CHANGED = packages.price_changed(Decimal("9.00"), Decimal("2.07"), Decimal("9.00"))
NOT_SIGNED = Invalid.field("Stripe-Signature", "Is required.", location="headers")
GATEWAY = (
    *UNAVAILABLE,
    Unavailable("The payment gateway is unavailable; try again shortly", reason=Reason.PAYMENT_GATEWAY_UNAVAILABLE),
)
