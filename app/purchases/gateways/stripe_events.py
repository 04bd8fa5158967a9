"""Parses Stripe events into reports on payments, refunds and disputes."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from app.clock import utc_now
from app.errors import Invalid
from app.purchases.gateways import stripe
from app.purchases.gateways.protocol import DisputeReport, RefundReport, Standing


class IntentReport(NamedTuple):
    """The standing of a payment, and the payment key in its metadata."""

    standing: Standing
    key: str | None


class ReturnReport(NamedTuple):
    """The total amount refunded of a payment."""

    amount: Decimal


Report = IntentReport | RefundReport | ReturnReport | DisputeReport


class EventReport(NamedTuple):
    """A Stripe event: the PaymentIntent it concerns, and its report."""

    event_id: str
    event_type: str
    at: datetime
    intent: str
    currency: str
    report: Report


def read(event: Any) -> EventReport | None:
    """Parse an event; None if it has no effect here. Raises Invalid for a malformed event."""
    try:
        event_id, event_type, found = (
            stripe.word_of(event["id"]),
            stripe.word_of(event["type"]),
            dict(event["data"]["object"]),
        )
        at = _moment(event.get("created"))
    except (KeyError, OSError, OverflowError, TypeError, ValueError) as error:
        raise Invalid("The body is not a Stripe event") from error
    reader = _READERS.get(event_type)
    if reader is None:
        return None
    try:
        intent = found["id"] if reader is _intent else found.get("payment_intent")
        if intent is None:
            # A payment that was not made through this service.
            return None
        report = reader(found)
        if report is None:
            return None
        return EventReport(event_id, event_type, at, stripe.word_of(intent), found["currency"].upper(), report)
    except (KeyError, ArithmeticError, AttributeError, TypeError, ValueError) as error:
        raise Invalid(f"The {event_type} event is malformed") from error


def _intent(intent: Mapping[str, Any]) -> Report:
    return IntentReport(stripe.standing_of(intent), stripe.key_named_by(intent))


def _refund(refund: Mapping[str, Any]) -> Report:
    stripe.word_of(refund["id"])
    return stripe.refund_report_of(refund)


def _charge(charge: Mapping[str, Any]) -> Report:
    return ReturnReport(stripe.amount_of(charge["amount_refunded"]))


def _moment(seconds: Any) -> datetime:
    """When an event was created; now, if it does not say."""
    if seconds is None:
        return utc_now()
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        raise TypeError("not a time")
    return datetime.fromtimestamp(seconds, UTC)


_READERS: dict[str, Callable[[Mapping[str, Any]], Report | None]] = {
    **dict.fromkeys(
        (
            "payment_intent.succeeded",
            "payment_intent.payment_failed",
            "payment_intent.canceled",
            "payment_intent.processing",
        ),
        _intent,
    ),
    **dict.fromkeys(("refund.created", "refund.updated", "refund.failed", "charge.refund.updated"), _refund),
    "charge.refunded": _charge,
    **dict.fromkeys(
        (
            "charge.dispute.created",
            "charge.dispute.updated",
            "charge.dispute.closed",
            "charge.dispute.funds_withdrawn",
            "charge.dispute.funds_reinstated",
        ),
        stripe.dispute_report_of,
    ),
}
