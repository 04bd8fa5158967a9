"""Money returned to payers by refunds, made here or at the gateway, and by lost disputes; credits are taken back.

Every function runs in the caller's transaction, on a payment that the caller locked. Reports of the gateway may arrive
more than once and in any order: a failed refund stays failed, and a dispute that ended stays ended.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from app.audit.models import ObjectType
from app.audit.recording import record
from app.clock import utc_now
from app.credits.ledger import grants
from app.db.base import db
from app.errors import Conflict, Reason
from app.purchases import credit_notes, posting, queries
from app.purchases.gateways.protocol import RefundStanding
from app.purchases.models import UNPAID, DisputeStatus, PaymentStatus, RefundStatus

_REFUNDABLE = frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.PARTIALLY_REFUNDED})


_NO_KEY = {"request_key": None, "request_key_owner": None}


def refunds_of(payment_id: int) -> Sequence[Row[Any]]:
    """The known refunds of a payment, oldest first."""
    return db.session.execute(queries.REFUNDS, {"payment_id": payment_id}).all()


def begin(payment: Row[Any], *, reason: str, by: str, key: Mapping[str, str | None]) -> None:
    """Create a pending refund of the rest of a locked payment, and take back its remaining credits.

    `key` are the `request_key` of the request and its `request_key_owner`. Raises Conflict if the payment is not
    refundable, or if some of those credits are spent.
    """
    if payment.status not in _REFUNDABLE:
        raise Conflict(f"A payment that is {payment.status} cannot be refunded")
    wanted = payment.credits - payment.credits_refunded
    available = grants.unspent(payment.account_id, payment.lot_id)
    if available < wanted:
        raise Conflict(
            f"{wanted - available} of the {wanted} credits to be taken back are already spent, held or expired",
            reason=Reason.CREDITS_SPENT,
            details={"missing": wanted - available, "available": available, "credits": wanted},
        )
    rest = payment.amount - payment.amount_refunded
    pending = RefundStanding(None, RefundStatus.PENDING, "")
    _create(payment, rest, pending, reason=reason, by=by, key=key, at=utc_now())
    _set_refunded(payment, payment.amount)
    _follow(payment, "Refund", by=by)


def settle(payment: Row[Any], refund: Row[Any], standing: RefundStanding, *, by: str, at: datetime) -> bool:
    """Apply a report on a known refund, and return whether it changed anything. A failed refund returns the credits.

    `at` is when the refund reached this standing.
    """
    is_news = standing.status not in {refund.status, RefundStatus.PENDING} and refund.status != RefundStatus.FAILED
    if is_news or refund.gateway_reference is None:
        values = {"refund_id": refund.id, "reference": standing.reference, "at": at, "now": utc_now()}
        status = standing.status if is_news else refund.status
        db.session.execute(queries.MARK_REFUND, {**values, "status": status, "failure": standing.failure[:500]})
        _record_refund(payment, {"refund_status": refund.status}, {"refund_status": status})
    if not is_news:
        return False
    failure = ""
    if standing.status == RefundStatus.FAILED:
        _set_refunded(payment, payment.amount_refunded - refund.amount)
        failure = f"Refund failed: {standing.failure}"
    _follow(payment, "Refund failed" if failure else "Refund", by=by, failure=failure)
    return True


def report_refund(
    payment: Row[Any], standing: RefundStanding, amount: Decimal, key: str | None, *, by: str, at: datetime
) -> bool:
    """Apply a report on a refund, known here or not, and return whether it changed anything."""
    known = refunds_of(payment.id)
    same = next((each for each in known if standing.reference == each.gateway_reference), None) or next(
        (each for each in known if key == each.gateway_key and each.gateway_reference is None), None
    )
    if same is not None:
        return settle(payment, same, standing, by=by, at=at)
    if amount == 0:
        return False
    _create(payment, amount, standing, reason="", by=by, key=_NO_KEY, at=at)
    counted = sum((each.amount for each in known if each.status != RefundStatus.FAILED), Decimal(0))
    if standing.status != RefundStatus.FAILED:
        _set_refunded(payment, max(payment.amount_refunded, counted + amount))
    elif payment.amount_refunded - counted >= amount:
        # It was part of a total that was reported before.
        _set_refunded(payment, payment.amount_refunded - amount)
    _follow(payment, "Refund", by=by)
    return True


def report_total(payment: Row[Any], amount: Decimal, *, by: str, at: datetime) -> bool:
    """Apply a report on the total refunded at a time, and return whether it changed anything.

    Refunds that failed since are subtracted. Stripe's timestamps are in whole seconds.
    """
    failed = (each for each in refunds_of(payment.id) if each.status == RefundStatus.FAILED)
    amount -= sum((each.amount for each in failed if each.failed_at.replace(microsecond=0) > at), Decimal(0))
    if amount <= payment.amount_refunded:
        return False
    _set_refunded(payment, amount)
    _follow(payment, "Refund", by=by)
    return True


def report_dispute(payment: Row[Any], reference: str, status: DisputeStatus, amount: Decimal, *, by: str) -> bool:
    """Apply a report on a dispute, and return whether it changed anything. A lost dispute charges its amount back."""
    if payment.dispute_reference == reference and payment.dispute_status in {
        status,
        DisputeStatus.WON,
        DisputeStatus.LOST,
    }:
        return False
    lost = amount if status == DisputeStatus.LOST else Decimal(0)
    values = {"payment_id": payment.id, "reference": reference, "status": status, "lost": lost, "now": utc_now()}
    db.session.execute(queries.SET_DISPUTE, values)
    charged_back = min(payment.amount, payment.amount_charged_back + lost)
    disputed = {"dispute_reference": reference, "dispute_status": status, "amount_charged_back": charged_back}
    posting.record_change(payment, disputed)
    _follow(payment, "Dispute lost", by=by)
    return True


def catch_up(payment: Row[Any], *, by: str) -> None:
    """Follow what went back of a payment before it was known here that it had succeeded."""
    if payment.amount_refunded or payment.dispute_status:
        _follow(payment, "Refund", by=by)


def _create(
    payment: Row[Any],
    amount: Decimal,
    standing: RefundStanding,
    *,
    reason: str,
    by: str,
    key: Mapping[str, str | None],
    at: datetime,
) -> None:
    values = {
        "account_id": payment.account_id,
        "payment_id": payment.id,
        "amount": amount,
        "status": standing.status,
        "reason": reason,
        "failure": standing.failure[:500],
        "reference": standing.reference,
        "requested_by": by,
        **key,
        "at": at,
        "now": utc_now(),
    }
    db.session.execute(queries.CREATE_REFUND, values)
    _record_refund(payment, {}, {"refund_amount": amount, "refund_status": standing.status})


def _record_refund(payment: Row[Any], before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    record(ObjectType.PAYMENT, payment.id, before=before, after=after, account_id=payment.account_id)


def _set_refunded(payment: Row[Any], amount: Decimal) -> None:
    values = {"payment_id": payment.id, "amount": min(amount, payment.amount), "now": utc_now()}
    db.session.execute(queries.SET_REFUNDED, values)
    posting.record_change(payment, {"amount_refunded": values["amount"]})


def _follow(payment: Row[Any], what: str, *, by: str, failure: str = "") -> None:
    """Update credits, status and invoice to the amount returned. Spent credits are not taken back."""
    payment = posting.lock(payment.id)
    if payment.status in UNPAID:
        return
    gone = min(payment.amount, payment.amount_refunded + payment.amount_charged_back)
    taken = int(payment.credits * gone // payment.amount)
    change = payment.credits_refunded - taken
    if change < 0:
        change = -min(-change, grants.unspent(payment.account_id, payment.lot_id))
    if change < 0:
        posting.take(payment, -change, what)
    elif change:
        posting.give_back(payment, change, what)
    waiting = sum((each.amount for each in refunds_of(payment.id) if each.status == RefundStatus.PENDING), Decimal(0))
    values = {
        "payment_id": payment.id,
        "status": _status(payment, gone, waiting),
        "failure": failure[:500],
        "credits_refunded": payment.credits_refunded - change,
        "settled_by": by,
        "now": utc_now(),
    }
    db.session.execute(queries.FOLLOW_PAYMENT, values)
    posting.record_change(payment, {name: values[name] for name in ("status", "credits_refunded", "failure")})
    credit_notes.follow(payment, gone - waiting, what)


def _status(payment: Row[Any], gone: Decimal, waiting: Decimal) -> PaymentStatus:
    if payment.dispute_status == DisputeStatus.OPEN:
        return PaymentStatus.DISPUTED
    if payment.amount_charged_back:
        return PaymentStatus.CHARGED_BACK
    if waiting:
        return PaymentStatus.REFUNDING
    if gone == payment.amount:
        return PaymentStatus.REFUNDED
    return PaymentStatus.PARTIALLY_REFUNDED if gone else PaymentStatus.SUCCEEDED
