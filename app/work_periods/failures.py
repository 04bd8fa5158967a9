"""Failures of the rules of bookings and payments, as the document shows them."""

from app.billing_accounts.failures import CHARGE
from app.errors import Conflict, Forbidden, NotFound

PAID_WEEK = Conflict("The week of 2025-06-08 has an active payment")
NO_PERIOD = NotFound("Work period 0198f0a2-6c1e-7d53-9b9d-2f6f2a1c7e10 was not found")
NO_PAYMENT = NotFound("Work period payment 0198f0a2-6c1e-7d53-9b9d-2f6f2a1c7e10 was not found")
NOT_DUE = Conflict("No days of this work period are due")
NO_SUCH_MOVE = Conflict("A payment that is completed cannot be made scheduled by you")
NOT_THIS_SCOPE = Forbidden("Only processing says how a payment went")
CREATING = (NO_PERIOD, NOT_DUE, *CHARGE)
CHANGING = (NO_PAYMENT, NO_SUCH_MOVE, NOT_THIS_SCOPE, *CHARGE)
