"""What becomes of payments: credits arrive with success and leave with a refund, each once.

Every function here runs in a transaction of its caller and locks the payment first, then the balance.
"""

from typing import Any

from sqlalchemy import Row

from app.clock import utc_now
from app.credits import ledger
from app.credits.ledger import Entry
from app.credits.models import TransactionType
from app.db import tenancy
from app.db.base import db
from app.errors import Conflict, Invalid, NotFound, PaymentRequired, Reason
from app.purchases import invoices, queries
from app.purchases.gateways.protocol import Standing
from app.purchases.models import InvoiceStatus, PaymentStatus

# From these a payment may still succeed.
OPEN = frozenset({PaymentStatus.PENDING, PaymentStatus.FAILED})


def lock(payment_id: int) -> Row[Any]:
    """The payment, held until the transaction ends, which from here on sees its account alone. Raises NotFound."""
    tenancy.see_every_account()
    payment = db.session.execute(queries.LOCK_PAYMENT, {"payment_id": payment_id}).one_or_none()
    if payment is None:
        raise NotFound(f"Payment {payment_id} was not found")
    tenancy.see(payment.account_id)
    return payment


def keep_reference(payment_id: int, reference: str) -> None:
    """Note what the gateway calls a payment, unless that is known."""
    db.session.execute(queries.KEEP_REFERENCE, {"payment_id": payment_id, "reference": reference, "now": utc_now()})


def apply(payment_id: int, standing: Standing, *, by: str) -> bool:
    """Take over what the gateway says of a payment; whether that was news.

    Reports may come more than once and in any order: success is final, and a failed payment may yet succeed. Raises
    Invalid when something else was paid than was asked for.
    """
    payment = lock(payment_id)
    if standing.status == PaymentStatus.SUCCEEDED:
        if (standing.amount, standing.currency) != (payment.amount, payment.currency):
            raise Invalid(
                f"{payment.amount} {payment.currency} were to be paid, not {standing.amount} {standing.currency}"
            )
        if payment.status in OPEN | {PaymentStatus.CANCELLED}:
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
    """Settle a locked payment: its credits arrive and its invoice is paid."""
    _mark(payment, PaymentStatus.SUCCEEDED, by=by)
    invoices.mark(payment.invoice_id, InvoiceStatus.PAID, utc_now())
    _post(payment, payment.credits, TransactionType.PURCHASE, "Purchase", by=by)


def cancel(payment: Row[Any], *, by: str) -> None:
    """Give a locked payment up; its invoice is void, and keeps its number."""
    _mark(payment, PaymentStatus.CANCELLED, by=by)
    invoices.mark(payment.invoice_id, InvoiceStatus.VOID, utc_now())


def take_back(payment: Row[Any], *, by: str) -> None:
    """Begin the refund of a locked payment by taking its credits. Raises Conflict when some of them are spent."""
    try:
        _post(payment, -payment.credits, TransactionType.REFUND, "Refund", by=by)
    except PaymentRequired as error:
        available = (error.details or {})["available"]
        missing = payment.credits - available
        raise Conflict(
            f"{missing} of the {payment.credits} credits are spent",
            reason=Reason.CREDITS_SPENT,
            details={"missing": missing, "available": available, "credits": payment.credits},
        ) from None
    _mark(payment, PaymentStatus.REFUNDING, by=by)


def finish_refund(payment: Row[Any], *, by: str) -> None:
    """The money of a locked payment went back."""
    _mark(payment, PaymentStatus.REFUNDED, by=by)
    invoices.mark(payment.invoice_id, InvoiceStatus.REFUNDED, utc_now())


def undo_refund(payment: Row[Any], problem: str, *, by: str) -> None:
    """The gateway keeps the money of a locked payment: its credits come back."""
    _mark(payment, PaymentStatus.SUCCEEDED, by=by, failure=f"Refund refused: {problem}")
    _post(payment, payment.credits, TransactionType.REFUND, "Refund refused", by=by)


def _post(payment: Row[Any], amount: int, kind: TransactionType, what: str, *, by: str) -> None:
    invoice = invoices.of_account(payment.account_id, payment.invoice_id)
    entry = Entry(payment.account_id, amount, kind, f"{what}, invoice {invoice.invoice_number}")
    ledger.post_one(entry, created_by=by)


def _mark(payment: Row[Any], status: PaymentStatus, *, by: str, failure: str = "") -> None:
    values = {"payment_id": payment.id, "status": status, "settled_by": by, "now": utc_now()}
    db.session.execute(queries.MARK_PAYMENT, {**values, "failure": failure[:500]})
