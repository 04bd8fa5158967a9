"""The life of a payment: what each event makes of each status. Everything that changes a status goes by this table.

Statuses are columns of the table, events are rows. `docs/credits.md` prints it, and tests try every cell.
"""

from decimal import Decimal
from enum import Enum, StrEnum
from typing import NamedTuple

from app.db.rules import Rule
from app.errors import Conflict
from app.purchases.models import PaymentStatus


class Event(StrEnum):
    """What happens to a payment."""

    PAID = "paid at the gateway"
    APPROVE = "approved by staff"
    DECLINED = "declined at the gateway"
    GIVEN_UP = "given up at the gateway"
    CANCEL = "cancelled by the buyer or staff"
    REFUND = "refunded by staff"
    RETURN = "refund reported by the gateway"
    DISPUTE = "dispute opened"
    DISPUTE_WON = "dispute won"
    DISPUTE_LOST = "dispute lost"


class Outcome(Enum):
    """What an event makes of a payment besides a status."""

    # 409, nothing changes.
    REFUSED = "refused"
    # Nothing changes: the payment is past this.
    IGNORED = "ignored"
    # Recorded; takes effect if the payment succeeds.
    NOTED = "noted"
    # The status follows from the money that went back: `status_of`.
    FOLLOWS = "follows"


PENDING, FAILED, CANCELLED = PaymentStatus.PENDING, PaymentStatus.FAILED, PaymentStatus.CANCELLED
SUCCEEDED, REFUNDING, PARTIAL = PaymentStatus.SUCCEEDED, PaymentStatus.REFUNDING, PaymentStatus.PARTIALLY_REFUNDED
REFUNDED, DISPUTED, LOST = PaymentStatus.REFUNDED, PaymentStatus.DISPUTED, PaymentStatus.CHARGED_BACK
REFUSED, IGNORED, NOTED, FOLLOWS = Outcome.REFUSED, Outcome.IGNORED, Outcome.NOTED, Outcome.FOLLOWS

STATUSES = (PENDING, FAILED, CANCELLED, SUCCEEDED, REFUNDING, PARTIAL, REFUNDED, DISPUTED, LOST)
# fmt: off
_TABLE: dict[Event, tuple[PaymentStatus | Outcome, ...]] = {
    #                    pending    failed     cancelled  succeeded refunding part.refd refunded disputed charged_back
    Event.PAID:         (SUCCEEDED, SUCCEEDED, SUCCEEDED, IGNORED,  IGNORED,  IGNORED,  IGNORED,  IGNORED,  IGNORED),
    Event.APPROVE:      (SUCCEEDED, REFUSED,   SUCCEEDED, REFUSED,  REFUSED,  REFUSED,  REFUSED,  REFUSED,  REFUSED),
    Event.DECLINED:     (FAILED,    IGNORED,   IGNORED,   IGNORED,  IGNORED,  IGNORED,  IGNORED,  IGNORED,  IGNORED),
    Event.GIVEN_UP:     (CANCELLED, CANCELLED, IGNORED,   IGNORED,  IGNORED,  IGNORED,  IGNORED,  IGNORED,  IGNORED),
    Event.CANCEL:       (CANCELLED, REFUSED,   REFUSED,   REFUSED,  REFUSED,  REFUSED,  REFUSED,  REFUSED,  REFUSED),
    Event.REFUND:       (REFUSED,   REFUSED,   REFUSED,   FOLLOWS,  FOLLOWS,  FOLLOWS,  REFUSED,  REFUSED,  REFUSED),
    Event.RETURN:       (NOTED,     NOTED,     NOTED,     FOLLOWS,  FOLLOWS,  FOLLOWS,  FOLLOWS,  FOLLOWS,  FOLLOWS),
    Event.DISPUTE:      (NOTED,     NOTED,     NOTED,     DISPUTED, DISPUTED, DISPUTED, DISPUTED, DISPUTED, DISPUTED),
    Event.DISPUTE_WON:  (NOTED,     NOTED,     NOTED,     FOLLOWS,  FOLLOWS,  FOLLOWS,  FOLLOWS,  FOLLOWS,  FOLLOWS),
    Event.DISPUTE_LOST: (NOTED,     NOTED,     NOTED,     FOLLOWS,  FOLLOWS,  FOLLOWS,  FOLLOWS,  FOLLOWS,  FOLLOWS),
}
# fmt: on
TRANSITIONS = {
    (status, event): outcome
    for event, outcomes in _TABLE.items()
    for status, outcome in zip(STATUSES, outcomes, strict=True)
}


class Returned(NamedTuple):
    """The money of a payment that succeeded, by what became of it. What is refunded includes pending refunds."""

    amount: Decimal
    refunded: Decimal
    refunding: Decimal
    disputed: Decimal
    charged_back: Decimal


# The status of a payment that succeeded.
STATUS = Rule(
    Returned,
    (lambda it: it.disputed > 0, PaymentStatus.DISPUTED),
    (lambda it: it.charged_back > 0, PaymentStatus.CHARGED_BACK),
    (lambda it: it.refunding > 0, PaymentStatus.REFUNDING),
    (lambda it: it.refunded >= it.amount, PaymentStatus.REFUNDED),
    (lambda it: it.refunded > 0, PaymentStatus.PARTIALLY_REFUNDED),
    (lambda _: True, PaymentStatus.SUCCEEDED),
)


def after(status: str, event: Event) -> PaymentStatus | Outcome:
    """What an event makes of a payment with this status. Raises Conflict where the table refuses it."""
    outcome = TRANSITIONS[PaymentStatus(status), event]
    if outcome is Outcome.REFUSED:
        raise Conflict(f"A payment that is {status} cannot be {event.value.split()[0]}")
    return outcome


def status_of(returned: Returned) -> PaymentStatus:
    """The status of a payment that succeeded."""
    return PaymentStatus(STATUS.decide(returned))
