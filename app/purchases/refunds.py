"""Refunds, made in steps as purchases are."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from app import tenancy
from app.auth.actor import Actor
from app.clock import utc_now
from app.customers import states
from app.db.transaction import transaction
from app.errors import Conflict
from app.purchases import gateways, payments, posting, returns
from app.purchases.gateways.protocol import RefundOrder, RefundStanding, RefusedError
from app.purchases.models import PaymentMethod, PaymentStatus, RefundStatus


def refund(actor: Actor, payment_id: int, reason: str, request_key: str | None) -> Row[Any]:
    """Refund the rest of a payment: take back its remaining credits, then return the money.

    The payment is `refunding` until the gateway reports that the refund succeeded. A repeated call with the same
    `request_key` finds the refund that the first one made. Commits in parts. Raises NotFound, Conflict if the payment
    is not refundable, some of its credits are spent or the gateway refuses, and Unavailable if the gateway cannot be
    reached; the refund is then completed later.
    """
    with transaction():
        pending = _begin(actor, payment_id, reason, request_key)
        payment = payments.present(payment_id)
    if pending is not None:
        standing = finish(payment, pending, by=actor.subject)
        if standing.status == RefundStatus.FAILED:
            raise Conflict(f"The payment gateway refused the refund: {standing.failure}")
    with transaction():
        tenancy.set_account(payment.account_id)
        return payments.present(payment_id)


def finish(payment: Row[Any], pending: Row[Any], *, by: str) -> RefundStanding:
    """Make a pending refund at the gateway, or find it there, and settle the outcome."""
    gateway = gateways.configured()[PaymentMethod(payment.payment_method)]
    order = RefundOrder(pending.gateway_key, pending.amount, pending.gateway_reference)
    try:
        standing = gateway.refund(payments.order_for(payment), order)
    except RefusedError as error:
        standing = RefundStanding(None, RefundStatus.FAILED, str(error))
    with transaction():
        locked = posting.lock(payment.id)
        # Another call, or an event, may have settled the same refund meanwhile.
        (present,) = (each for each in returns.refunds_of(payment.id) if each.id == pending.id)
        returns.settle(locked, present, standing, by=by, at=utc_now())
    return standing


def _begin(actor: Actor, payment_id: int, reason: str, request_key: str | None) -> Row[Any] | None:
    """The pending refund, created by this call or an earlier one; None if the refund is complete.

    Raises Conflict, and Forbidden for a closed account.
    """
    payment = posting.lock(payment_id)
    states.require_open_of(payment.account_id)
    if payment.payment_method not in gateways.configured():
        raise Conflict(f"{payment.payment_method} is no longer enabled")
    key = {"request_key": request_key, "request_key_owner": actor.identity}
    if payment.status == PaymentStatus.REFUNDED and _is_repeated(payment_id, key):
        return None
    if payment.status != PaymentStatus.REFUNDING:
        returns.begin(payment, reason=reason, by=actor.subject, key=key)
    pending = next(each for each in returns.refunds_of(payment_id) if each.status == RefundStatus.PENDING)
    if payment.payment_method == PaymentMethod.MANUAL:
        # Staff send the money back; there is no gateway to call.
        done = RefundStanding(None, RefundStatus.SUCCEEDED, "")
        returns.settle(posting.lock(payment_id), pending, done, by=actor.subject, at=utc_now())
        return None
    return pending


def _is_repeated(payment_id: int, key: Mapping[str, str | None]) -> bool:
    return key["request_key"] is not None and any(
        {"request_key": each.request_key, "request_key_owner": each.request_key_owner} == key
        for each in returns.refunds_of(payment_id)
    )
