"""Failures of the rules for bookings and payments, as examples for the OpenAPI document."""

from app.billing_accounts.failures import CHARGE
from app.errors import Conflict, Forbidden, NotFound, Reason

PAID_WEEK = Conflict("The week of 2025-06-08 has payments and cannot be removed")
NO_PERIOD = NotFound("Work period 0198f0a2-6c1e-7d53-9b9d-2f6f2a1c7e10 was not found")
NO_PAYMENT = NotFound("Work period payment 0198f0a2-6c1e-7d53-9b9d-2f6f2a1c7e10 was not found")
NOT_DUE = Conflict("No days of this work period are due")
BOOKING_CANCELLED = Conflict("The booking is cancelled and cannot be paid", reason=Reason.BOOKING_CANCELLED)
NO_SUCH_MOVE = Conflict("A payment cannot be moved from completed to scheduled")
NOT_THIS_SCOPE = Forbidden(
    "Your roles and scopes do not allow sending statusDetails; required: process:taas-workPeriodPayments",
    details={"roles": [], "scopes": ["process:taas-workPeriodPayments"]},
)
CREATING = (NO_PERIOD, NOT_DUE, BOOKING_CANCELLED, *CHARGE)
CHANGING = (NO_PAYMENT, NO_SUCH_MOVE, NOT_THIS_SCOPE, BOOKING_CANCELLED, *CHARGE)
