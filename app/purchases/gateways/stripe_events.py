"""Parses Stripe events into reports on payments, refunds and disputes."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from app.clock import utc_now
from app.errors import Invalid
from app.purchases.gateways import stripe
from app.purchases.gateways.protocol import RefundStanding, Standing
from app.purchases.models import DisputeStatus

_WORD = re.compile(r"[\w.-]{1,255}", re.ASCII)
_CENTS = 100
_MOST_CENTS = 10**14


class IntentReport(NamedTuple):
    """The standing of a payment, and the payment key in its metadata."""

    standing: Standing
    key: str | None


class RefundReport(NamedTuple):
    """The standing of a refund, and the refund key in its metadata."""

    standing: RefundStanding
    amount: Decimal
    key: str | None


class ReturnReport(NamedTuple):
    """The total amount refunded of a payment."""

    amount: Decimal


class DisputeReport(NamedTuple):
    """The status and the amount of a dispute."""

    reference: str
    status: DisputeStatus
    amount: Decimal


Report = IntentReport | RefundReport | ReturnReport | DisputeReport


class Told(NamedTuple):
    """A Stripe event: the PaymentIntent it concerns, and its report."""

    event_id: str
    event_type: str
    at: datetime
    intent: str
    currency: str
    report: Report


def read(event: Any) -> Told | None:
    """Parse an event; None if it has no effect here. Raises Invalid for a malformed event."""
    try:
        event_id, event_type, found = word(event["id"]), word(event["type"]), dict(event["data"]["object"])
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
        return Told(event_id, event_type, at, word(intent), found["currency"].upper(), report)
    except (KeyError, ArithmeticError, AttributeError, TypeError, ValueError) as error:
        raise Invalid(f"The {event_type} event is malformed") from error


def word(value: Any) -> str:
    """A Stripe identifier. Raises TypeError for a value that cannot be one."""
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise TypeError("not an identifier")
    return value


def _intent(intent: Mapping[str, Any]) -> Report:
    return IntentReport(stripe.standing_of(intent), stripe.key_named_by(intent))


def _refund(refund: Mapping[str, Any]) -> Report:
    word(refund["id"])
    return RefundReport(
        stripe.refund_standing_of(refund), _amount(refund["amount"]), stripe.refund_key_named_by(refund)
    )


def _charge(charge: Mapping[str, Any]) -> Report:
    return ReturnReport(_amount(charge["amount_refunded"]))


def _dispute(dispute: Mapping[str, Any]) -> Report | None:
    status = _DISPUTE_STATUSES.get(dispute["status"])
    # Inquiries do not move money.
    return None if status is None else DisputeReport(word(dispute["id"]), status, _amount(dispute["amount"]))


def _moment(seconds: Any) -> datetime:
    """When an event was created; now, if it does not say."""
    if seconds is None:
        return utc_now()
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        raise TypeError("not a time")
    return datetime.fromtimestamp(seconds, UTC)


def _amount(cents: Any) -> Decimal:
    if isinstance(cents, bool) or not isinstance(cents, int) or not 0 <= cents <= _MOST_CENTS:
        raise TypeError("not an amount in cents")
    return Decimal(cents) / _CENTS


_DISPUTE_STATUSES = {
    "needs_response": DisputeStatus.OPEN,
    "under_review": DisputeStatus.OPEN,
    "won": DisputeStatus.WON,
    "lost": DisputeStatus.LOST,
}
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
        _dispute,
    ),
}
