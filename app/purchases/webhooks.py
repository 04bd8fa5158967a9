"""Events that Stripe sends: each is applied once, whatever their order and however often they come."""

from typing import TYPE_CHECKING

from app import tenancy
from app.clock import utc_now
from app.db.base import db
from app.errors import Invalid
from app.purchases import posting, queries, returns, settlement
from app.web.json import parse

if TYPE_CHECKING:
    from app.purchases.gateways.stripe_events import Told

_APPLIED_BY = "stripe"


def receive(body: bytes, signature: str, secret: str | None) -> bool:
    """Apply an event; whether it changed anything here.

    Events of other kinds, and about payments that are not ours, change nothing. Raises Invalid when the signature does
    not hold, or something else was paid than was asked for.
    """
    if secret is None:
        raise Invalid("STRIPE_WEBHOOK_SECRET is not set: signatures cannot be checked")
    # Only services that take cards load its library.
    from app.purchases.gateways import stripe, stripe_events  # noqa: PLC0415

    stripe.verify(_text(body), signature, secret)
    told = stripe_events.read(parse(body))
    if told is None:
        return False
    key = told.report.key if isinstance(told.report, stripe_events.IntentReport) else None
    tenancy.set_every_account()
    found = {"reference": told.intent, "gateway_key": key}
    payment_id = db.session.execute(queries.FIND_PAYMENT, found).scalar_one_or_none()
    if payment_id is None:
        return False
    event = {"id": told.event_id, "event_type": told.event_type, "now": utc_now()}
    if db.session.execute(queries.RECORD_EVENT, event).one_or_none() is None:
        return False
    return _apply(payment_id, told)


def _apply(payment_id: int, told: "Told") -> bool:
    from app.purchases.gateways.stripe_events import IntentReport, RefundReport, ReturnReport  # noqa: PLC0415

    report = told.report
    if isinstance(report, IntentReport):
        # Whoever began the payment may have died before keeping it.
        settlement.keep_reference(payment_id, told.intent)
        return settlement.apply(payment_id, report.standing, by=_APPLIED_BY)
    payment = posting.lock(payment_id)
    if told.currency != payment.currency:
        raise Invalid(f"The payment is in {payment.currency}, not {told.currency}")
    if isinstance(report, RefundReport):
        return returns.report_refund(payment, report.standing, report.amount, report.key, by=_APPLIED_BY, at=told.at)
    if isinstance(report, ReturnReport):
        return returns.report_total(payment, report.amount, by=_APPLIED_BY, at=told.at)
    return returns.report_dispute(payment, report.reference, report.status, report.amount, by=_APPLIED_BY)


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Invalid("The body is not UTF-8 text") from None
