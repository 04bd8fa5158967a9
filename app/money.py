"""Rules for amounts of money: exact decimals, rounded half up, small enough to survive a double."""

from decimal import ROUND_HALF_UP, Decimal

AMOUNT_SCALE = 4
# 15 significant digits: the most that every double carries unchanged, so JavaScript callers lose nothing.
MAX_AMOUNT = Decimal("99999999999.9999")
MAX_CENTS = Decimal("99999999999.99")
ZERO = Decimal(0)

_AMOUNT_STEP = Decimal("0.0001")
_CENT = Decimal("0.01")


def round_amount(value: Decimal) -> Decimal:
    """`value` rounded half up to the 4 decimals that budgets are kept in."""
    return value.quantize(_AMOUNT_STEP, rounding=ROUND_HALF_UP)


def round_cents(value: Decimal) -> Decimal:
    """`value` rounded half up to 2 decimals."""
    return value.quantize(_CENT, rounding=ROUND_HALF_UP)


def plain(value: Decimal) -> str:
    """`value` as digits without an exponent or trailing zeros: `12.5`, `100`, `0`."""
    text = str(value)
    if "E" in text:
        text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
