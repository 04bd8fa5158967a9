"""Disputes at the gateway: an open one freezes credits, a lost one takes them back.

Reports may arrive more than once and in any order: a dispute that ended stays ended. Every function runs in the
caller's transaction, on a payment that the caller locked.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from app.clock import utc_now
from app.credits.ledger import claims
from app.credits.models import TransactionType
from app.db.base import db
from app.money import ZERO
from app.purchases import posting, return_queries, returns, states
from app.purchases.gateways.protocol import DisputeReport
from app.purchases.refund_terms import Bought
from app.purchases.return_models import DisputeStatus
from app.purchases.states import Event

_EVENTS = {
    DisputeStatus.OPEN: Event.DISPUTE,
    DisputeStatus.WON: Event.DISPUTE_WON,
    DisputeStatus.LOST: Event.DISPUTE_LOST,
}


def report(payment: Row[Any], about: DisputeReport, *, by: str) -> bool:
    """Apply a report on a dispute, and return whether it changed anything."""
    known = next((each for each in _disputes(payment) if each.gateway_reference == about.reference), None)
    if known is not None and (known.status != DisputeStatus.OPEN or known.status == about.status):
        return False
    states.after(payment.status, _EVENTS[about.status])
    dispute_id = _create(payment, about) if known is None else known.id
    _settle(payment, dispute_id, about, returns.bought(payment))
    _freeze(payment)
    posting.record_change(payment, {"dispute": about.reference, "dispute_status": about.status})
    returns.follow(payment, "Dispute lost", by=by)
    return True


def catch_up(payment: Row[Any], known: Bought) -> None:
    """Let disputes that were reported before the payment succeeded take effect; `known` is what was refunded of it."""
    for each in _disputes(payment):
        about = DisputeReport(each.gateway_reference, DisputeStatus(each.status), each.amount)
        credits = _settle(payment, each.id, about, known)
        if about.status == DisputeStatus.LOST:
            gone = min(payment.amount, known.returned + each.amount)
            known = known._replace(returned=gone, taken=known.taken + credits)
    _freeze(payment)


def after_failed_refund(payment: Row[Any], credits: int, uncovered: Decimal) -> None:
    """Let disputes apply to what a refund that failed gave back: so many `credits`, of which they freeze their share.

    Lost disputes claim the credits of the `uncovered` money, which had gone back once, not by the refund as well.
    """
    known = returns.bought(payment)
    for each in _disputes(payment):
        if each.status == DisputeStatus.OPEN and known.refundable:
            share = int(credits * min(each.amount, known.refundable) // known.refundable)
            _mark(payment, each.id, each.status, each.amount, frozen=each.frozen + share)
        elif each.status == DisputeStatus.LOST and uncovered:
            before = known._replace(returned=known.returned - uncovered)
            claimed = returns.claim(payment, before, uncovered, TransactionType.CHARGEBACK, "Charged back")
            _mark(payment, each.id, each.status, each.amount, credits=each.credits + claimed)
            uncovered = ZERO
    _freeze(payment)


def _settle(payment: Row[Any], dispute_id: int, about: DisputeReport, known: Bought) -> int:
    """Record where a dispute stands, and what that makes of credits; how many it takes back."""
    frozen = credits = 0
    if about.status == DisputeStatus.LOST:
        credits = returns.claim(payment, known, about.amount, TransactionType.CHARGEBACK, "Charged back")
    elif about.status == DisputeStatus.OPEN and returns.is_paid(payment) and known.refundable:
        # What is left of the lot belongs to the money that did not go back.
        rest = claims.rest(payment.account_id, payment.lot_id)
        frozen = int(rest * min(about.amount, known.refundable) // known.refundable)
    _mark(payment, dispute_id, about.status, about.amount, frozen=frozen, credits=credits)
    return credits


def _mark(
    payment: Row[Any], dispute_id: int, status: str, amount: Decimal, *, frozen: int = 0, credits: int = 0
) -> None:
    values = {"account_id": payment.account_id, "dispute_id": dispute_id, "status": status, "amount": amount}
    values |= {"frozen": frozen, "credits": credits, "now": utc_now()}
    db.session.execute(return_queries.MARK_DISPUTE, values)


def _freeze(payment: Row[Any]) -> None:
    """Let of the lot be frozen what its open disputes freeze."""
    if returns.is_paid(payment):
        claims.freeze(payment.account_id, payment.lot_id, sum(each.frozen for each in _disputes(payment)))


def _create(payment: Row[Any], about: DisputeReport) -> int:
    values = {
        "account_id": payment.account_id,
        "payment_id": payment.id,
        "gateway_reference": about.reference,
        "amount": about.amount,
        "status": DisputeStatus.OPEN,
        "now": utc_now(),
    }
    dispute_id: int = db.session.execute(return_queries.CREATE_DISPUTE, values).scalar_one()
    return dispute_id


def _disputes(payment: Row[Any]) -> Sequence[Row[Any]]:
    return db.session.execute(return_queries.DISPUTES, posting.key_of(payment)).all()
