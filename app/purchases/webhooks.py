"""Events that Stripe sends: each is applied once, whatever their order and however often they come."""

import re
from typing import Any

from app.clock import utc_now
from app.db import tenancy
from app.db.base import db
from app.errors import Invalid
from app.purchases import queries, settlement
from app.web.json import parse

_FOLLOWED = frozenset(
    {
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "payment_intent.canceled",
        "payment_intent.processing",
    }
)
_APPLIED_BY = "stripe"
_WORD = re.compile(r"[\w.-]{1,255}", re.ASCII)


def receive(body: bytes, signature: str, secret: str | None) -> bool:
    """Apply an event; whether it changed anything here.

    Events of other kinds, and about payments that are not ours, change nothing. Raises Invalid when the signature does
    not hold, or something else was paid than was asked for.
    """
    if secret is None:
        raise Invalid("STRIPE_WEBHOOK_SECRET is not set: signatures cannot be checked")
    # Only services that take cards load its library.
    from app.purchases.gateways import stripe  # noqa: PLC0415

    stripe.verify(_text(body), signature, secret)
    event_id, event_type, intent = _read(parse(body))
    if event_type not in _FOLLOWED:
        return False
    try:
        standing = stripe.standing_of(intent)
        reference = _word(intent["id"])
        found = {"reference": reference, "gateway_key": stripe.key_named_by(intent)}
    except (KeyError, ArithmeticError, AttributeError, TypeError, ValueError) as error:
        raise Invalid("The event holds no PaymentIntent") from error
    tenancy.see_every_account()
    payment_id = db.session.execute(queries.FIND_PAYMENT, found).scalar_one_or_none()
    if payment_id is None:
        return False
    event = {"id": event_id, "event_type": event_type, "now": utc_now()}
    if db.session.execute(queries.RECORD_EVENT, event).one_or_none() is None:
        return False
    # Whoever began the payment may have died before keeping it.
    settlement.keep_reference(payment_id, reference)
    return settlement.apply(payment_id, standing, by=_APPLIED_BY)


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Invalid("The body is not UTF-8 text") from None


def _read(event: Any) -> tuple[str, str, dict[str, Any]]:
    try:
        return _word(event["id"]), _word(event["type"]), dict(event["data"]["object"])
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid("The body is not an event") from error


def _word(value: Any) -> str:
    """An identifier of Stripe's. Raises TypeError for what cannot be one."""
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise TypeError("not an identifier")
    return value
