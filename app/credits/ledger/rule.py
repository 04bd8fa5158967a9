"""The credit rules: which lots a debit takes, when it is refused, and what a lot is called.

Each stands once: statements use its SQL, decisions in memory its Python.
"""

from decimal import Decimal
from typing import Any, NamedTuple

from app.credits.models import LotStatus
from app.customers.models import AccountStatus
from app.db.rules import Rule
from app.errors import Reason

# Lots are spent in the order of these columns, ascending; those without a value are last.
SPENDING_ORDER = ("priority", "expires_at", "is_bought", "effective_at", "id")
# The result of a decision that one lot does not suffice for, or something has to be posted before.
BY_THE_BATCH = "by the batch"


class Debit(NamedTuple):
    """Credits that are to go, beside the balance and what is free of the first lot in spending order.

    Debt is in the way of what begins something new.
    """

    amount: int
    credits: int
    held: int
    frozen: int
    debt: int
    in_first_lot: int
    is_due: bool
    # Whether the key of the debit was used before.
    is_known: bool
    is_capped: bool
    # Of the account.
    status: str
    usd_per_credit: Decimal


_CLOSED = (lambda it: it.status == AccountStatus.CLOSED.value, Reason.ACCOUNT_CLOSED)
_SUSPENDED = (lambda it: it.status == AccountStatus.SUSPENDED.value, Reason.ACCOUNT_SUSPENDED)
_IN_DEBT = (lambda it: it.debt > 0, Reason.ACCOUNT_IN_DEBT)
_TOO_FEW = (lambda it: it.amount > it.credits - it.held - it.frozen, Reason.INSUFFICIENT_CREDITS)
# Of what is spent or held.
REFUSAL = Rule(Debit, _CLOSED, _SUSPENDED, _IN_DEBT, _TOO_FEW)
# Of what a suspended account and one in debt do as well: adjustments, and captures beyond a hold.
REFUSAL_UNLESS_CLOSED = Rule(Debit, _CLOSED, _TOO_FEW)
# How a debit goes that is made in one statement: None if its first lot covers it.
DECISION = Rule(
    Debit,
    (lambda it: it.is_due | it.is_known | it.is_capped, BY_THE_BATCH),
    _CLOSED,
    _SUSPENDED,
    _IN_DEBT,
    _TOO_FEW,
    (lambda it: it.amount > it.in_first_lot, BY_THE_BATCH),
)
# Whole credits at a price of 6 decimals: nothing is rounded before it is shown.
COST_USD = Rule(Debit, (lambda _: True, lambda it: it.amount * it.usd_per_credit))


class Course(NamedTuple):
    """What became of the credits of a lot; `is_pending` until they are in the balance."""

    is_pending: bool
    remaining: int
    expired: int
    voided: int


STATUS = Rule(
    Course,
    (lambda it: (it.voided > 0) & (it.remaining == 0), LotStatus.VOIDED),
    (lambda it: it.is_pending, LotStatus.PENDING),
    (lambda it: it.remaining > 0, LotStatus.ACTIVE),
    (lambda it: it.expired > 0, LotStatus.EXPIRED),
    (lambda _: True, LotStatus.USED),
)


def spending_key(lot: Any) -> tuple[Any, ...]:
    """The place of a lot in the spending order."""
    values = [getattr(lot, name) for name in SPENDING_ORDER]
    return tuple((value is None, value) for value in values)
