"""The credit rule: whether a balance takes a transaction, and what is left of it then.

Credits are whole numbers. Those that were given are spent before those that were bought.
"""

from decimal import Decimal
from typing import NamedTuple

from app.credits.models import TransactionType
from app.db.rules import Rule
from app.errors import Reason


class Posting(NamedTuple):
    """A transaction that is asked for, beside the balance before it; `amount` is negative where credits go.

    `of_purchase` says that they are those of a purchase, which arrive, or go and come back with its refunds.
    """

    transaction_type: str
    amount: int
    of_purchase: bool
    credits: int
    bought: int
    usd_per_credit: Decimal


_DEDUCTION = TransactionType.DEDUCTION.value
REFUSAL = Rule(Posting, (lambda it: it.credits + it.amount < 0, Reason.INSUFFICIENT_CREDITS))
BOUGHT_AFTER = Rule(
    Posting,
    (lambda it: it.of_purchase, lambda it: it.bought + it.amount),
    (lambda it: it.bought <= it.credits + it.amount, lambda it: it.bought),
    (lambda _: True, lambda it: it.credits + it.amount),
)
# Whole credits at a price of 6 decimals: nothing is rounded before it is shown.
COST_USD = Rule(Posting, (lambda it: it.transaction_type == _DEDUCTION, lambda it: -it.amount * it.usd_per_credit))
