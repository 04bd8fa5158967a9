"""Stripe webhook events: each is applied once, in any order and however often it is delivered."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row

from app import tenancy
from app.clock import utc_now
from app.db.base import db
from app.db.transaction import transaction
from app.errors import Invalid
from app.purchases import disputes, posting, queries, refund_records, settlement
from app.purchases.gateways.protocol import DisputeReport
from app.web.json import parse

if TYPE_CHECKING:
    from app.purchases.gateways.stripe_events import EventReport

_APPLIED_BY = "stripe"
# Stripe retries for three days, and lists events, which can be sent again by hand, for thirty.
EVENTS_ARE_KEPT = timedelta(days=90)


def receive(body: bytes, signature: str, secret: str | None) -> bool:
    """Apply an event, and return whether it changed anything.

    Events of other types, and about unknown payments, change nothing. Raises Invalid for an invalid signature, a
    malformed event, or an amount or currency that differs from the payment.
    """
    if secret is None:
        raise Invalid("Signatures cannot be verified: STRIPE_WEBHOOK_SECRET is not set")
    # Imported only here: installations without card payments do not load the library.
    from app.purchases.gateways import stripe, stripe_events  # noqa: PLC0415

    stripe.verify(_text(body), signature, secret)
    event = stripe_events.read(parse(body))
    if event is None:
        return False
    key = event.report.key if isinstance(event.report, stripe_events.IntentReport) else None
    tenancy.set_every_account()
    found = {"reference": event.intent, "gateway_key": key}
    payment = db.session.execute(queries.FIND_PAYMENT, found).one_or_none()
    if payment is None:
        return False
    tenancy.set_account(payment.account_id)
    seen = {"id": event.event_id, "event_type": event.event_type, "now": utc_now()}
    if db.session.execute(queries.RECORD_EVENT, seen).one_or_none() is None:
        return False
    return _apply(posting.lock_again(payment), event)


def prune_events() -> int:
    """Delete the records of events that Stripe can no longer send again; how many."""
    with transaction():
        return len(db.session.execute(queries.PRUNE_EVENTS, {"before": utc_now() - EVENTS_ARE_KEPT}).all())


def _apply(payment: Row[Any], event: "EventReport") -> bool:
    """Apply a report on a locked payment."""
    from app.purchases.gateways.stripe_events import IntentReport, ReturnReport  # noqa: PLC0415

    report = event.report
    if isinstance(report, IntentReport):
        # The process that created the payment may have died before it stored the reference.
        settlement.keep_reference(payment, event.intent)
        return settlement.apply(payment, report.standing, by=_APPLIED_BY)
    if event.currency != payment.currency:
        raise Invalid(f"Expected an event in {payment.currency}, not {event.currency}")
    if isinstance(report, DisputeReport):
        return disputes.report(payment, report, by=_APPLIED_BY)
    source = refund_records.Source(_APPLIED_BY, event.at)
    if isinstance(report, ReturnReport):
        return refund_records.report_total(payment, report.amount, source)
    return refund_records.report(payment, report, source)


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Invalid("The body is not valid UTF-8 text") from None
