"""Credits of a purchase whose money goes back, or may: taken from their lot, given back to it, frozen.

The caller has locked the payment, and knows what was claimed of its lot before.
"""

from datetime import timedelta
from typing import NamedTuple

from app.credits.ledger import causes, refusals
from app.credits.ledger.book import Book
from app.credits.ledger.grants import require_lot
from app.credits.ledger.transactions import Transaction
from app.credits.models import TransactionType


class Claimed(NamedTuple):
    """What became of claimed credits: taken at once, owed as they are held, or debt as they are spent."""

    taken: int
    owed: int
    debt: int

    @property
    def credits(self) -> int:
        """All of them."""
        return sum(self)


def unspent(account_id: int, lot_id: int) -> int:
    """How many credits of a lot are neither spent nor held, frozen or expired.

    Locks the balance: they stay that many until the transaction ends. Raises NotFound.
    """
    book = Book([account_id], lot_ids=[lot_id])
    free = require_lot(book.standing(account_id), lot_id).free
    book.write()
    return free


def take(account_id: int, lot_id: int, credits: int, description: str) -> Transaction:
    """Take free credits of a bought lot back, as money is refunded. Raises NotFound and PaymentRequired."""
    book = Book([account_id], lot_ids=[lot_id], entries=1)
    lot = require_lot(book.standing(account_id), lot_id)
    if credits > lot.free:
        raise refusals.too_few(credits, lot.free)
    taken = book.standing(account_id).record(TransactionType.REFUND, [(lot, -credits)], description, causes.current())
    book.write()
    return taken


def claim(
    account_id: int, lot_id: int, credits: int, kind: TransactionType, description: str, *, before: int
) -> Claimed:
    """Take credits of a bought lot whose money went back at the gateway, spent or not. Raises NotFound.

    What is neither spent nor held goes at once, frozen or not; what is held goes when it is given back, or becomes debt
    when it is captured; what is spent becomes debt. Expired credits, and those claimed `before`, are not claimed.
    """
    book = Book([account_id], lot_ids=[lot_id], entries=1)
    standing = book.standing(account_id)
    lot = require_lot(standing, lot_id)
    spent = lot.credits - lot.remaining - lot.expired - lot.voided - (before - lot.owed)
    taken = min(credits, lot.remaining - lot.held)
    owed = min(credits - taken, lot.held - lot.owed)
    debt = min(credits - taken - owed, max(0, spent))
    if taken:
        standing.record(kind, [(lot, -taken)], description, causes.current())
    if owed:
        lot.owed, lot.owed_as = lot.owed + owed, kind
    lot.debt += debt
    standing.debt += debt
    book.write()
    return Claimed(taken, owed, debt)


def give_back(account_id: int, lot_id: int, credits: int, description: str, *, late: timedelta, forgive: bool) -> None:
    """Give credits that were claimed back to their lot, which then expires so much later. Raises NotFound.

    With `forgive`, of a claim that may have made debt, what of them is owed or debt no longer is. What remains arrives,
    and pays other debt.
    """
    book = Book([account_id], lot_ids=[lot_id], entries=3)
    standing = book.standing(account_id)
    lot = require_lot(standing, lot_id)
    if forgive:
        owed = min(credits, lot.owed)
        debt = min(credits - owed, lot.debt, standing.debt)
        lot.owed -= owed
        lot.debt -= debt
        standing.debt -= debt
        credits -= owed + debt
    if lot.expires_at is not None:
        lot.expires_at += late
    if credits:
        given = standing.record(TransactionType.REFUND, [(lot, credits)], description, causes.current())
        standing.pay_debt(given)
        standing.settle([lot], standing.now)
    book.write()


def freeze(account_id: int, lot_id: int, credits: int) -> None:
    """Let so many credits of a lot be frozen, whatever is now; those that expired meanwhile end. Raises NotFound."""
    book = Book([account_id], lot_ids=[lot_id], entries=1)
    standing = book.standing(account_id)
    lot = require_lot(standing, lot_id)
    standing.freeze(lot, credits)
    standing.settle([lot], standing.now)
    book.write()


def rest(account_id: int, lot_id: int) -> int:
    """How many credits of a lot are neither spent nor expired nor owed. Locks the balance. Raises NotFound."""
    book = Book([account_id], lot_ids=[lot_id])
    lot = require_lot(book.standing(account_id), lot_id)
    book.write()
    return lot.remaining - lot.owed
