"""Failures at the desk, as examples for the OpenAPI document."""

from app.customers import failures as accounts
from app.errors import Conflict, Invalid, NotFound, Reason
from app.purchases import tax_rates

NO_ACCOUNT = NotFound("Account 17 was not found")
NO_PAYMENT = NotFound("Payment 4711 was not found")
NO_INVOICE = NotFound("Invoice 4711 was not found")
CLOSED = accounts.CLOSED
NOT_ACTIVE = Conflict("Account 7 is suspended, not active")
NOT_SUSPENDED = Conflict("Account 7 is active, not suspended")
BUSY = Conflict(
    "Account 7 cannot be closed while something of it is open: 2 holds, 1 payments",
    reason=Reason.ACCOUNT_BUSY,
    details={"holds": 2, "payments": 1, "disputes": 0},
)
NOT_CLOSED = Conflict("Account 7 is active; only closed accounts can be erased")
UNKNOWN_PLAN = Invalid.field("plan", "There is no plan 'Team'.")
NO_PLAN = NotFound("Plan 4711 was not found")
NO_PACKAGE = NotFound("Credit package 4711 was not found")
TAKEN = Conflict("There is a plan 'Team' already")
NEEDS_DEFAULT = Conflict("New accounts need a plan: make another one the default instead")
NO_TAX_RATE = NotFound("Tax rate 4711 was not found")
RATE_OVERLAPS = tax_rates.overlaps({"id": 7, "country": "IE", "valid_from": "2025-01-01", "valid_to": None})
NO_CREDIT_NOTE = NotFound("Credit note 4711 was not found")
