"""Holding credits, and what becomes of holds: captured, released, changed. Each call decides for many, in order."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import bindparam, func, select

from app.audit.models import ObjectType
from app.audit.recording import record
from app.credits.hold_models import CreditHold, HoldStatus, OverCapture
from app.credits.ledger import causes, refusals, rule
from app.credits.ledger.book import Book
from app.credits.ledger.causes import Cause
from app.credits.ledger.holds import COLUMNS, Hold
from app.credits.ledger.rule import Debit
from app.credits.ledger.standing import Standing
from app.credits.ledger.transactions import Draws, Transaction
from app.credits.models import TransactionType
from app.db import versions
from app.db.base import db
from app.db.fast.prepared import Prepared
from app.db.rules import Rule
from app.db.versions import Expected
from app.errors import Conflict, Invalid, NotFound, Reason, ServiceError

MAX_LIFE = timedelta(days=30)
# The first fields of `Hold.standing`, which its entries show.
_CHANGING = ("amount", "captured", "remaining", "status", "expires_at")

_COUNT_OPEN = Prepared(
    select(func.count()).where(CreditHold.account_id == bindparam("account_id"), CreditHold.status == HoldStatus.OPEN)
)

Asked = TypeVar("Asked", "Terms", "Capture")


class Terms(NamedTuple):
    """Credits to hold for an operation, once for a `reference`, for so many seconds."""

    account_id: int
    reference: str
    amount: int
    operation_type: str
    expires_in: int
    over_capture: str
    description: str
    user_id: str
    # The API key that holds them. Another caller that repeats the call gets the same hold.
    key_id: int | None = None

    @property
    def digest(self) -> str:
        """What identifies them."""
        terms = {name: value for name, value in self._asdict().items() if name != "key_id"}
        return hashlib.sha256(json.dumps(terms, sort_keys=True).encode()).hexdigest()


class Capture(NamedTuple):
    """Held credits to spend: all that remain unless an `amount` is given. A final one ends the hold."""

    account_id: int
    hold_id: int
    amount: int | None
    final: bool


@dataclass(slots=True)
class Held:
    """A hold as an operation left it, and what is available after it."""

    hold: Hold
    shown: dict[str, Any]
    available_after: int
    is_new: bool = False
    transaction: Transaction | None = None

    @classmethod
    def of(cls, hold: Hold, standing: Standing, **more: Any) -> "Held":
        """The hold as it is now."""
        return cls(hold, {name: getattr(hold, name) for name in COLUMNS}, standing.available, **more)

    def __getattr__(self, name: str) -> Any:
        if name == "transaction_id":
            return None if self.transaction is None else self.transaction.id
        # Its id is taken when everything is decided.
        return self.hold.id if name == "id" else self.shown[name]


Outcome = Held | ServiceError


def create(terms: Sequence[Terms]) -> list[Outcome]:
    """Hold credits; the hold for each, new or the one with the same reference and terms, or the failure.

    Those are NotFound, Forbidden, Conflict (the reference has other terms) and PaymentRequired.
    """
    book = Book((each.account_id for each in terms), references=[each.reference for each in terms])
    return _decide(book, terms, _create)


def capture(captures: Sequence[Capture]) -> list[Outcome]:
    """Spend credits of holds; the hold for each, or the failure.

    Those are NotFound, Forbidden, Conflict (the hold ended, or holds less) and PaymentRequired.
    """
    hold_ids = [each.hold_id for each in captures]
    book = Book((each.account_id for each in captures), hold_ids=hold_ids, entries=len(captures))
    cause = causes.current()
    return _decide(book, captures, lambda standing, each: _capture(standing, each, cause))


def release(account_id: int, hold_id: int) -> Held:
    """Give back what a hold holds. Raises NotFound, Forbidden, and Conflict when it ended."""
    book = Book([account_id], hold_ids=[hold_id])
    standing = book.standing(account_id)
    hold = _open_hold(standing, hold_id)
    standing.end(hold, HoldStatus.RELEASED, standing.now)
    held = Held.of(hold, standing)
    _write(book, [hold])
    return held


def change(account_id: int, hold_id: int, amount: int | None, expires_in: int | None, expected: Expected) -> Held:
    """Change how many credits a hold is for, and for how many seconds from now.

    Raises NotFound, Forbidden, PreconditionFailed, Conflict (the hold ended, or more is captured already),
    PaymentRequired, and Invalid for a hold that would last too long.
    """
    book = Book([account_id], hold_ids=[hold_id])
    standing = book.standing(account_id)
    hold = _open_hold(standing, hold_id)
    versions.require(hold.version, expected)
    if expires_in is not None:
        expires_at = standing.now + timedelta(seconds=expires_in)
        if expires_at > hold.created_at + MAX_LIFE:
            raise Invalid.field("expires_in", f"Must end within {MAX_LIFE.days} days of the creation of the hold.")
        hold.expires_at = expires_at
    if amount is not None:
        _resize(standing, hold, amount)
    standing.due_at = min(standing.due_at, hold.expires_at)
    hold.version += 1
    held = Held.of(hold, standing)
    _write(book, [hold])
    return held


def count_open(account_id: int) -> int:
    """Count the open holds of an account whose balance is locked, and of which all that is due is posted."""
    number: int = db.session.execute(_COUNT_OPEN, {"account_id": account_id}).scalar_one()
    return number


def _decide(book: Book, asked: Sequence[Asked], act: Callable[[Standing, Asked], Held]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for each in asked:
        try:
            outcomes.append(act(book.standing(each.account_id), each))
        except ServiceError as failure:
            outcomes.append(failure)
    _write(book, [each.hold for each in outcomes if isinstance(each, Held)])
    return outcomes


def _write(book: Book, holds: Sequence[Hold]) -> None:
    """Write the book, and an entry of the audit trail for each of these holds that changed."""
    changed = {id(hold): (hold, hold.saved) for hold in holds}
    book.write()
    for hold, saved in changed.values():
        before = None if saved is None else dict(zip(_CHANGING, saved, strict=False))
        after = dict(zip(_CHANGING, hold.standing, strict=False))
        if before is None:
            after |= {"reference": hold.reference, "operation_type": hold.operation_type, "user_id": hold.user_id}
        record(ObjectType.CREDIT_HOLD, hold.id, before=before, after=after, account_id=hold.account_id)


def _create(standing: Standing, terms: Terms) -> Held:
    digest = terms.digest
    before = next((each for each in standing.holds if each.reference == terms.reference), None)
    if before is not None:
        if before.request_hash != digest:
            message = f"The reference {terms.reference!r} was used for another hold"
            raise Conflict(message, reason=Reason.HOLD_EXISTS, details={"hold": _details(before)})
        return Held.of(before, standing)
    _require_available(standing, terms.amount)
    hold = Hold(
        None,
        terms.account_id,
        terms.reference,
        digest,
        terms.amount,
        terms.operation_type,
        terms.description,
        terms.user_id,
        terms.key_id,
        terms.over_capture,
        standing.now + timedelta(seconds=terms.expires_in),
        standing.now,
        [],
    )
    standing.count(hold.use, terms.amount)
    standing.holds.append(hold)
    standing.hold(hold, [(lot, -credits) for lot, credits in standing.draw(terms.amount)])
    return Held.of(hold, standing, is_new=True)


def _capture(standing: Standing, asked: Capture, cause: Cause) -> Held:
    hold = _open_hold(standing, asked.hold_id)
    amount = hold.remaining if asked.amount is None else asked.amount
    excess = max(0, amount - hold.remaining)
    if amount == 0 or (excess and hold.over_capture == OverCapture.REFUSE):
        raise _exceeds(f"{amount} credits are to be captured, {hold.remaining} are held", hold, amount)
    if excess:
        _require_available(standing, excess, rule.REFUSAL_UNLESS_CLOSED)
        standing.count(hold.use, excess)
    # What is free is drawn while the rest is still held.
    free = standing.draw(excess) if excess else []
    taken = hold.take(amount - excess)
    standing.capture(taken)
    draws = _joined([(lot, -credits) for lot, credits in taken] + free)
    posted = standing.record(TransactionType.DEDUCTION, draws, hold.description, cause)
    posted.operation_type, posted.user_id, posted.hold_id = hold.operation_type, hold.user_id, hold.id
    posted.key_id = hold.key_id
    posted.cost_usd = rule.COST_USD.decide(standing.debit(amount))
    hold.captured += amount
    if asked.final:
        standing.end(hold, HoldStatus.CAPTURED, standing.now)
    return Held.of(hold, standing, transaction=posted)


def _resize(standing: Standing, hold: Hold, amount: int) -> None:
    if amount < hold.captured:
        raise _exceeds(f"{hold.captured} credits are captured already", hold, amount)
    more = amount - hold.captured - hold.remaining
    if more > 0:
        _require_available(standing, more)
        standing.count(hold.use, more)
        draws = hold.draws + [(lot, -credits) for lot, credits in standing.draw(more)]
        standing.hold(hold, draws[len(hold.draws) :])
        hold.draws = _joined(hold.draws)
    else:
        standing.uncount(hold.use, -more)
        standing.free(hold.take(-more, last=True), standing.now)
    hold.amount = amount


def _open_hold(standing: Standing, hold_id: int) -> Hold:
    standing.require_open()
    hold = next((each for each in standing.holds if each.id == hold_id), None)
    if hold is None:
        raise NotFound(f"Hold {hold_id} was not found")
    if not hold.is_open:
        raise Conflict(f"The hold is {hold.status}", reason=Reason.HOLD_ENDED, details={"hold": _details(hold)})
    return hold


def _require_available(standing: Standing, amount: int, decides: Rule[Debit] = rule.REFUSAL) -> None:
    refusal = decides.decide(standing.debit(amount))
    if refusal is not None:
        raise refusals.refused(refusal, standing.account_id, amount, standing.available, standing.debt)


def _exceeds(message: str, hold: Hold, requested: int) -> Conflict:
    details = {"requested": requested, "remaining": hold.remaining, "captured": hold.captured}
    return Conflict(message, reason=Reason.CAPTURE_EXCEEDS_HOLD, details=details)


def _joined(draws: Draws) -> Draws:
    """The same credits with each lot once."""
    by_lot: dict[int, int] = {}
    for lot, credits in draws:
        by_lot[id(lot)] = by_lot.get(id(lot), 0) + credits
    lots = {id(lot): lot for lot, _ in draws}
    return [(lots[key], credits) for key, credits in by_lot.items()]


def _details(hold: Hold) -> dict[str, Any]:
    """The hold, as failures show it."""
    names = ("id", "reference", "amount", "captured", "remaining", "status", "operation_type", "expires_at")
    return {name: getattr(hold, name) for name in names}
