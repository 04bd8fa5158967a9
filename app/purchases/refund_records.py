"""The refunds of a payment, requested here or made at the gateway, and what is reported of them.

Reports may arrive more than once and in any order, also before the gateway answered the request that they are about: a
refund that failed stays failed. Every function runs in the caller's transaction, on a payment that the caller locked.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Row

from app.clock import utc_now
from app.credits.models import TransactionType
from app.db.base import db
from app.purchases import disputes, posting, return_queries, returns, states
from app.purchases.gateways.protocol import RefundReport, RefundStanding
from app.purchases.refund_terms import Bought, RefundTerms
from app.purchases.return_models import RefundStatus
from app.purchases.states import Event

PENDING, SUCCEEDED, FAILED = RefundStatus.PENDING, RefundStatus.SUCCEEDED, RefundStatus.FAILED
# Those of the gateway were not requested here.
_NOT_REQUESTED: Mapping[str, Any] = {
    "reason": "",
    "asked_amount": None,
    "asked_credits": None,
    "request_key": None,
    "request_key_owner": None,
}


class Source(NamedTuple):
    """Who reports a refund, and as of when."""

    by: str
    at: datetime


def refunds_of(payment: Row[Any]) -> Sequence[Row[Any]]:
    """The known refunds of a payment, oldest first."""
    return db.session.execute(return_queries.REFUNDS, posting.key_of(payment)).all()


def refund_of(payment: Row[Any], refund_id: int) -> Row[Any]:
    """A refund that exists."""
    (found,) = (each for each in refunds_of(payment) if each.id == refund_id)
    return found


def begin(payment: Row[Any], terms: RefundTerms, request: Mapping[str, Any], *, by: str) -> Row[Any]:
    """Record a refund that is requested here, and take its credits back.

    Of the `request` it keeps the `reason`, the `asked_amount`, the `asked_credits`, and its key with the key's owner.
    """
    if terms.credits:
        posting.take(payment, terms.credits, "Refund")
    refund_id = _create(payment, terms, RefundStanding(None, PENDING, ""), Source(by, utc_now()), request)
    returns.follow(payment, by=by)
    return refund_of(payment, refund_id)


def settle(payment: Row[Any], refund: Row[Any], standing: RefundStanding, source: Source) -> bool:
    """Apply a report on a known refund, and return whether it changed anything. A failed one returns the credits."""
    if refund.gateway_reference is None and standing.reference is not None:
        named = {**_key_of(refund), "reference": standing.reference, "now": utc_now()}
        db.session.execute(return_queries.NAME_REFUND, named)
    if refund.status != FAILED and standing.amount is not None and 0 < standing.amount < refund.amount:
        # The gateway had returned the rest before.
        _split(payment, refund, refund.amount - standing.amount, source)
        refund = refund_of(payment, refund.id)
    if standing.status in {refund.status, PENDING} or refund.status == FAILED:
        return False
    excess = returns.excess(payment)
    _mark(payment, refund, standing, source)
    if standing.status == FAILED:
        late, is_ours = utc_now() - refund.created_at, refund.request_key_owner is not None
        returns.unclaim(payment, refund.credits, "Refund failed", late=late, forgive=not is_ours)
        disputes.after_failed_refund(payment, refund.credits, excess - returns.excess(payment))
    failure = f"Refund failed: {standing.failure}" if standing.status == FAILED else ""
    returns.follow(payment, by=source.by, failure=failure)
    return True


def report(payment: Row[Any], about: RefundReport, source: Source) -> bool:
    """Apply a report on a refund, known here or not, and return whether it changed anything."""
    states.after(payment.status, Event.RETURN)
    known = refunds_of(payment)
    same = _same(known, about)
    if same is not None:
        return settle(payment, same, about.standing, source)
    unnamed = [each for each in known if each.status == SUCCEEDED and each.gateway_reference is None]
    if unnamed:
        return _name(payment, unnamed, about, source)
    return _add(payment, about.amount, about.standing, source)


def report_total(payment: Row[Any], amount: Decimal, source: Source) -> bool:
    """Apply a report on the total refunded at a time, and return whether it changed anything.

    Refunds that failed since are subtracted. Stripe's timestamps are in whole seconds.
    """
    states.after(payment.status, Event.RETURN)
    failed = (each for each in refunds_of(payment) if each.status == FAILED)
    amount -= sum((each.amount for each in failed if each.failed_at.replace(microsecond=0) > source.at), Decimal(0))
    more = amount - payment.amount_refunded
    return more > 0 and _add(payment, more, RefundStanding(None, SUCCEEDED, ""), source)


def catch_up(payment: Row[Any]) -> Bought:
    """Claim the credits of refunds that were reported before the payment succeeded; what that makes of it."""
    known = Bought(payment.credits, payment.amount, Decimal(0), 0)
    for each in refunds_of(payment):
        if each.status != FAILED:
            credits = returns.claim(payment, known, each.amount, TransactionType.REFUND, "Refund")
            _resize(each, each.amount, credits)
            gone = min(payment.amount, known.returned + each.amount)
            known = known._replace(returned=gone, taken=known.taken + credits)
    return known


def _same(known: Sequence[Row[Any]], about: RefundReport) -> Row[Any] | None:
    """The refund that a report is about: by its reference, its key, or as the only one that waits for its reference."""
    reference = about.standing.reference
    waiting = [each for each in known if each.status == PENDING and each.gateway_reference is None]
    return (
        next((each for each in known if each.gateway_reference == reference), None)
        or next((each for each in known if each.gateway_key == about.key and each.gateway_reference is None), None)
        or next((each for each in waiting if about.key is None and each.amount == about.amount), None)
    )


def _name(payment: Row[Any], unnamed: Sequence[Row[Any]], about: RefundReport, source: Source) -> bool:
    """Find a refund in what was reported as part of a total, and apply the report on it."""
    refund = next((each for each in unnamed if each.amount == about.amount), None) or max(
        unnamed, key=lambda each: each.amount
    )
    if about.amount < refund.amount:
        _split(payment, refund, refund.amount - about.amount, source)
        refund = refund_of(payment, refund.id)
    more = min(about.amount, refund.amount + _rest(payment)) - refund.amount
    if more > 0 and about.standing.status != FAILED:
        credits = returns.claim(payment, returns.bought(payment), more, TransactionType.REFUND, "Refund")
        _resize(refund, refund.amount + more, refund.credits + credits)
    if about.standing.status == PENDING:
        _mark(payment, refund, about.standing, source)
    settle(payment, refund_of(payment, refund.id), about.standing, source)
    returns.follow(payment, by=source.by)
    return True


def _add(payment: Row[Any], amount: Decimal, standing: RefundStanding, source: Source) -> bool:
    """Record a refund that was made at the gateway, and claim its credits; whether there was any money left for it."""
    if standing.status == FAILED:
        if amount > 0:
            _create(payment, RefundTerms(amount, 0), standing, source)
        return amount > 0
    amount = min(amount, _rest(payment))
    if amount <= 0:
        return False
    credits = returns.claim(payment, returns.bought(payment), amount, TransactionType.REFUND, "Refund")
    _create(payment, RefundTerms(amount, credits), standing, source)
    returns.follow(payment, by=source.by)
    return True


def _rest(payment: Row[Any]) -> Decimal:
    """The money of which no refund is known."""
    known = (each.amount for each in refunds_of(payment) if each.status != FAILED)
    return Decimal(payment.amount) - sum(known, Decimal(0))


def _split(payment: Row[Any], refund: Row[Any], amount: Decimal, source: Source) -> None:
    """Make so much money of a refund, and its share of credits, another one that succeeded at the gateway."""
    credits = int(refund.credits * amount // refund.amount)
    _resize(refund, refund.amount - amount, refund.credits - credits)
    _create(payment, RefundTerms(amount, credits), RefundStanding(None, SUCCEEDED, ""), source)


def _create(
    payment: Row[Any],
    terms: RefundTerms,
    standing: RefundStanding,
    source: Source,
    request: Mapping[str, Any] = _NOT_REQUESTED,
) -> int:
    values = {
        "account_id": payment.account_id,
        "payment_id": payment.id,
        **terms._asdict(),
        "status": standing.status,
        "failure": standing.failure[:500],
        "gateway_reference": standing.reference,
        "requested_by": source.by,
        **request,
        "at": source.at,
        "now": utc_now(),
    }
    refund_id: int = db.session.execute(return_queries.CREATE_REFUND, values).scalar_one()
    after = {"refund_amount": terms.amount, "refund_credits": terms.credits, "refund_status": standing.status}
    posting.record_change(payment, after)
    return refund_id


def _mark(payment: Row[Any], refund: Row[Any], standing: RefundStanding, source: Source) -> None:
    values = {**_key_of(refund), "status": standing.status, "failure": standing.failure[:500]}
    db.session.execute(return_queries.MARK_REFUND, {**values, "at": source.at, "now": utc_now()})
    posting.record_change(payment, {"refund_status": standing.status})


def _resize(refund: Row[Any], amount: Decimal, credits: int) -> None:
    values = {**_key_of(refund), "amount": amount, "credits": credits, "now": utc_now()}
    db.session.execute(return_queries.RESIZE_REFUND, values)


def _key_of(refund: Row[Any]) -> dict[str, int]:
    return {"account_id": refund.account_id, "refund_id": refund.id}
