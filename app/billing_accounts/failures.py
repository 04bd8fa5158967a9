"""Failures of the rules for budgets, as examples for the OpenAPI document."""

from app.errors import Conflict, Invalid, NotFound, Reason

NO_ACCOUNT = NotFound("Billing account 7 was not found", details={"index": 0})
INSUFFICIENT_FUNDS = Invalid(
    "Billing account 7 has 12.5 available, 20 was requested",
    reason=Reason.INSUFFICIENT_FUNDS,
    details={"available": 12.5, "requested": 20},
)
INACTIVE = Conflict("Billing account 7 is inactive", reason=Reason.ACCOUNT_INACTIVE)
NOT_CURRENT = Conflict("Billing account 7 is outside its start and end date", reason=Reason.ACCOUNT_NOT_CURRENT)
CONSUMED = Conflict("30054163 was already consumed", reason=Reason.ALREADY_CONSUMED)
NOT_OPEN_YET = Conflict("Billing account 7 was not open yet", reason=Reason.NOT_OPEN_YET)
USE_CSV = Invalid(
    "The statement has 6,012 movements and a PDF takes 5,000: ask for text/csv",
    reason=Reason.USE_CSV,
    details={"movements": 6012, "most": 5000},
)
BELOW_RESERVED = Conflict(
    "The budget must not be below the sum of locked and consumed amounts",
    reason=Reason.BUDGET_BELOW_RESERVED,
    details={"reserved": 480, "requested": 400},
)
EXCEEDS_CONSUMED = Invalid(
    "12.5 is consumed, 20 was to be reversed",
    reason=Reason.REVERSAL_EXCEEDS_CONSUMED,
    details={"consumed": 12.5, "requested": 20},
)
NOTHING_TO_REVERSE = Conflict("Nothing is consumed that could be reversed", reason=Reason.NOTHING_TO_REVERSE)
PAYMENT_LINE = Conflict("The line belongs to a payment: cancel or correct the payment", reason=Reason.PAYMENT_LINE)
OTHER_CLIENT = Conflict("The billing accounts belong to different clients", reason=Reason.OTHER_CLIENT)
NOTHING_TO_CARRY = Conflict("Nothing remains of the budget of billing account 7", reason=Reason.NOTHING_TO_CARRY)
# Failures of every operation that charges a budget.
CHARGE = (INSUFFICIENT_FUNDS, INACTIVE, NOT_CURRENT)
