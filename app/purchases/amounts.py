"""Amounts of invoices and credit notes: exact decimals in, exact decimals out, and nothing lost between lines."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, Self

from app.money import ZERO, round_cents

_CENT = Decimal("0.01")
_PERCENT = 100
_RATE_DECIMALS = 6


class Item(NamedTuple):
    """What is sold, before tax. `tax_rate` is a fraction: 0.23 for 23 %."""

    description: str
    quantity: int
    unit_price: Decimal
    tax_rate: Decimal


class Line(NamedTuple):
    """A line of an invoice or a credit note."""

    description: str
    quantity: int
    unit_price: Decimal
    net: Decimal
    tax_rate: Decimal
    tax: Decimal

    def as_json(self) -> dict[str, Any]:
        """The line as stored: amounts are strings with 2 decimals."""
        amounts = {name: f"{getattr(self, name):.2f}" for name in ("unit_price", "net", "tax")}
        return {**self._asdict(), **amounts, "tax_rate": shown_rate(self.tax_rate)}

    @classmethod
    def of_json(cls, stored: Mapping[str, Any]) -> Self:
        """The line that was stored."""
        amounts = {name: Decimal(stored[name]) for name in ("unit_price", "net", "tax_rate", "tax")}
        return cls(**{**stored, **amounts})


class Totals(NamedTuple):
    """The sums of lines: `total` = `net` + `tax`."""

    net: Decimal
    tax: Decimal
    total: Decimal


def totals_of(lines: Iterable[Line]) -> Totals:
    """The sums of the lines."""
    net = tax = ZERO
    for line in lines:
        net += line.net
        tax += line.tax
    return Totals(net, tax, net + tax)


def taxed(items: Sequence[Item]) -> list[Line]:
    """The items with their tax: of each rate, the rate times the sum of their net amounts, rounded half up once.

    It is spread over the lines of the rate by largest remainder.
    """
    nets = [round_cents(item.quantity * item.unit_price) for item in items]
    taxes = [ZERO] * len(items)
    for rate in {item.tax_rate for item in items}:
        places = [place for place, item in enumerate(items) if item.tax_rate == rate]
        weights = [nets[place] for place in places]
        shares = spread(round_cents(rate * sum(weights, ZERO)), weights)
        for place, share in zip(places, shares, strict=True):
            taxes[place] = share
    return [
        Line(item.description, item.quantity, item.unit_price, net, item.tax_rate, tax)
        for item, net, tax in zip(items, nets, taxes, strict=True)
    ]


def credited(lines: Sequence[Line], earlier: Iterable[Sequence[Line]], amount: Decimal) -> list[Line]:
    """The lines of a credit note of `amount`, gross, on an invoice with earlier credit notes.

    Each line of the invoice has its line in every credit note. `amount` is spread over what is left of each net amount
    and each tax, so that the credit note that takes the rest leaves nothing of any line. Raises ValueError if `amount`
    exceeds what is left.
    """
    left = [[line.net, line.tax] for line in lines]
    for note in earlier:
        for rest, line in zip(left, note, strict=True):
            rest[0] -= line.net
            rest[1] -= line.tax
    cells = [cell for rest in left for cell in rest]
    if not 0 < amount <= sum(cells, ZERO):
        raise ValueError(f"Cannot credit {amount} of the {sum(cells, ZERO)} that are left")
    shares = spread(amount, cells)
    return [
        Line(line.description, 1, net, net, line.tax_rate, tax)
        for line, net, tax in zip(lines, shares[::2], shares[1::2], strict=True)
    ]


def spread(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """`amount`, in whole cents, in proportion to `weights` by largest remainder; of equal remainders the first.

    Where `amount` is at most the sum of the weights, no share exceeds its weight.
    """
    total = sum(weights, ZERO)
    if total == 0:
        return [amount if place == 0 else ZERO for place in range(len(weights))]
    cents = int(amount / _CENT)
    units = [int(weight / _CENT) for weight in weights]
    whole = sum(units)
    shares = [cents * unit // whole for unit in units]
    remainders = [cents * unit % whole for unit in units]
    by_remainder = sorted(range(len(units)), key=lambda place: (-remainders[place], place))
    for place in by_remainder[: cents - sum(shares)]:
        shares[place] += 1
    return [share * _CENT for share in shares]


def shown_rate(rate: Decimal) -> str:
    """A rate with 2 decimals, or as many as it has."""
    return f"{max(round_cents(rate), rate.normalize(), key=lambda each: -int(each.as_tuple().exponent)):f}"


def percent(rate: Decimal) -> str:
    """A rate for people: 23 %."""
    return f"{(rate * 100).normalize():f} %"


def rate_of(number: Decimal) -> Decimal:
    """The rate that a number means: a fraction below 1, or a percentage above 1, as a fraction.

    Raises ValueError, with a sentence, for other numbers, for 1 itself, and for a rate with more than 6 decimals.
    """
    if not 0 <= number < _PERCENT:
        raise ValueError("Must be at least 0 and below 1, or a percentage above 1 and below 100.")
    if number == 1:
        raise ValueError("Ambiguous: write 0.01 for one percent.")
    rate = number if number < 1 else number / _PERCENT
    if rate != round(rate, _RATE_DECIMALS):
        raise ValueError(f"Must not have more than {_RATE_DECIMALS} decimals as a fraction.")
    return rate
