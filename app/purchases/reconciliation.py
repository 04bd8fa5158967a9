"""Completes payments and refunds that were interrupted between this service and the gateways."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row

from app import tenancy
from app.clock import utc_now
from app.db.base import db
from app.db.fast.prepared import AnyPrepared
from app.db.transaction import transaction
from app.errors import Invalid, Unavailable
from app.purchases import gateways, payments, posting, queries, refunds, returns, settlement
from app.purchases.gateways.protocol import Standing
from app.purchases.models import PaymentMethod, PaymentStatus, RefundStatus

# A payment that is unknown at the gateway is cancelled once no request can still be creating it there.
GIVEN_UP_AFTER = timedelta(hours=1)
BATCH = 100
_RECONCILER = "reconcile"
_OUTCOMES = {RefundStatus.PENDING: "refund pending", RefundStatus.SUCCEEDED: "refunded"}


class Reconciled(NamedTuple):
    """The outcome of one open payment or pending refund, and whether it changed anything."""

    payment_id: int
    outcome: str
    changed: bool
    failed: bool = False


def reconcile() -> Iterator[Reconciled]:
    """Query the gateways about every open payment and pending refund, and complete those that were interrupted.

    Commits each one separately.
    """
    for payment in _each(queries.OPEN_PAYMENTS):
        try:
            yield _reconcile_payment(payment)
        except (Unavailable, Invalid) as error:
            yield Reconciled(payment.id, f"not reconciled: {error.message}", changed=False, failed=True)
    for refund in _each(queries.PENDING_REFUNDS):
        try:
            yield _reconcile_refund(refund)
        except (Unavailable, Invalid) as error:
            yield Reconciled(refund.payment_id, f"not reconciled: {error.message}", changed=False, failed=True)


def _each(query: AnyPrepared) -> Iterator[Row[Any]]:
    """The rows of a query that pages by id, for remote gateways."""
    remote = [method for method, gateway in gateways.configured().items() if gateway.is_remote]
    after = 0
    while True:
        with transaction():
            tenancy.set_every_account()
            batch = db.session.execute(query, {"methods": remote, "after": after, "limit": BATCH}).all()
        yield from batch
        if len(batch) < BATCH:
            return
        after = batch[-1].id


def _reconcile_payment(payment: Row[Any]) -> Reconciled:
    gateway = gateways.configured()[PaymentMethod(payment.payment_method)]
    order = payments.order_for(payment)
    if order.reference is None:
        reference = gateway.find(order)
        if reference is None:
            return _give_up(payment)
        with transaction():
            tenancy.set_account(payment.account_id)
            settlement.keep_reference(payment.id, reference)
        order = order._replace(reference=reference)
    return _take_over(payment, gateway.standing(order))


def _take_over(payment: Row[Any], standing: Standing) -> Reconciled:
    with transaction():
        changed = settlement.apply(payment.id, standing, by=_RECONCILER)
    return Reconciled(payment.id, standing.status, changed=changed)


def _give_up(payment: Row[Any]) -> Reconciled:
    """Cancel a payment that is unknown at the gateway, unless it was created recently."""
    if payment.created_at > utc_now() - GIVEN_UP_AFTER:
        return Reconciled(payment.id, "not begun yet", changed=False)
    return _take_over(payment, Standing(PaymentStatus.CANCELLED, payment.amount, payment.currency, None))


def _reconcile_refund(found: Row[Any]) -> Reconciled:
    with transaction():
        payment = posting.lock(found.payment_id)
        (refund,) = (each for each in returns.refunds_of(payment.id) if each.id == found.id)
    standing = refunds.finish(payment, refund, by=_RECONCILER)
    outcome = _OUTCOMES.get(standing.status) or f"refund refused: {standing.failure}"
    return Reconciled(payment.id, outcome, changed=standing.status != RefundStatus.PENDING)
