"""Lots: adding them, and voiding what is left of one."""

import hashlib
import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from app.audit.models import ObjectType
from app.audit.recording import record
from app.credits import queries
from app.credits.ledger import causes
from app.credits.ledger.book import Book
from app.credits.ledger.lots import Lot, lot_of
from app.credits.ledger.standing import Standing
from app.credits.models import DEFAULT_PRIORITY, LotSource, TransactionType
from app.db.base import db
from app.errors import Conflict, Invalid, NotFound, Reason

_SOURCES = {
    TransactionType.GRANT: LotSource.GRANT,
    TransactionType.PURCHASE: LotSource.PURCHASE,
    TransactionType.ADJUSTMENT: LotSource.ADJUSTMENT,
    TransactionType.REFUND: LotSource.ADJUSTMENT,
}


class Terms(NamedTuple):
    """Credits to add as a lot of their own. `effective_at` defaults to now, `expires_in` counts from it.

    A grant with a `reference` is made once.
    """

    account_id: int
    credits: int
    transaction_type: TransactionType
    description: str
    effective_at: datetime | None = None
    expires_at: datetime | None = None
    expires_in: timedelta | None = None
    priority: int = DEFAULT_PRIORITY
    price_per_credit: Decimal = Decimal(0)
    reference: str = ""


class Granted(NamedTuple):
    """A lot and the transaction that brings its credits, without `id` and `balance_after` while it is pending."""

    lot_id: int | None
    id: int | None
    amount: int
    transaction_type: str
    description: str
    created_at: datetime
    balance_after: int | None
    is_new: bool


def grant(terms: Terms) -> Granted:
    """Add a lot, or find the one with the same reference and terms.

    Raises NotFound, Forbidden (the account is closed), Conflict (the reference has other terms) or Invalid (times that
    are over).
    """
    book = Book([terms.account_id], entries=1)
    standing = book.standing(terms.account_id)
    # What was paid for arrives all the same.
    if terms.transaction_type != TransactionType.PURCHASE:
        standing.require_open()
    digest = _digest(terms)
    lot = _granted_before(standing, terms, digest)
    is_new = lot is None
    if lot is None:
        lot = _new_lot(standing, terms, digest)
        standing.add(lot)
    book.write()
    values = {"account_id": terms.account_id, "lot_id": lot.id}
    brought = standing.arrival(lot) or db.session.execute(queries.ARRIVAL, values).one_or_none()
    about = lot.credits, lot.transaction_type, lot.description
    if brought is None:
        # No transaction yet, which would be the entry.
        if is_new:
            after = {"credits": lot.credits, "description": lot.description, "effective_at": lot.effective_at}
            record(ObjectType.CREDIT_LOT, lot.id, after=after, account_id=terms.account_id)
        return Granted(lot.id, None, *about, lot.effective_at, None, is_new)
    return Granted(lot.id, brought.id, *about, brought.created_at, brought.balance_after, is_new)


def void(account_id: int, lot_id: int, reason: str) -> Lot:
    """Void what is free of a lot, or a lot that is still to arrive.

    Raises NotFound, Forbidden for a closed account, and Conflict for a bought lot or one that nothing is free of.
    """
    book = Book([account_id], lot_ids=[lot_id], entries=1)
    standing = book.standing(account_id)
    standing.require_open()
    lot = require_lot(standing, lot_id)
    if lot.is_bought:
        raise Conflict("Bought credits are refunded with their payment, not voided")
    if lot.is_pending:
        lot.voided = lot.credits
        record(ObjectType.CREDIT_LOT, lot.id, before={"voided": 0}, after={"voided": lot.voided}, account_id=account_id)
    elif lot.free:
        voided = lot.free
        standing.record(TransactionType.VOID, [(lot, -voided)], reason, causes.current())
        lot.voided += voided
    else:
        raise Conflict(f"Lot {lot_id} has no credits that are not held")
    book.write()
    return lot


def catch_up(account_ids: list[int]) -> Book:
    """Post what fell due of accounts."""
    book = Book(account_ids)
    book.write()
    return book


def require_lot(standing: Standing, lot_id: int) -> Lot:
    """A lot that is live or was asked for. Raises NotFound."""
    lot = standing.lot(lot_id)
    if lot is None:
        raise NotFound(f"Lot {lot_id} was not found")
    return lot


def _granted_before(standing: Standing, terms: Terms, digest: str | None) -> Lot | None:
    if not terms.reference:
        return None
    values = {"account_id": terms.account_id, "reference": terms.reference}
    found = db.session.execute(queries.LOT_OF_REFERENCE, values).one_or_none()
    if found is None:
        return None
    if found.request_hash != digest:
        raise Conflict(
            f"The reference {terms.reference!r} was used for another grant",
            reason=Reason.GRANT_EXISTS,
            details={"lot_id": found.id},
        )
    # What fell due just now is not written yet.
    return standing.lot(found.id) or lot_of(found)


def _new_lot(standing: Standing, terms: Terms, digest: str | None) -> Lot:
    effective_at = terms.effective_at or standing.now
    if terms.effective_at is not None and terms.effective_at < standing.now:
        raise Invalid.field("effective_at", "Must not be in the past.")
    expires_at = effective_at + terms.expires_in if terms.expires_in is not None else terms.expires_at
    if expires_at is not None and expires_at <= effective_at:
        raise Invalid.field("expires_at", "Must be after the credits arrive.")
    return Lot(
        None,
        _SOURCES[terms.transaction_type],
        terms.credits,
        effective_at,
        expires_at,
        terms.transaction_type,
        causes.current(),
        standing.now,
        terms.description,
        terms.priority,
        terms.price_per_credit,
        terms.reference,
        digest,
    )


def _digest(terms: Terms) -> str | None:
    """What identifies the terms of a grant with a reference."""
    if not terms.reference:
        return None
    return hashlib.sha256(json.dumps(terms._asdict(), default=str, sort_keys=True).encode()).hexdigest()
