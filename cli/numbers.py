"""Numbers on a command line, in the spellings that the API takes: ASCII digits, no underscores, no exponents."""

import re
from decimal import Decimal

import click

_WHOLE = re.compile(r"[0-9]{1,18}", re.ASCII)
_DECIMAL = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?", re.ASCII)
_SHOWN = 40


class Whole(click.ParamType[int]):
    """A whole number from `least` to `most`."""

    name = "whole number"

    def __init__(self, least: int, most: int) -> None:
        self.least = least
        self.most = most

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number."""
        text = str(value)
        if not (_WHOLE.fullmatch(text) and self.least <= int(text) <= self.most):
            self.fail(f"{text[:_SHOWN]!r} is not a whole number from {self.least:,} to {self.most:,}.", param, ctx)
        return int(text)


class Amount(click.ParamType[Decimal]):
    """A decimal of at most so many places, from `least` to `most`."""

    name = "amount"

    def __init__(self, *, places: int, least: Decimal, most: Decimal) -> None:
        self.places = places
        self.least = least
        self.most = most

    def convert(self, value: str | Decimal, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """The decimal."""
        text = str(value)
        number = Decimal(text) if _DECIMAL.fullmatch(text) else None
        if number is None or not self.least <= number <= self.most or number != round(number, self.places):
            what = f"an amount from {self.least} to {self.most} of {self.places} decimals"
            self.fail(f"{text[:_SHOWN]!r} is not {what}.", param, ctx)
        return number
