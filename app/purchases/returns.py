"""What money that went back makes of a payment: its credits, its status and its invoice.

Refunds and disputes are records (`refund_records`, `disputes`), of which everything here follows: they may come in any
order. Every function runs in the caller's transaction, on a payment that the caller locked.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from app.clock import utc_now
from app.credits.ledger import claims
from app.credits.models import TransactionType
from app.db.base import db
from app.money import ZERO
from app.purchases import credit_notes, posting, return_queries, states
from app.purchases.models import UNPAID, PaymentStatus
from app.purchases.refund_terms import Bought, credits_due
from app.purchases.states import Returned


def bought(payment: Row[Any]) -> Bought:
    """What was bought with a payment, and what of it went back so far."""
    totals, paid = _totals(payment), received(payment)
    gone = min(paid, totals.refunded + totals.charged_back)
    return Bought(payment.credits, paid, gone, totals.credits)


def received(payment: Row[Any]) -> Decimal:
    """The money that can go back: what is due, or the less that was accepted of a bank transfer."""
    amount: Decimal = payment.amount
    return amount if payment.received_amount is None else min(amount, payment.received_amount)


def excess(payment: Row[Any]) -> Decimal:
    """The money of refunds and lost disputes beyond what was paid, which claims no credits while all of them stand."""
    totals = _totals(payment)
    beyond: Decimal = totals.refunded + totals.charged_back - payment.amount
    return max(ZERO, beyond)


def claim(payment: Row[Any], known: Bought, amount: Decimal, kind: TransactionType, what: str) -> int:
    """Claim the credits for money that went back at the gateway besides what is `known`; how many.

    Spent ones become debt. Expired ones are not claimed. A payment that did not succeed has none yet.
    """
    due = credits_due(known, min(amount, known.refundable)) if is_paid(payment) else 0
    if not due:
        return 0
    description = posting.description(payment, what)
    claimed = claims.claim(payment.account_id, payment.lot_id, due, kind, description, before=known.taken)
    posting.record_change(payment, {"credits_taken": claimed.taken, "credits_owed": claimed.owed, "debt": claimed.debt})
    return claimed.credits


def unclaim(payment: Row[Any], credits: int, what: str, *, late: timedelta, forgive: bool) -> None:
    """Give back claimed credits of a payment, which then expire so much later; `forgive` as in `claims.give_back`."""
    if credits:
        description = posting.description(payment, what)
        claims.give_back(payment.account_id, payment.lot_id, credits, description, late=late, forgive=forgive)


def follow(payment: Row[Any], what: str = "Refund", *, by: str, failure: str = "") -> None:
    """Bring totals, status and credit notes of a payment in line with its refunds and disputes."""
    totals = _totals(payment)
    refunded, charged_back = min(payment.amount, totals.refunded), min(payment.amount, totals.charged_back)
    disputed = min(payment.amount, totals.disputed)
    paid = is_paid(payment)
    returned = Returned(received(payment), refunded, totals.refunding, disputed, charged_back)
    values = {
        "status": states.status_of(returned) if paid else payment.status,
        "amount_refunded": refunded,
        "amount_disputed": disputed,
        "amount_charged_back": charged_back,
        "credits_refunded": totals.credits,
        "failure": failure[:500] if paid else payment.failure,
    }
    about = {**posting.key_of(payment), "settled_by": by, "now": utc_now()}
    db.session.execute(return_queries.FOLLOW_PAYMENT, {**values, **about})
    posting.record_change(payment, values)
    if paid:
        gone = totals.refunded - totals.refunding + totals.charged_back
        # When all that was received went back, nothing was sold: the difference that was accepted is credited, too.
        all_gone = gone >= received(payment)
        gone, waived = min(gone, received(payment)), payment.amount - received(payment) if all_gone else ZERO
        credit_notes.follow(posting.lock_again(payment), gone, what, waived=waived)


def _totals(payment: Row[Any]) -> Row[Any]:
    return db.session.execute(return_queries.TOTALS, posting.key_of(payment)).one()


def is_paid(payment: Row[Any]) -> bool:
    """Whether a payment succeeded, whatever became of it."""
    return PaymentStatus(payment.status) not in UNPAID
