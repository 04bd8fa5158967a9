"""Amounts of invoices and credit notes: nothing is lost or made between lines, taxes and totals."""

from decimal import ROUND_HALF_UP, Decimal
from random import Random

import pytest

from app.purchases import amounts
from app.purchases.amounts import Item, Line

CENT = Decimal("0.01")
RATES = [Decimal(each) for each in ("0", "0.055", "0.07", "0.19", "0.2", "0.23", "0.08875")]
INVOICES = 10_000


def random_lines(random: Random) -> list[Line]:
    """An invoice of one to six lines with at most three rates, of a few cents or of a lot of money."""
    rates = random.sample(RATES, random.randint(1, 3))
    most = random.choice((9, 500, 99_999_999))
    return amounts.taxed(
        [
            Item(f"Pack {n}", random.randint(1, 5), random.randint(1, most) * CENT, random.choice(rates))
            for n in range(random.randint(1, 6))
        ]
    )


def half_up(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def test_tax_is_that_of_the_sum_of_each_rate_and_no_line_is_off_by_a_cent() -> None:
    random = Random(6)
    for _ in range(INVOICES):
        lines = random_lines(random)
        totals = amounts.totals_of(lines)
        assert totals.total == totals.net + totals.tax
        for rate in {line.tax_rate for line in lines}:
            same = [line for line in lines if line.tax_rate == rate]
            assert sum(line.tax for line in same) == half_up(rate * sum(line.net for line in same))
            assert all(abs(line.tax - rate * line.net) < 2 * CENT for line in same)
        assert all(line.net == line.quantity * line.unit_price for line in lines)


def test_credit_notes_add_up_to_the_invoice_in_every_line() -> None:
    random = Random(7)
    for _ in range(INVOICES // 10):
        lines = random_lines(random)
        left = amounts.totals_of(lines).total
        notes: list[list[Line]] = []
        while left:
            amount = left if len(notes) == 5 else random.randint(1, int(left / CENT)) * CENT
            note = amounts.credited(lines, notes, amount)
            assert amounts.totals_of(note).total == amount
            assert all(
                0 <= line.net <= of.net and 0 <= line.tax <= of.tax for line, of in zip(note, lines, strict=True)
            )
            notes.append(note)
            left -= amount
        for place, line in enumerate(lines):
            assert sum(note[place].net for note in notes) == line.net
            assert sum(note[place].tax for note in notes) == line.tax


def test_more_than_is_left_is_not_credited() -> None:
    lines = amounts.taxed([Item("Pack", 1, Decimal("9.00"), Decimal("0.23"))])
    note = amounts.credited(lines, [], Decimal("11.00"))
    for amount in ("0.08", "0", "-1"):
        with pytest.raises(ValueError, match="Cannot credit"):
            amounts.credited(lines, [note], Decimal(amount))


@pytest.mark.parametrize(
    ("amount", "weights", "shares"),
    [
        ("0.01", "1 1 1", "0.01 0 0"),
        ("0.02", "1 1 2", "0.01 0 0.01"),
        ("1.00", "1 1 1", "0.34 0.33 0.33"),
        ("0", "1 2", "0 0"),
        ("5.00", "0 5.00 0", "0 5.00 0"),
        ("0", "0 0", "0 0"),
    ],
)
def test_spreading_is_by_largest_remainder_and_the_first_of_equal_ones(amount: str, weights: str, shares: str) -> None:
    found = amounts.spread(Decimal(amount), [Decimal(each) for each in weights.split()])
    assert found == [Decimal(each) for each in shares.split()]


def test_half_a_cent_of_tax_is_rounded_up() -> None:
    (line,) = amounts.taxed([Item("Pack", 1, Decimal("0.50"), Decimal("0.07"))])
    assert line.tax == Decimal("0.04")


def test_lines_are_stored_without_loss() -> None:
    for line in random_lines(Random(8)):
        assert Line.of_json(line.as_json()) == line
    assert [amounts.shown_rate(rate) for rate in RATES[:3]] == ["0.00", "0.055", "0.07"]


@pytest.mark.parametrize(
    ("number", "rate"), [("0", "0"), ("0.23", "0.23"), ("23", "0.23"), ("8.875", "0.08875"), ("99", "0.99")]
)
def test_rate_is_a_fraction_or_a_percentage(number: str, rate: str) -> None:
    assert amounts.rate_of(Decimal(number)) == Decimal(rate)


@pytest.mark.parametrize("number", ["1", "1.0", "-0.1", "100", "0.1234567", "12.34567"])
def test_number_that_is_no_rate_is_refused(number: str) -> None:
    with pytest.raises(ValueError, match=r"Must|Ambiguous"):
        amounts.rate_of(Decimal(number))
