"""Stripe, through its official library: PaymentIntents, refunds, and signatures of events."""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import stripe

from app.errors import Invalid, Reason, Unavailable
from app.purchases.gateways.protocol import (
    DisputeReport,
    Opened,
    Order,
    RefundOrder,
    RefundReport,
    RefundStanding,
    RefusedError,
    Returns,
    Standing,
)
from app.purchases.models import PaymentStatus
from app.purchases.return_models import DisputeStatus, RefundStatus

TIMEOUT_SECONDS = 10
RETRIES = 2
SIGNATURE_LIVES_SECONDS = 300
# How far Stripe's clock may be behind ours.
_CLOCK_MARGIN = timedelta(minutes=5)
_CENTS = 100
_MOST_CENTS = 10**12 - 1
_WORD = re.compile(r"[\w.-]{1,255}", re.ASCII)
_KEY, _REFUND_KEY = "payment_key", "refund_key"
# All other statuses are pending.
_REFUND_STATUSES = {
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.FAILED,
}
# All others are inquiries.
_DISPUTE_STATUSES = {
    "needs_response": DisputeStatus.OPEN,
    "under_review": DisputeStatus.OPEN,
    "won": DisputeStatus.WON,
    "lost": DisputeStatus.LOST,
}

_log = logging.getLogger(__name__)


class StripeGateway:
    """One Stripe account."""

    is_remote = True

    def __init__(self, secret_key: str, api_base: str | None) -> None:
        self._client = stripe.StripeClient(
            secret_key,
            base_addresses={"api": api_base} if api_base else {},
            max_network_retries=RETRIES,
            http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
        )

    def open(self, order: Order) -> Opened:
        """Create a PaymentIntent for the order, or return the one that a previous call created."""
        with _translated_errors():
            if order.reference is not None:
                intent = self._client.v1.payment_intents.retrieve(order.reference)
            else:
                intent = self._client.v1.payment_intents.create(
                    {
                        "amount": _cents(order.amount),
                        "currency": order.currency.lower(),
                        "metadata": {_KEY: order.key, "payment_id": str(order.payment_id)},
                    },
                    {"idempotency_key": f"payment-{order.key}"},
                )
        return Opened(intent.id, intent.client_secret)

    def find(self, order: Order) -> str | None:
        """Find the PaymentIntent by the key in its metadata: Stripe forgets idempotency keys after a day."""
        earliest = (order.created_at - _CLOCK_MARGIN).timestamp()
        with _translated_errors():
            for intent in self._client.v1.payment_intents.list({"limit": 100}).auto_paging_iter():
                if intent.created < earliest:
                    return None
                if key_named_by(intent.to_dict()) == order.key:
                    return str(intent.id)
        return None

    def standing(self, order: Order) -> Standing:
        """The status of the PaymentIntent."""
        with _translated_errors():
            intent = self._client.v1.payment_intents.retrieve(_reference(order))
        return standing_of(intent.to_dict())

    def cancel(self, order: Order) -> Standing:
        """Cancel the PaymentIntent, if there is one and Stripe still lets it be cancelled."""
        reference = order.reference or self.find(order)
        if reference is None:
            return Standing(PaymentStatus.CANCELLED, order.amount, order.currency, None)
        with _translated_errors():
            try:
                intent = self._client.v1.payment_intents.cancel(reference)
            except stripe.InvalidRequestError:
                # It succeeded, is being processed or was cancelled before.
                intent = self._client.v1.payment_intents.retrieve(reference)
        return standing_of(intent.to_dict())

    def returns(self, order: Order) -> Returns:
        """The refunds of the PaymentIntent, and its disputes, but for mere inquiries."""
        about: Any = {"payment_intent": _reference(order), "limit": 100}
        with _translated_errors():
            refunds = [each.to_dict() for each in self._client.v1.refunds.list(about).auto_paging_iter()]
        return Returns([refund_report_of(each) for each in refunds], self._disputes(about))

    def _disputes(self, about: Any) -> list[DisputeReport] | None:
        try:
            with _translated_connection_errors():
                listed = [each.to_dict() for each in self._client.v1.disputes.list(about).auto_paging_iter()]
        except stripe.StripeError as error:
            # A key that is restricted to payments may not read disputes: what was refunded counts all the same.
            _log.warning("Disputes cannot be read from Stripe: %s", error)
            return None
        return [each for each in map(dispute_report_of, listed) if each is not None]

    def refund(self, order: Order, refund: RefundOrder) -> RefundStanding:
        """Create the refund unless it exists. Amounts refunded at Stripe before are not refunded again."""
        if order.reference is None:
            raise RefusedError("the payment does not exist at the gateway")
        with _translated_errors():
            if refund.reference is not None:
                return refund_report_of(self._client.v1.refunds.retrieve(refund.reference).to_dict()).standing
            listed = self._client.v1.refunds.list({"payment_intent": order.reference, "limit": 100})
            made = [each.to_dict() for each in listed.auto_paging_iter()]
            ours = next((each for each in made if refund_key_named_by(each) == refund.key), None)
            if ours is not None:
                return refund_report_of(ours).standing
            standings = {each["id"]: refund_standing_of(each).status for each in made}
            returned = sum(each["amount"] for each in made if standings[each["id"]] != RefundStatus.FAILED)
            missing = min(_cents(refund.amount), _cents(order.amount) - returned)
            if missing <= 0:
                under_way = RefundStatus.PENDING in standings.values()
                return RefundStanding(None, RefundStatus.PENDING if under_way else RefundStatus.SUCCEEDED, "")
            return self._refund(order.reference, missing, refund.key)

    def _refund(self, intent: str, cents: int, key: str) -> RefundStanding:
        try:
            made = self._client.v1.refunds.create(
                {"payment_intent": intent, "amount": cents, "metadata": {_REFUND_KEY: key}},
                {"idempotency_key": f"refund-{key}"},
            )
        except stripe.InvalidRequestError as error:
            if error.code == "charge_already_refunded":
                return RefundStanding(None, RefundStatus.SUCCEEDED, "")
            raise RefusedError(error.user_message or "no reason was given") from error
        return refund_report_of(made.to_dict()).standing


def standing_of(intent: Mapping[str, Any]) -> Standing:
    """The standing of a PaymentIntent. Raises KeyError, TypeError and the like if it is malformed."""
    failure = intent.get("last_payment_error") or {}
    message = text_of(failure.get("message"))
    status = PaymentStatus.PENDING
    if intent["status"] == "succeeded":
        status = PaymentStatus.SUCCEEDED
    elif intent["status"] == "canceled":
        status = PaymentStatus.CANCELLED
    elif intent["status"] == "requires_payment_method" and failure:
        status = PaymentStatus.FAILED
    # Before it succeeds nothing is received: what is asked for counts then.
    is_received = status == PaymentStatus.SUCCEEDED and "amount_received" in intent
    amount = Decimal(intent["amount_received" if is_received else "amount"]) / _CENTS
    return Standing(status, amount, intent["currency"].upper(), message)


def key_named_by(intent: Mapping[str, Any]) -> str | None:
    """The payment key in the metadata of a PaymentIntent."""
    return _key((intent.get("metadata") or {}).get(_KEY))


def refund_standing_of(refund: Mapping[str, Any]) -> RefundStanding:
    """The standing of a refund. Raises KeyError, TypeError and the like if it is malformed."""
    status = _REFUND_STATUSES.get(refund["status"], RefundStatus.PENDING)
    why = text_of(refund.get("failure_reason"))
    return RefundStanding(refund["id"], status, (why or refund["status"]) if status == RefundStatus.FAILED else "")


def refund_report_of(refund: Mapping[str, Any]) -> RefundReport:
    """What a refund says of itself. Raises KeyError, TypeError and the like if it is malformed."""
    amount = amount_of(refund["amount"])
    standing = refund_standing_of(refund)._replace(amount=amount)
    return RefundReport(standing, amount, refund_key_named_by(refund))


def dispute_report_of(dispute: Mapping[str, Any]) -> DisputeReport | None:
    """What a dispute says of itself; None for a mere inquiry, which moves no money. Raises as `refund_report_of`."""
    status = _DISPUTE_STATUSES.get(dispute["status"])
    return None if status is None else DisputeReport(word_of(dispute["id"]), status, amount_of(dispute["amount"]))


def refund_key_named_by(refund: Mapping[str, Any]) -> str | None:
    """The refund key in the metadata of a refund."""
    return _key((refund.get("metadata") or {}).get(_REFUND_KEY))


def text_of(value: Any) -> str | None:
    """A string from Stripe that can be stored, or None. Raises TypeError for any other value."""
    if value is not None and (not isinstance(value, str) or "\0" in value):
        raise TypeError("not a text")
    return value


def word_of(value: Any) -> str:
    """A Stripe identifier. Raises TypeError for a value that cannot be one."""
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise TypeError("not an identifier")
    return value


def amount_of(cents: Any) -> Decimal:
    """An amount in dollars that can be stored. Raises TypeError for a value that is no number of cents."""
    if isinstance(cents, bool) or not isinstance(cents, int) or not 0 <= cents <= _MOST_CENTS:
        raise TypeError("not an amount in cents")
    return Decimal(cents) / _CENTS


def _key(named: Any) -> str | None:
    try:
        return str(UUID(named))
    except (AttributeError, TypeError, ValueError):
        return None


def verify(payload: str, signature: str, secret: str) -> None:
    """Raise Invalid unless Stripe signed the payload with the secret within the last five minutes."""
    if not signature:
        raise Invalid.field("Stripe-Signature", "Is required.", location="headers")
    if not _is_signed(payload, signature, secret):
        problem = f"Is not a signature of this body made in the last {SIGNATURE_LIVES_SECONDS} seconds."
        raise Invalid.field("Stripe-Signature", problem, location="headers")


def _is_signed(payload: str, signature: str, secret: str) -> bool:
    try:
        # The library compares texts, which must be ASCII.
        return signature.isascii() and stripe.WebhookSignature.verify_header(
            payload, signature, secret, SIGNATURE_LIVES_SECONDS
        )
    except stripe.SignatureVerificationError:
        return False


def _cents(amount: Decimal) -> int:
    return int(amount * _CENTS)


def _reference(order: Order) -> str:
    if order.reference is None:
        raise ValueError(f"Payment {order.payment_id} has no reference")
    return order.reference


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except stripe.StripeError as error:
        raise _unavailable(error) from error


@contextmanager
def _translated_connection_errors() -> Iterator[None]:
    """Translate what may be gone with the next attempt; refusals are the caller's."""
    try:
        yield
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        raise _unavailable(error) from error


def _unavailable(error: stripe.StripeError) -> Unavailable:
    # The message may contain keys and request ids; it is for operators only.
    _log.error("Stripe failed: %s", error)
    return Unavailable(
        "The payment gateway is unavailable; try again shortly", reason=Reason.PAYMENT_GATEWAY_UNAVAILABLE
    )
