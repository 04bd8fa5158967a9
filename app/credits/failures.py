"""Failures of the rules for credits, as examples for the OpenAPI document."""

from app.customers import failures as accounts
from app.errors import Conflict, Invalid, NotFound, PaymentRequired, Reason

SUSPENDED, CLOSED = accounts.SUSPENDED, accounts.CLOSED
NO_ACCOUNT = NotFound("Account 7 was not found")
NO_TRANSACTION = NotFound("Transaction 7 was not found")
NO_LOT = NotFound("Lot 7 was not found")
BOUGHT_LOT = Conflict("Bought credits are refunded with their payment, not voided")
GRANT_EXISTS = Conflict(
    "The reference 'summer-2025' was used for another grant", reason=Reason.GRANT_EXISTS, details={"lot_id": 7}
)
NOT_OPEN_YET = Conflict("Account 7 was not open yet", reason=Reason.NOT_OPEN_YET)
USE_CSV = Invalid(
    "The statement has 12,345 transactions and a PDF takes 5,000: ask for text/csv",
    reason=Reason.USE_CSV,
    details={"transactions": 12_345, "most": 5_000},
)
NO_USAGE = NotFound("Usage 7 was not found")
NO_CAP = NotFound("Cap 7 was not found")
NOTHING_TO_REVERSE = Conflict(
    "0 credits of the usage can be taken back",
    reason=Reason.NOTHING_TO_REVERSE,
    details={"reversible": 0, "requested": 3},
)
CAP_REACHED = PaymentRequired(
    "The cap of 500 credits for operation image_generation is reached",
    reason=Reason.CAP_REACHED,
    details={
        "cap": {"id": 7, "kind": "operation", "subject": "image_generation", "period": "day", "credits": 500},
        "used": 499,
        "resets_at": "2025-12-06T00:00:00.000Z",
    },
)
NO_HOLD = NotFound("Hold 7 was not found")
_HOLD = {
    "id": 7,
    "reference": "job-17",
    "amount": 75,
    "captured": 60,
    "remaining": 0,
    "status": "captured",
    "operation_type": "image_generation",
    "expires_at": "2025-12-05T11:00:00.000Z",
}
HOLD_EXISTS = Conflict(
    "The reference 'job-17' was used for another hold", reason=Reason.HOLD_EXISTS, details={"hold": _HOLD}
)
HOLD_ENDED = Conflict("The hold is captured", reason=Reason.HOLD_ENDED, details={"hold": _HOLD})
CAPTURE_EXCEEDS = Conflict(
    "80 credits are to be captured, 75 are held",
    reason=Reason.CAPTURE_EXCEEDS_HOLD,
    details={"requested": 80, "remaining": 75, "captured": 0},
)
INSUFFICIENT = PaymentRequired("3 credits are needed, 2 are left", details={"available": 2, "requested": 3})
IN_DEBT = PaymentRequired(
    "The account owes 300 credits, which were spent and whose payment was returned",
    reason=Reason.ACCOUNT_IN_DEBT,
    details={"debt": 300},
)
# Of what spends or holds credits.
SPENDING = (INSUFFICIENT, IN_DEBT, CAP_REACHED, SUSPENDED, CLOSED)
CAPTURING = (INSUFFICIENT, CAP_REACHED, NO_HOLD, HOLD_ENDED, CAPTURE_EXCEEDS, CLOSED)
OWNS_ONE = Conflict("You already own an account")
TOO_MANY = Conflict(
    "You already opened 3 accounts, the maximum per person", reason=Reason.TOO_MANY_ACCOUNTS, details={"limit": 3}
)
