"""Stripe, by its official library: PaymentIntents, refunds, and the events it sends."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import stripe

from app.errors import Invalid, Reason, Unavailable
from app.purchases.gateways.protocol import Opened, Order, RefusedError, Standing
from app.purchases.models import PaymentStatus

TIMEOUT_SECONDS = 10
RETRIES = 2
SIGNATURE_LIVES_SECONDS = 300
# How far Stripe's clock may be behind ours.
_CLOCK_MARGIN = timedelta(minutes=5)
_CENTS = 100
_KEY = "payment_key"

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
        """A PaymentIntent for the order; the same one when asked again."""
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
        """The PaymentIntent that says it is for the order: Stripe forgets idempotency keys after a day."""
        earliest = (order.created_at - _CLOCK_MARGIN).timestamp()
        with _translated_errors():
            for intent in self._client.v1.payment_intents.list({"limit": 100}).auto_paging_iter():
                if intent.created < earliest:
                    return None
                if key_named_by(intent.to_dict()) == order.key:
                    return str(intent.id)
        return None

    def standing(self, order: Order) -> Standing:
        """What became of the PaymentIntent."""
        with _translated_errors():
            intent = self._client.v1.payment_intents.retrieve(_reference(order))
        return standing_of(intent.to_dict())

    def refund(self, order: Order) -> None:
        """Refund what of the PaymentIntent was not refunded before, by us or at Stripe. Raises RefusedError."""
        if order.reference is None:
            raise RefusedError("no such payment is known there")
        with _translated_errors():
            made = self._client.v1.refunds.list({"payment_intent": order.reference, "limit": 100})
            returned = sum(refund.amount for refund in made.data if refund.status not in {"failed", "canceled"})
            missing = _cents(order.amount) - returned
            if missing <= 0:
                return
            try:
                self._client.v1.refunds.create(
                    {"payment_intent": order.reference, "amount": missing},
                    # Stripe answers a key for a day as it did first: what was refused once gets a new one.
                    {"idempotency_key": f"refund-{order.key}-{order.changed_at.timestamp()}"},
                )
            except stripe.InvalidRequestError as error:
                if error.code == "charge_already_refunded":
                    return
                raise RefusedError(error.user_message or "no reason was given") from error


def standing_of(intent: Mapping[str, Any]) -> Standing:
    """What a PaymentIntent says. Raises KeyError, TypeError and the like when it is none."""
    failure = intent.get("last_payment_error") or {}
    message = failure.get("message")
    if message is not None and (not isinstance(message, str) or "\0" in message):
        raise TypeError("why the payment failed is not text")
    status = PaymentStatus.PENDING
    if intent["status"] == "succeeded":
        status = PaymentStatus.SUCCEEDED
    elif intent["status"] == "canceled":
        status = PaymentStatus.CANCELLED
    elif intent["status"] == "requires_payment_method" and failure:
        status = PaymentStatus.FAILED
    amount = Decimal(intent.get("amount_received") or intent["amount"]) / _CENTS
    return Standing(status, amount, intent["currency"].upper(), message)


def key_named_by(intent: Mapping[str, Any]) -> str | None:
    """The key of the payment that a PaymentIntent says it is for."""
    named = (intent.get("metadata") or {}).get(_KEY)
    try:
        return str(UUID(named))
    except (AttributeError, TypeError, ValueError):
        return None


def verify(payload: str, signature: str, secret: str) -> None:
    """Raise Invalid unless Stripe signed the payload with the secret just now."""
    # The library compares texts, which must be ASCII.
    if not signature.isascii():
        raise Invalid("The Stripe-Signature header is not valid")
    try:
        stripe.WebhookSignature.verify_header(payload, signature, secret, SIGNATURE_LIVES_SECONDS)
    except stripe.SignatureVerificationError as error:
        raise Invalid(f"The Stripe-Signature header is not valid: {error.user_message or error}") from None


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
        # The text may name keys and requests: it is for operators.
        _log.error("Stripe failed: %s", error)
        raise Unavailable(
            "The payment gateway cannot be used now", reason=Reason.PAYMENT_GATEWAY_UNAVAILABLE
        ) from error
