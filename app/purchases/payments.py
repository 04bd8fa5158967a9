"""Purchases, approvals and cancellations.

Purchases are made in steps: the intent is recorded and committed, the gateway is called outside of any transaction, and
the outcome is settled in a second transaction. If a process dies between two steps, the payment is completed by the
caller's retry, a webhook event or `flask payments reconcile`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from app import tenancy
from app.audit.models import ObjectType
from app.audit.recording import record
from app.auth.actor import Actor
from app.clock import utc_now
from app.customers import states as account_states
from app.customers.membership import MANAGERS, Membership
from app.db.base import db
from app.db.paging import ListQuery, Page
from app.db.transaction import transaction
from app.errors import Conflict, Forbidden, Invalid, KeyReused, NotFound, Reason
from app.purchases import gateways, invoices, packages, posting, queries, settlement, states
from app.purchases.gateways.protocol import Order
from app.purchases.models import CURRENCY, PaymentMethod, PaymentStatus
from app.purchases.states import Event
from app.tenancy import Routed

KEYS_LIVE = timedelta(hours=24)
# What the entry of a new payment says.
_AUDITED = ("status", "payment_method", "package_id", "credits", "amount", "currency", "invoice_id")


def get(account_id: int, payment_id: int) -> Row[Any]:
    """A payment of the account, as it is now. Raises NotFound."""
    values = {"account_id": account_id, "payment_id": payment_id}
    payment = db.session.execute(queries.PAYMENT, values).one_or_none()
    if payment is None:
        raise NotFound(f"Payment {payment_id} was not found")
    return payment


def search(account_id: int, arguments: Mapping[str, Any], listed: ListQuery | None = None) -> Page:
    """One page of the payments of an account; `listed` is a query of the same rows with more columns."""
    return (listed or queries.PAYMENTS).page(arguments, account_id=account_id)


def count_open(account_id: int) -> dict[str, int]:
    """Count the `payments` and `disputes` of an account whose outcome is not known yet."""
    return db.session.execute(queries.COUNT_OPEN, {"account_id": account_id}).one()._asdict()


def methods() -> list[dict[str, Any]]:
    """All payment methods, and whether each is enabled."""
    configured = gateways.configured()
    return [
        {"payment_method": method, "display_name": name, "is_enabled": method in configured}
        for method, name in gateways.DISPLAY_NAMES.items()
    ]


def purchase(
    actor: Actor,
    membership: Membership,
    package_id: int,
    method: PaymentMethod,
    *,
    request_key: str | None,
    expected_total: Decimal | None = None,
) -> dict[str, Any]:
    """Buy a package: create a payment, and an invoice for a bank transfer or a secret for the payer's browser.

    A repeated call with the same `request_key` continues the payment that the first one created. Commits in parts.
    Raises Invalid for a method that is not enabled, Forbidden, NotFound, Conflict, and Unavailable if the gateway
    cannot be reached; the payment then stays pending.
    """
    gateway = gateways.configured().get(method)
    if gateway is None:
        raise Invalid.field("payment_method", f"{method} is not enabled.")
    with transaction():
        tenancy.set_account(membership.account_id)
        payment = _begin(actor, membership, package_id, method, request_key=request_key, expected_total=expected_total)
    opened = gateway.open(order_for(payment))
    with transaction():
        tenancy.set_account(payment.account_id)
        if opened.reference is not None:
            settlement.keep_reference(payment, opened.reference)
        payment = get(payment.account_id, payment.id)
        return {
            "invoice": payment.invoice_id and invoices.get(payment.account_id, payment.invoice_id),
            "payment": payment,
            "client_secret": opened.client_secret or "",
        }


def approve(actor: Actor, payment_id: int, received: Mapping[str, Any]) -> Row[Any]:
    """Settle a bank transfer that arrived, and add its credits; a cancelled one, too, which is invoiced again.

    `received` has the `received_amount`, by default what is due, `received_on`, the `reference` of the bank, and, to
    `accept_difference`, the `reason`. Raises NotFound, Forbidden for a closed account, Conflict for a payment that is
    settled or made by card, or for another amount than is due, and Invalid.
    """
    payment = posting.lock(payment_id)
    account_states.require_open_of(payment.account_id)
    if payment.payment_method != PaymentMethod.MANUAL:
        raise Conflict("Only bank transfers can be approved; the payment gateway settles this payment")
    states.after(payment.status, Event.APPROVE)
    settlement.succeed(payment, by=actor.subject, received=_received(payment, received))
    return get(payment.account_id, payment_id)


def cancel(actor: Actor, membership: Membership | None, payment_id: int) -> Row[Any]:
    """Cancel a payment before it is made, at its gateway too, and void its invoice.

    Permitted to staff, who have no `membership`, owners and admins of the account, and the member who made the
    purchase. Commits in parts. Raises Forbidden for others and for a closed account, NotFound, Conflict for a payment
    that is not pending, or cannot be cancelled at the gateway any more, and Unavailable if that cannot be reached.
    """
    with transaction():
        payment = _lock_to_cancel(actor, membership, payment_id)
        if payment.payment_method == PaymentMethod.MANUAL:
            settlement.cancel(payment, by=actor.subject)
            return get(payment.account_id, payment_id)
        payment = get(payment.account_id, payment_id)
    gateway = gateways.configured().get(PaymentMethod(payment.payment_method))
    if gateway is None:
        raise Conflict(f"{payment.payment_method} is no longer enabled")
    standing = gateway.cancel(order_for(payment))
    with transaction():
        settlement.apply(posting.lock_again(payment), standing, by=actor.subject)
        cancelled = get(payment.account_id, payment_id)
    if cancelled.status != PaymentStatus.CANCELLED:
        raise Conflict(f"The payment gateway no longer cancels the payment, which is {cancelled.status}")
    return cancelled


def _lock_to_cancel(actor: Actor, membership: Membership | None, payment_id: int) -> Row[Any]:
    payment = posting.lock(payment_id)
    if membership is not None and payment.account_id != membership.account_id:
        raise NotFound(f"Payment {payment_id} was not found")
    account_states.require_open_of(payment.account_id)
    is_manager = membership is None or membership.role in MANAGERS
    if not is_manager and payment.request_key_owner != actor.identity:
        raise Forbidden(
            "Only an owner or admin of the account, or the member who made the purchase, may cancel this payment"
        )
    states.after(payment.status, Event.CANCEL)
    return payment


def _received(payment: Row[Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of an approval. Raises Conflict and Invalid."""
    amount, reason = told.get("received_amount", payment.amount), told.get("reason", "")
    if amount != payment.amount and not told.get("accept_difference"):
        raise Conflict(
            f"{amount:.2f} {payment.currency} were received, {payment.amount:.2f} are due",
            reason=Reason.AMOUNT_MISMATCH,
            details={"received": f"{amount:.2f}", "due": f"{payment.amount:.2f}"},
        )
    if amount != payment.amount and not reason:
        raise Invalid.field("reason", "Is required to accept a difference.")
    return {
        "received_amount": amount,
        "received_on": told.get("received_on"),
        "reference": told.get("reference", ""),
        "difference_reason": reason if amount != payment.amount else "",
    }


def _begin(
    actor: Actor,
    membership: Membership,
    package_id: int,
    method: PaymentMethod,
    *,
    request_key: str | None,
    expected_total: Decimal | None,
) -> Row[Any]:
    """Record the intent of a purchase, or find the record of an earlier request with the same key."""
    account_id = membership.account_id
    key = {"account_id": account_id, "request_key_owner": actor.identity, "request_key": request_key}
    now = utc_now()
    begun = None if request_key is None else _begun(key, now)
    if begun is not None:
        if (begun.package_id, begun.payment_method) != (package_id, method):
            raise KeyReused("This idempotency key was used for a different purchase")
        return begun
    account_states.require_may_buy(membership)
    package = packages.require_for_sale(package_id)
    values = {
        **key,
        "requested_by": actor.subject,
        "package_id": package.id,
        "credits": package.credits,
        "expires_after_days": package.expires_after_days,
        **packages.quote(account_id, package, expected_total, now).as_order(),
        "currency": CURRENCY,
        "payment_method": method,
        "now": now,
    }
    payment_id: int = db.session.execute(queries.CREATE_PAYMENT, values).scalar_one()
    tenancy.keep_routes(Routed.PAYMENT, [payment_id], [account_id])
    if method == PaymentMethod.MANUAL:
        invoices.issue(account_id, payment_id)
    payment = get(account_id, payment_id)
    after = {name: getattr(payment, name) for name in _AUDITED}
    record(ObjectType.PAYMENT, payment.id, after=after, account_id=account_id)
    return payment


def _begun(key: Mapping[str, Any], now: datetime) -> Row[Any] | None:
    """The payment of an earlier request with the same key; requests with one key wait for each other."""
    db.session.execute(queries.ONE_KEYED_REQUEST_AT_A_TIME, key)
    db.session.execute(queries.FORGET_OLD_KEY, {**key, "expired": now - KEYS_LIVE})
    return db.session.execute(queries.KEYED_PAYMENT, key).one_or_none()


def order_for(payment: Row[Any]) -> Order:
    """The description of a payment for its gateway."""
    return Order(
        payment_id=payment.id,
        key=payment.gateway_key,
        amount=payment.amount,
        currency=payment.currency,
        created_at=payment.created_at,
        reference=payment.gateway_reference or None,
    )
