"""Refunds by staff, made in steps as purchases are."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from app import tenancy
from app.auth.actor import Actor
from app.clock import utc_now
from app.credits.ledger import claims
from app.customers import states as account_states
from app.db.transaction import transaction
from app.errors import Conflict, KeyReused, Reason
from app.purchases import gateways, payments, posting, refund_records, refund_terms, returns, states
from app.purchases.gateways.protocol import Gateway, RefundOrder, RefundStanding, RefusedError
from app.purchases.models import PaymentMethod
from app.purchases.refund_records import Source
from app.purchases.refund_terms import RefundTerms
from app.purchases.return_models import RefundStatus
from app.purchases.states import Event


def refund(actor: Actor, payment_id: int, asked: Mapping[str, Any], request_key: str | None) -> Row[Any]:
    """Refund `amount` of a payment and take `credits` of it back, or the rest, for a `reason`: credits first.

    The payment is `refunding` until the gateway reports that the refund succeeded. A repeated call with the same
    `request_key` finds the refund that the first one made. Commits in parts. Raises NotFound, Conflict if the payment
    is not refundable, has less left, some of its credits are spent or the gateway refuses, and Unavailable if the
    gateway cannot be reached; the refund is then completed later.
    """
    with transaction():
        begun = posting.lock(payment_id)
        pending = _begin(actor, begun, asked, request_key)
        payment = payments.get(begun.account_id, payment_id)
    if pending is not None:
        standing = finish(payment, pending, by=actor.subject)
        if standing.status == RefundStatus.FAILED:
            raise Conflict(f"The payment gateway refused the refund: {standing.failure}")
    with transaction():
        tenancy.set_account(payment.account_id)
        return payments.get(payment.account_id, payment_id)


def finish(payment: Row[Any], pending: Row[Any], *, by: str) -> RefundStanding:
    """Make a pending refund at the gateway, or find it there, and settle the outcome."""
    standing = ask(gateways.configured()[PaymentMethod(payment.payment_method)], payment, pending)
    with transaction():
        locked = posting.lock_again(payment)
        # Another call, or an event, may have settled the same refund meanwhile.
        refund_records.settle(locked, refund_records.refund_of(payment, pending.id), standing, Source(by, utc_now()))
    return standing


def ask(gateway: Gateway, payment: Row[Any], pending: Row[Any]) -> RefundStanding:
    """Make a pending refund at the gateway, or find it there; its standing."""
    order = RefundOrder(pending.gateway_key, pending.amount, pending.gateway_reference)
    try:
        return gateway.refund(payments.order_for(payment), order)
    except RefusedError as error:
        return RefundStanding(None, RefundStatus.FAILED, str(error))


def _begin(actor: Actor, payment: Row[Any], asked: Mapping[str, Any], request_key: str | None) -> Row[Any] | None:
    """The pending refund of a locked payment, created by this call or an earlier one; None if the refund is complete.

    Raises Conflict, and Forbidden for a closed account.
    """
    account_states.require_open_of(payment.account_id)
    if payment.payment_method not in gateways.configured():
        raise Conflict(f"{payment.payment_method} is no longer enabled")
    key = {"request_key": request_key, "request_key_owner": actor.identity}
    request = {"reason": asked["reason"], "asked_amount": asked.get("amount"), "asked_credits": asked.get("credits")}
    pending = _keyed(payment, key, request)
    if pending is None:
        states.after(payment.status, Event.REFUND)
        terms = _terms(payment, asked.get("amount"), asked.get("credits"))
        pending = refund_records.begin(payment, terms, {**key, **request}, by=actor.subject)
    if pending.status == RefundStatus.SUCCEEDED:
        return None
    if payment.payment_method == PaymentMethod.MANUAL:
        # Staff send the money back; there is no gateway to call.
        done = RefundStanding(None, RefundStatus.SUCCEEDED, "")
        refund_records.settle(posting.lock_again(payment), pending, done, Source(actor.subject, utc_now()))
        return None
    return pending


def _terms(payment: Row[Any], amount: Any, credits: int | None) -> RefundTerms:
    terms = refund_terms.terms_of(returns.bought(payment), amount, credits)
    available = claims.unspent(payment.account_id, payment.lot_id)
    if available < terms.credits:
        raise Conflict(
            f"{terms.credits - available} of the {terms.credits} credits to be taken back are already spent, held, "
            "frozen or expired",
            reason=Reason.CREDITS_SPENT,
            details={"missing": terms.credits - available, "available": available, "credits": terms.credits},
        )
    return terms


def _keyed(payment: Row[Any], key: Mapping[str, str | None], request: Mapping[str, Any]) -> Row[Any] | None:
    """The refund that this request began before, unless it failed. Raises KeyReused if it asked for another one."""
    if key["request_key"] is None:
        return None
    since = utc_now() - payments.KEYS_LIVE
    begun = next(
        (
            each
            for each in refund_records.refunds_of(payment)
            if {"request_key": each.request_key, "request_key_owner": each.request_key_owner} == key
            and each.status != RefundStatus.FAILED
            and each.created_at > since
        ),
        None,
    )
    if begun is not None and any(getattr(begun, name) != value for name, value in request.items()):
        raise KeyReused("This idempotency key was used for a different refund")
    return begun
