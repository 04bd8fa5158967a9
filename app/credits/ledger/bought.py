"""Which credits of a purchase are unspent, so that a refund takes back those and no others.

Of the credits of an account, those that were given are spent before those that were bought, and those that were bought
in the order in which they arrived. So it is enough to keep how many of the bought ones are left in all: they are those
that arrived last. Credits that a refund took and gave back, because the money stayed, arrive anew.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row

from app.credits import queries
from app.credits.ledger import balances, refusals
from app.db.base import db


def unspent(account_id: int, purchase: int) -> int:
    """How many credits of a purchase, named by the position of its transaction, are left.

    Locks the balance: they stay that many until the transaction ends. Raises NotFound.
    """
    locked = balances.lock([account_id])
    if not locked:
        raise refusals.not_found(account_id)
    rows = db.session.execute(queries.OF_PURCHASES, {"account_id": account_id})
    return remaining(rows, locked[0].bought).get(purchase, 0)


def remaining(rows: Iterable[Row[Any]], bought: int) -> dict[int, int]:
    """What is left of each purchase, the first to be spent first.

    `rows` are the transactions of purchases (`amount`, `bought_after`, `purchase_position`) in their order, and
    `bought` is how many bought credits there are now.
    """
    left: dict[int, int] = {}
    for row in rows:
        _spend_down(left, row.bought_after - row.amount)
        if row.amount > 0:
            left[row.purchase_position] = left.pop(row.purchase_position, 0) + row.amount
        else:
            left[row.purchase_position] += row.amount
    _spend_down(left, bought)
    return left


def _spend_down(left: dict[int, int], bought: int) -> None:
    """Spend the oldest until so many are left in all."""
    spent = sum(left.values()) - bought
    for purchase, credits in left.items():
        taken = min(spent, credits)
        left[purchase] = credits - taken
        spent -= taken
