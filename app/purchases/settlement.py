"""Settlement of payments: a payment that succeeds adds its credits, once.

Every function runs in the caller's transaction and locks the payment first, then the balance.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from app.clock import utc_now
from app.db.base import db
from app.errors import Invalid
from app.purchases import credit_notes, disputes, invoices, posting, queries, refund_records, returns, states
from app.purchases.gateways.protocol import Standing
from app.purchases.models import PaymentStatus
from app.purchases.states import Event, Outcome

_EVENTS = {
    PaymentStatus.SUCCEEDED: Event.PAID,
    PaymentStatus.FAILED: Event.DECLINED,
    PaymentStatus.CANCELLED: Event.GIVEN_UP,
}
# What staff say about a bank transfer; of other payments, the gateway knows.
NOT_BY_TRANSFER: Mapping[str, Any] = {
    "received_amount": None,
    "received_on": None,
    "reference": "",
    "difference_reason": "",
}


def keep_reference(payment: Row[Any], reference: str) -> None:
    """Store the gateway's reference of a payment, unless it has one."""
    values = {**posting.key_of(payment), "reference": reference, "now": utc_now()}
    db.session.execute(queries.KEEP_REFERENCE, values)


def apply(payment: Row[Any], standing: Standing, *, by: str) -> bool:
    """Apply a report on a locked payment, and return whether it changed anything.

    Reports may arrive more than once and in any order: success is final, and a failed payment may still succeed. Raises
    Invalid if amount or currency differ from the payment.
    """
    event = _EVENTS.get(standing.status)
    if event == Event.PAID and (standing.amount, standing.currency) != (payment.amount, payment.currency):
        raise Invalid(
            f"Expected a payment of {payment.amount} {payment.currency}, not {standing.amount} {standing.currency}"
        )
    if event is None or states.after(payment.status, event) is Outcome.IGNORED:
        return False
    if event == Event.PAID:
        succeed(payment, by=by)
    elif event == Event.DECLINED:
        _mark(payment, PaymentStatus.FAILED, by=by, failure=standing.failure or "")
    else:
        cancel(payment, by=by)
    return True


def succeed(payment: Row[Any], *, by: str, received: Mapping[str, Any] = NOT_BY_TRANSFER) -> None:
    """Settle a locked payment as succeeded: add its credits, and issue its invoice or mark it as paid.

    What went back of it before that was known takes effect.
    """
    invoices.settle(payment)
    lot_id = posting.add(payment)
    values = {**posting.key_of(payment), "lot_id": lot_id, "settled_by": by, "now": utc_now(), **received}
    db.session.execute(queries.SETTLE_PAYMENT, values)
    posting.record_change(payment, {"status": PaymentStatus.SUCCEEDED, **received})
    if payment.amount_refunded or payment.amount_disputed or payment.amount_charged_back:
        paid = posting.lock_again(payment)
        disputes.catch_up(paid, refund_records.catch_up(paid))
        returns.follow(paid, by=by)


def cancel(payment: Row[Any], *, by: str) -> None:
    """Cancel a locked payment, and void its invoice by a credit note."""
    _mark(payment, PaymentStatus.CANCELLED, by=by)
    credit_notes.cancel(payment)


def _mark(payment: Row[Any], status: PaymentStatus, *, by: str, failure: str = "") -> None:
    values = {**posting.key_of(payment), "status": status, "settled_by": by, "now": utc_now()}
    db.session.execute(queries.MARK_PAYMENT, {**values, "failure": failure[:500]})
    posting.record_change(payment, {"status": status, "failure": failure[:500]})
