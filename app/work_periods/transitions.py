"""Where a payment may go from where it stands, and who may send it there."""

from app.auth.actor import Actor
from app.errors import Conflict
from app.work_periods.models import PaymentStatus

CANCELLED, COMPLETED, FAILED = PaymentStatus.CANCELLED, PaymentStatus.COMPLETED, PaymentStatus.FAILED
IN_PROGRESS, SCHEDULED = PaymentStatus.IN_PROGRESS, PaymentStatus.SCHEDULED

PROCESS_SCOPE = "process:taas-workPeriodPayments"

# Active payments count in the totals of their period and hold their amount on the budget.
OPEN = frozenset({SCHEDULED, IN_PROGRESS})
ACTIVE = OPEN | {COMPLETED}

BY_PEOPLE = frozenset({(SCHEDULED, CANCELLED), (COMPLETED, CANCELLED), (FAILED, CANCELLED), (FAILED, SCHEDULED)})
BY_PROCESSING = frozenset({(SCHEDULED, IN_PROGRESS), (IN_PROGRESS, COMPLETED), (IN_PROGRESS, FAILED)})


def require(actor: Actor, present: PaymentStatus, wanted: PaymentStatus, *, may_update: bool) -> None:
    """Raise Conflict unless the caller may move a payment from one status to the other."""
    move = (present, wanted)
    allowed = (may_update and move in BY_PEOPLE) or (actor.has_scope([PROCESS_SCOPE]) and move in BY_PROCESSING)
    if present != wanted and not allowed:
        raise Conflict(f"A payment that is {present} cannot be made {wanted} by you")
