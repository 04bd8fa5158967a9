"""Settlement of payments: a payment that succeeds adds its credits, once.

Every function runs in the caller's transaction and locks the payment first, then the balance.
"""

from typing import Any

from sqlalchemy import Row

from app.clock import utc_now
from app.db.base import db
from app.errors import Invalid
from app.purchases import credit_notes, invoices, posting, queries, returns
from app.purchases.gateways.protocol import Standing
from app.purchases.models import OPEN, UNPAID, PaymentStatus


def keep_reference(payment_id: int, reference: str) -> None:
    """Store the gateway's reference of a payment, unless it has one."""
    db.session.execute(queries.KEEP_REFERENCE, {"payment_id": payment_id, "reference": reference, "now": utc_now()})


def apply(payment_id: int, standing: Standing, *, by: str) -> bool:
    """Apply a report on a payment, and return whether it changed anything.

    Reports may arrive more than once and in any order: success is final, and a failed payment may still succeed. Raises
    Invalid if amount or currency differ from the payment.
    """
    payment = posting.lock(payment_id)
    if standing.status == PaymentStatus.SUCCEEDED:
        if (standing.amount, standing.currency) != (payment.amount, payment.currency):
            raise Invalid(
                f"Expected a payment of {payment.amount} {payment.currency}, not {standing.amount} {standing.currency}"
            )
        if payment.status in UNPAID:
            succeed(payment, by=by)
            return True
    elif payment.status in OPEN and standing.status != payment.status:
        if standing.status == PaymentStatus.CANCELLED:
            cancel(payment, by=by)
            return True
        if standing.status == PaymentStatus.FAILED:
            _mark(payment, PaymentStatus.FAILED, by=by, failure=standing.failure or "")
            return True
    return False


def succeed(payment: Row[Any], *, by: str) -> None:
    """Settle a locked payment as succeeded: add its credits, and issue its invoice or mark it as paid."""
    invoices.settle(payment)
    lot_id = posting.add(payment)
    values = {"payment_id": payment.id, "lot_id": lot_id, "settled_by": by, "now": utc_now()}
    db.session.execute(queries.SETTLE_PAYMENT, values)
    posting.record_change(payment, {"status": PaymentStatus.SUCCEEDED})
    returns.catch_up(payment, by=by)


def cancel(payment: Row[Any], *, by: str) -> None:
    """Cancel a locked payment, and void its invoice by a credit note."""
    _mark(payment, PaymentStatus.CANCELLED, by=by)
    credit_notes.cancel(payment)


def _mark(payment: Row[Any], status: PaymentStatus, *, by: str, failure: str = "") -> None:
    values = {"payment_id": payment.id, "status": status, "settled_by": by, "now": utc_now()}
    db.session.execute(queries.MARK_PAYMENT, {**values, "failure": failure[:500]})
    posting.record_change(payment, {"status": status, "failure": failure[:500]})
