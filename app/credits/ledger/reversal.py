"""Taking charges back: the credits return to the lots that paid."""

from typing import Any

from app import origin
from app.credits import queries
from app.credits.ledger import causes
from app.credits.ledger.book import Book
from app.credits.ledger.caps import Use
from app.credits.ledger.standing import Standing
from app.credits.ledger.transactions import Draws, Transaction
from app.credits.models import TransactionType
from app.db.base import db
from app.errors import Conflict, NotFound, Reason


def reverse(account_id: int, transaction_id: int, credits: int | None, reason: str) -> Transaction:
    """Take a deduction back, as many of its credits or all that are left; the refund.

    What was drawn last returns first. Credits of a lot that ended meanwhile return and end at once. Raises NotFound,
    Forbidden for a closed account, and Conflict if fewer are left.
    """
    values = {"account_id": account_id, "transaction_id": transaction_id}
    charge = db.session.execute(queries.CHARGE, values).one_or_none()
    if charge is None:
        raise NotFound(f"Usage {transaction_id} was not found")
    book = Book([account_id], lot_ids=charge.lot_ids, entries=3)
    standing = book.standing(account_id)
    standing.require_open()
    # Once the lock is held: nobody else takes it back meanwhile.
    returned = db.session.execute(queries.RETURNED, {"account_id": account_id, "reverses": charge.position}).all()
    left = _left(charge, returned)
    total = sum(left.values())
    if not total or (credits or 0) > total:
        raise Conflict(
            f"{total} credits of the usage can be taken back",
            reason=Reason.NOTHING_TO_REVERSE,
            details={"reversible": total, "requested": total if credits is None else credits},
        )
    amount = total if credits is None else credits
    draws = _draws(standing, left, amount)
    with origin.because(reason):
        refund = standing.record(TransactionType.REFUND, draws, reason, causes.current())
    refund.reverses, refund.user_id, refund.key_id = charge.position, charge.user_id, charge.key_id
    standing.uncount(Use(charge.operation_type, charge.user_id, charge.key_id, charge.counted_at), amount)
    standing.pay_debt(refund)
    standing.settle([lot for lot, _ in draws], standing.now)
    book.reversed.append((account_id, charge.created_at.date(), amount))
    book.write()
    return refund


def _left(charge: Any, returned: Any) -> dict[int, int]:
    """What can still return to each lot, the one that was drawn last first."""
    left = {lot_id: -credits for lot_id, credits in zip(charge.lot_ids, charge.lot_credits, strict=True)}
    for row in returned:
        for lot_id, credits in zip(row.lot_ids, row.lot_credits, strict=True):
            left[lot_id] -= credits
    return dict(reversed(left.items()))


def _draws(standing: Standing, left: dict[int, int], amount: int) -> Draws:
    draws: Draws = []
    for lot_id, credits in left.items():
        lot, part = standing.lot(lot_id), min(credits, amount)
        if part and lot is not None:
            draws.append((lot, part))
            amount -= part
    return draws
