"""Failures of the rules for purchases, as examples for the OpenAPI document."""

from decimal import Decimal

from app.customers import failures as accounts
from app.customers import states
from app.errors import Conflict, Forbidden, Invalid, Reason, Unavailable
from app.purchases import packages, tax, tax_rates
from app.web.failures import UNAVAILABLE

SUSPENDED, CLOSED = accounts.SUSPENDED, accounts.CLOSED
MANAGERS_BUY = states.not_a_buyer()
NOT_SOLD = Conflict("Mega Pack is no longer for sale")
NOT_THE_BUYER = Forbidden(
    "Only an owner or admin of the account, or the member who made the purchase, may cancel this payment"
)
NOT_PENDING = Conflict("The payment is succeeded, not pending")
NOT_REFUNDABLE = Conflict("A payment that is pending cannot be refunded")
CREDITS_SPENT = Conflict(
    "20 of the 500 credits to be taken back are already spent, held or expired",
    reason=Reason.CREDITS_SPENT,
    details={"missing": 20, "available": 480, "credits": 500},
)
COUNTRY_UNKNOWN = tax.country_unknown()
PRICE_CHANGED = packages.price_changed(Decimal("9.00"), Decimal("2.07"), Decimal("9.00"))
RATE_OVERLAPS = tax_rates.overlaps({"id": 7, "country": "IE", "valid_from": "2025-01-01", "valid_to": None})
NOT_SIGNED = Invalid.field("Stripe-Signature", "Is required.", location="headers")
GATEWAY = (
    *UNAVAILABLE,
    Unavailable("The payment gateway is unavailable; try again shortly", reason=Reason.PAYMENT_GATEWAY_UNAVAILABLE),
)
