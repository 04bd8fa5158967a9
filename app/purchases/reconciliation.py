"""Asks the gateways about payments, and applies what was missed: answers that were lost, and events that never came.

A run looks at so many payments at most, those that are due longest first. The gateways are asked about several at once,
outside of any transaction; each payment is then settled in a transaction of its own.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from app import tenancy
from app.clock import utc_now
from app.db.base import db
from app.db.transaction import transaction
from app.errors import ServiceError
from app.purchases import (
    disputes,
    gateways,
    payments,
    posting,
    queries,
    refund_records,
    refunds,
    return_queries,
    settlement,
)
from app.purchases.gateways.protocol import Gateway, RefundStanding, Returns, Standing
from app.purchases.models import OPEN, PaymentMethod, PaymentStatus
from app.purchases.refund_records import Source
from app.purchases.return_models import RefundStatus

# A payment that is unknown at the gateway is cancelled once no request can still be creating it there.
UNKNOWN_AFTER = timedelta(hours=1)
# A payment that is still open is given up.
GIVEN_UP_AFTER = timedelta(hours=24)
# How long refunds and disputes of a payment are looked for.
FOLLOWED_FOR = timedelta(days=180)
# Until then a payment is looked at by each run; later ever more rarely, the longer nothing changed.
BACKS_OFF_AFTER = timedelta(hours=1)
BATCH = 500
# Stripe allows 25 calls a second of a test account, and answers in a fifth of a second.
PARALLEL = 4
_RECONCILER = "reconcile"
_OUTCOMES = {RefundStatus.PENDING: "refund pending", RefundStatus.SUCCEEDED: "refunded"}


class Reconciled(NamedTuple):
    """The outcome for one payment or refund, and whether it changed anything.

    `is_partial` if the gateway refused to list the disputes of a payment, of which the rest was reconciled.
    """

    payment_id: int
    outcome: str
    changed: bool
    failed: bool = False
    is_partial: bool = False


class _Found(NamedTuple):
    """What the gateway knows of a payment: its standing while it is open, later what goes back of it."""

    reference: str | None = None
    standing: Standing | None = None
    refunds: Sequence[tuple[int, RefundStanding]] = ()
    returns: Returns = Returns()


def reconcile() -> Iterator[Reconciled]:
    """Query the gateways about payments that are due, and complete or follow them.

    Yields what changed or failed, every payment that is still open or refunding, and those whose disputes the gateway
    refuses to list.
    """
    due, pending = _due()
    remote = gateways.configured()

    def ask(payment: Row[Any]) -> _Found | ServiceError:
        try:
            return _ask(remote[PaymentMethod(payment.payment_method)], payment, pending[payment.id])
        except ServiceError as failure:
            return failure

    with ThreadPoolExecutor(PARALLEL) as pool:
        for payment, found in zip(due, pool.map(ask, due), strict=True):
            yield from _reconcile(payment, found)


def _due() -> tuple[Sequence[Row[Any]], dict[int, list[Row[Any]]]]:
    """The payments to look at, and their pending refunds."""
    methods = [method for method, gateway in gateways.configured().items() if gateway.is_remote]
    with transaction():
        tenancy.set_every_account()
        values = {"methods": methods, "now": utc_now(), "limit": BATCH}
        due = db.session.execute(queries.DUE_PAYMENTS, values).all()
        pending = defaultdict(list)
        for refund in db.session.execute(return_queries.PENDING_REFUNDS, {"payment_ids": [each.id for each in due]}):
            pending[refund.payment_id].append(refund)
    return due, pending


def _ask(gateway: Gateway, payment: Row[Any], pending: Sequence[Row[Any]]) -> _Found:
    """Ask the gateway about a payment, give it up if it is open for long, and make refunds that are pending."""
    order, age = payments.order_for(payment), utc_now() - payment.created_at
    if payment.status not in OPEN:
        made = [(each.id, refunds.ask(gateway, payment, each)) for each in pending]
        return _Found(refunds=made, returns=gateway.returns(order) if order.reference else Returns())
    reference = order.reference or gateway.find(order)
    if reference is None:
        gone = Standing(PaymentStatus.CANCELLED, payment.amount, payment.currency, None)
        return _Found(standing=gone if age > UNKNOWN_AFTER else None)
    order = order._replace(reference=reference)
    standing = gateway.standing(order)
    if standing.status in OPEN and age > GIVEN_UP_AFTER:
        standing = gateway.cancel(order)
    return _Found(reference, standing)


def _reconcile(payment: Row[Any], found: _Found | ServiceError) -> Iterator[Reconciled]:
    """Settle what the gateway said, and note when to ask again. A failure is the outcome of this payment alone."""
    settled: list[Reconciled] = []
    try:
        try:
            if isinstance(found, ServiceError):
                raise found
            with transaction():
                settled = _settle(payment, found)
        finally:
            _look_again(payment)
    except (ServiceError, SQLAlchemyError) as error:
        settled.append(Reconciled(payment.id, f"not reconciled: {_problem(error)}", changed=False, failed=True))
    yield from settled


def _look_again(payment: Row[Any]) -> None:
    """Note when to look at a payment again, also after a failure: one that always fails must not always come first."""
    with transaction():
        tenancy.set_account(payment.account_id)
        check_at = _next_check(payments.get(payment.account_id, payment.id))
        db.session.execute(queries.SET_CHECK_AT, {**posting.key_of(payment), "check_at": check_at})


def _problem(error: ServiceError | SQLAlchemyError) -> str:
    """A failure in one line."""
    if isinstance(error, ServiceError):
        return error.message
    return str(error).partition("\n")[0]


def _settle(payment: Row[Any], found: _Found) -> list[Reconciled]:
    locked = posting.lock_again(payment)
    if found.reference is not None:
        settlement.keep_reference(payment, found.reference)
    if payment.status in OPEN:
        if found.standing is None:
            return [Reconciled(payment.id, "not begun yet", changed=False)]
        changed = settlement.apply(locked, found.standing, by=_RECONCILER)
        return [Reconciled(payment.id, found.standing.status, changed=changed)]
    source, settled = Source(_RECONCILER, utc_now()), []
    for refund_id, standing in found.refunds:
        refund_records.settle(
            posting.lock_again(payment), refund_records.refund_of(payment, refund_id), standing, source
        )
        outcome = _OUTCOMES.get(standing.status) or f"refund refused: {standing.failure}"
        settled.append(Reconciled(payment.id, outcome, changed=standing.status != RefundStatus.PENDING))
    changes = [refund_records.report(posting.lock_again(payment), each, source) for each in found.returns.refunds]
    listed = found.returns.disputes
    changes += [disputes.report(posting.lock_again(payment), each, by=_RECONCILER) for each in listed or ()]
    if any(changes):
        settled.append(Reconciled(payment.id, posting.lock_again(locked).status, changed=True))
    if listed is None:
        settled.append(Reconciled(payment.id, "disputes are not listed by the gateway", changed=False, is_partial=True))
    return settled


def _next_check(payment: Row[Any]) -> datetime | None:
    """When to look at a payment again: after a quarter of the time for which nothing changed; None for never."""
    now = utc_now()
    unchanged = now - payment.updated_at
    is_open = payment.status in OPEN or payment.status == PaymentStatus.REFUNDING
    if payment.status == PaymentStatus.CANCELLED or (unchanged > FOLLOWED_FOR and not is_open):
        return None
    return now + unchanged / 4 if unchanged > BACKS_OFF_AFTER else now
