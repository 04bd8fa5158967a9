"""How much money and how many credits a refund returns."""

from decimal import ROUND_DOWN, Decimal
from typing import NamedTuple

from app.errors import Conflict, Reason

_CENT = Decimal("0.01")


class Bought(NamedTuple):
    """What was bought for what, the money that went back so far, and the credits that were taken back."""

    credits: int
    amount: Decimal
    returned: Decimal
    taken: int

    @property
    def refundable(self) -> Decimal:
        """The money that did not go back."""
        return self.amount - self.returned

    @property
    def credits_left(self) -> int:
        """The credits that were not taken back, whatever became of them."""
        return self.credits - self.taken


class RefundTerms(NamedTuple):
    """The money, tax included, and the credits of a refund."""

    amount: Decimal
    credits: int


def terms_of(bought: Bought, amount: Decimal | None, credits: int | None) -> RefundTerms:
    """The terms of a refund of which `amount`, `credits`, both or neither are given; neither returns the rest.

    Raises Conflict if the payment does not have as much left, or if no money is left for the credits.
    """
    if amount is None:
        amount = bought.refundable if credits is None else amount_for(bought, credits)
        if credits is None:
            credits = bought.credits_left
    elif credits is None:
        credits = credits_due(bought, min(amount, bought.refundable))
    if amount > bought.refundable or credits > bought.credits_left or not bought.refundable:
        raise Conflict(
            f"{bought.refundable:.2f} and {bought.credits_left} credits of the payment can be refunded",
            reason=Reason.REFUND_EXCEEDS_PAYMENT,
            details={"refundable": f"{bought.refundable:.2f}", "credits": bought.credits_left},
        )
    if amount <= 0:
        raise Conflict("The money for these credits was refunded before: name the amount to refund")
    return RefundTerms(amount, credits)


def credits_due(bought: Bought, amount: Decimal) -> int:
    """The credits to take back when so much more money goes back: in proportion, rounded down over all refunds."""
    return max(0, int(bought.credits * (bought.returned + amount) // bought.amount) - bought.taken)


def amount_for(bought: Bought, credits: int) -> Decimal:
    """The money for so many more credits: in proportion, rounded down to cents over all refunds."""
    total = bought.amount * (bought.taken + credits) / bought.credits
    return total.quantize(_CENT, ROUND_DOWN) - bought.returned
