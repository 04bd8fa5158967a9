"""Purchases, approvals and refunds.

What involves a gateway goes in steps: the intent is recorded and committed, the gateway is called outside of any
transaction, and the outcome is settled. A process that dies between two steps leaves a payment that the caller, a
webhook or `flask payments reconcile` takes up where it stands.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row

from app.auth.actor import Actor
from app.clock import utc_now
from app.customers import membership
from app.db import tenancy
from app.db.base import db
from app.db.paging import Page
from app.db.transaction import transaction
from app.errors import Conflict, Invalid, KeyReused, NotFound, Unavailable
from app.purchases import gateways, invoices, packages, queries, settlement
from app.purchases.gateways.protocol import Order, RefusedError, Standing
from app.purchases.models import CURRENCY, PaymentMethod, PaymentStatus

KEYS_LIVE = timedelta(hours=24)
# A payment that the gateway knows nothing of is given up when nobody can be about to begin it any more.
GIVEN_UP_AFTER = timedelta(hours=1)
BATCH = 100
_RECONCILER = "reconcile"


def search(actor: Actor, arguments: Mapping[str, Any]) -> Page:
    """One page of the payments of the caller's account."""
    return queries.PAYMENTS.page(arguments, account_id=membership.enter(actor).account_id)


def methods(actor: Actor) -> list[dict[str, Any]]:
    """Every way to pay, and whether it is set up."""
    membership.enter(actor)
    configured = gateways.configured()
    return [
        {"payment_method": method, "display_name": name, "is_enabled": method in configured}
        for method, name in gateways.DISPLAY_NAMES.items()
    ]


def purchase(actor: Actor, package_id: int, method: PaymentMethod, request_key: str | None) -> dict[str, Any]:
    """Buy a package: an invoice, a payment, and for Stripe the secret with which the payer's browser goes on.

    Sent again with the same `request_key`, it goes on with the payment it began. Commits in parts. Raises Invalid for a
    method that is not set up, NotFound, Conflict, and Unavailable when the gateway cannot be asked: the payment then
    stays pending.
    """
    gateway = gateways.configured().get(method)
    if gateway is None:
        raise Invalid.field("payment_method", f"{method} is not set up here.")
    with transaction():
        payment = _begin(actor, package_id, method, request_key)
    opened = gateway.open(_order(payment))
    with transaction():
        tenancy.see(payment.account_id)
        if opened.reference is not None:
            settlement.keep_reference(payment.id, opened.reference)
        return {
            "invoice": invoices.of_account(payment.account_id, payment.invoice_id),
            "payment": _get(payment.id),
            "client_secret": opened.client_secret or "",
        }


def approve(actor: Actor, payment_id: int) -> Row[Any]:
    """Staff saw the money of a bank transfer: its credits arrive. Raises NotFound and Conflict."""
    payment = settlement.lock(payment_id)
    if payment.payment_method != PaymentMethod.MANUAL:
        raise Conflict("Only a bank transfer is approved; the gateway decides on this payment")
    if payment.status != PaymentStatus.PENDING:
        raise Conflict(f"The payment is {payment.status}")
    settlement.succeed(payment, by=actor.subject)
    return _get(payment_id)


def refund(actor: Actor, payment_id: int, request_key: str | None) -> Row[Any]:
    """Take the credits of a payment back and give its money back.

    Sent again with the same `request_key`, it finds the refund it made. Commits in parts. Raises NotFound, Conflict
    when the payment did not succeed, some of its credits are spent or the gateway refuses, and Unavailable when the
    gateway cannot be asked: the refund is then finished later.
    """
    with transaction():
        payment = _begin_refund(actor, payment_id, request_key)
    if payment.status == PaymentStatus.REFUNDED:
        return payment
    refused = _return_money(payment, by=actor.subject)
    if refused is not None:
        raise Conflict(f"The payment gateway refused the refund: {refused}")
    with transaction():
        tenancy.see(payment.account_id)
        return _get(payment_id)


class Reconciled(NamedTuple):
    """What the gateway said of an open payment, and whether that was news."""

    payment_id: int
    outcome: str
    changed: bool
    failed: bool = False


def reconcile() -> Iterator[Reconciled]:
    """Ask the gateways about every open payment, and finish what was left halfway. Commits payment by payment."""
    remote = [method for method, gateway in gateways.configured().items() if gateway.is_remote]
    after = 0
    while True:
        with transaction():
            tenancy.see_every_account()
            values = {"methods": remote, "after": after, "limit": BATCH}
            batch = db.session.execute(queries.OPEN_PAYMENTS, values).all()
        for payment in batch:
            try:
                yield _reconcile(payment)
            except (Unavailable, Invalid) as error:
                yield Reconciled(payment.id, f"not reconciled: {error.message}", changed=False, failed=True)
        if len(batch) < BATCH:
            return
        after = batch[-1].id


def _reconcile(payment: Row[Any]) -> Reconciled:
    gateway = gateways.configured()[PaymentMethod(payment.payment_method)]
    if payment.status == PaymentStatus.REFUNDING:
        refused = _return_money(payment, by=_RECONCILER)
        return Reconciled(payment.id, "refunded" if refused is None else f"refund refused: {refused}", changed=True)
    order = _order(payment)
    if order.reference is None:
        reference = gateway.find(order)
        if reference is None:
            return _give_up(payment)
        with transaction():
            tenancy.see(payment.account_id)
            settlement.keep_reference(payment.id, reference)
        order = order._replace(reference=reference)
    return _take_over(payment, gateway.standing(order))


def _take_over(payment: Row[Any], standing: Standing) -> Reconciled:
    with transaction():
        changed = settlement.apply(payment.id, standing, by=_RECONCILER)
    return Reconciled(payment.id, standing.status, changed=changed)


def _give_up(payment: Row[Any]) -> Reconciled:
    """Cancel a payment that the gateway knows nothing of, unless it may be about to."""
    if payment.created_at > utc_now() - GIVEN_UP_AFTER:
        return Reconciled(payment.id, "not begun yet", changed=False)
    return _take_over(payment, Standing(PaymentStatus.CANCELLED, payment.amount, payment.currency, None))


def _begin(actor: Actor, package_id: int, method: PaymentMethod, request_key: str | None) -> Row[Any]:
    """Record that a purchase is wanted, or find the record that the same request made before."""
    account_id = membership.enter(actor).account_id
    key = {"request_key_owner": actor.identity, "request_key": request_key}
    now = utc_now()
    if request_key is not None:
        db.session.execute(queries.ONE_KEYED_REQUEST_AT_A_TIME, key)
        db.session.execute(queries.FORGET_OLD_KEY, {**key, "expired": now - KEYS_LIVE})
        begun = db.session.execute(queries.KEYED_PAYMENT, key).one_or_none()
        if begun is not None:
            if (begun.package_id, begun.payment_method) != (package_id, method):
                raise KeyReused("This idempotency key was used for another purchase")
            return begun
    package = packages.require_for_sale(package_id)
    values = {
        **key,
        "requested_by": actor.subject,
        "account_id": account_id,
        "invoice_id": invoices.create(account_id, package, now),
        "package_id": package.id,
        "credits": package.credits,
        "amount": package.price,
        "currency": CURRENCY,
        "payment_method": method,
        "now": now,
    }
    return _get(db.session.execute(queries.CREATE_PAYMENT, values).scalar_one())


def _begin_refund(actor: Actor, payment_id: int, request_key: str | None) -> Row[Any]:
    """The payment without its credits, its money still to be returned unless staff send it or that is done."""
    payment = settlement.lock(payment_id)
    key = {"refund_requested_by": actor.subject, "refund_key": request_key}
    if payment.payment_method not in gateways.configured():
        raise Conflict(f"{payment.payment_method} is not set up here any more")
    if payment.status == PaymentStatus.SUCCEEDED:
        settlement.take_back(payment, by=actor.subject)
        db.session.execute(queries.KEEP_REFUND_KEY, {**key, "payment_id": payment_id})
        if payment.payment_method == PaymentMethod.MANUAL:
            # Staff send the money back: there is nobody to ask.
            settlement.finish_refund(payment, by=actor.subject)
    elif payment.status == PaymentStatus.REFUNDED:
        if request_key is None or key != {name: getattr(payment, name) for name in key}:
            raise Conflict("The payment is refunded")
    elif payment.status != PaymentStatus.REFUNDING:
        raise Conflict(f"The payment is {payment.status}")
    return _get(payment_id)


def _return_money(payment: Row[Any], *, by: str) -> str | None:
    """Refund at the gateway and settle that; why it was refused if it was."""
    gateway = gateways.configured()[PaymentMethod(payment.payment_method)]
    refused: str | None = None
    try:
        gateway.refund(_order(payment))
    except RefusedError as error:
        refused = str(error)
    with transaction():
        locked = settlement.lock(payment.id)
        # Another call may have settled the same refund meanwhile.
        if locked.status == PaymentStatus.REFUNDING:
            if refused is None:
                settlement.finish_refund(locked, by=by)
            else:
                settlement.undo_refund(locked, refused, by=by)
    return refused


def _order(payment: Row[Any]) -> Order:
    return Order(
        payment_id=payment.id,
        key=payment.gateway_key,
        amount=payment.amount,
        currency=payment.currency,
        created_at=payment.created_at,
        changed_at=payment.updated_at,
        reference=payment.gateway_reference or None,
    )


def _get(payment_id: int) -> Row[Any]:
    payment = db.session.execute(queries.PAYMENT, {"payment_id": payment_id}).one_or_none()
    if payment is None:
        raise NotFound(f"Payment {payment_id} was not found")
    return payment
