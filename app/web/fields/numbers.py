"""Fields for numbers and booleans."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import marshmallow as ma

from app import money
from app.db.base import MAX_ID
from app.web.fields.base import QueryArguments, described

MAX_INTEGER = 2**31 - 1
# The largest integer that every JSON parser reads exactly.
MAX_CREDITS = 2**53 - 1

_INTEGER = re.compile(r"-?[0-9]{1,16}", re.ASCII)
_NUMBER = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})", re.ASCII)


class Integer(ma.fields.Integer):
    """An integer that fits its column; in a query string it is parsed from its digits."""

    def __init__(self, *, least: int = 0, most: int = MAX_INTEGER, **kwargs: Any) -> None:
        in_range = ma.validate.Range(least, most, error="Must be between {min} and {max}.")
        super().__init__(strict=True, validate=in_range, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if isinstance(value, str) and isinstance(self.root, QueryArguments):
            value = self.from_text(value)
        return super()._deserialize(value, attr, data, **kwargs)

    @staticmethod
    def from_text(text: str) -> int | str:
        """The integer written in `text`, or `text` itself if it is none."""
        return int(text) if _INTEGER.fullmatch(text) else text


class Id(Integer):
    """An id of the v1 families: a positive integer."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(least=1, most=MAX_ID, **kwargs)


class Boolean(ma.fields.Boolean):
    """`true` or `false`, without coercion; in a query string the words."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        if isinstance(self.root, QueryArguments) and value in {"true", "false"}:
            value = value == "true"
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Amount(ma.fields.Decimal):
    """An amount of money: a JSON number or numeric string from `least` to `most`, with at most 4 decimals.

    With `rounded`, more decimals are first rounded half up to 4, and a positive amount that rounds to 0 is refused.
    """

    scale = money.AMOUNT_SCALE

    def __init__(
        self, *, least: Decimal = money.ZERO, most: Decimal = money.MAX_AMOUNT, rounded: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**described(kwargs, minimum=float(least), maximum=float(most)))
        self.least = least
        self.most = most
        self.rounded = rounded

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Decimal:
        number = self._number(value)
        # Checked before rounding: a small negative amount would become 0.
        if number < 0 <= self.least:
            raise self._out_of_range()
        # Numbers of any size can be compared; only those near the range can be rounded.
        if -self.most - 1 <= number <= self.most + 1:
            rounded = money.round_amount(number)
            if self.rounded and number > 0 and rounded == 0:
                raise ma.ValidationError("Rounds to 0; the smallest amount is 0.0001.")
            if not self.rounded and number != rounded:
                raise ma.ValidationError(f"Must not have more than {self.scale} decimals.")
            number = rounded
        if not self.least <= number <= self.most:
            raise self._out_of_range()
        return number

    def _out_of_range(self) -> ma.ValidationError:
        return ma.ValidationError(f"Must be between {money.plain(self.least)} and {money.plain(self.most)}.")

    def _number(self, value: Any) -> Decimal:
        if isinstance(value, str):
            if not _NUMBER.fullmatch(value):
                raise self.make_error("invalid")
            return Decimal(value)
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise self.make_error("invalid")
        return Decimal(value)


class AmountOr(Amount):
    """An amount of money, or a word in its place, which is read as None."""

    def __init__(self, word: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.word = word

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        return None if value == self.word else super()._deserialize(value, *args, **kwargs)


class Cents(Amount):
    """An amount of money that is paid out, with at most 2 decimals."""

    scale = 2

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(most=money.MAX_CENTS, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Decimal:
        amount = super()._deserialize(value, attr, data, **kwargs)
        if amount != money.round_cents(amount):
            raise ma.ValidationError(f"Must not have more than {self.scale} decimals.")
        return amount


class Price(ma.fields.String):
    """A price in a request of the v1 families: a string, or a number, with at most so many `places`."""

    def __init__(self, *, places: int, most: Decimal, least: Decimal = money.ZERO, **kwargs: Any) -> None:
        super().__init__(**described(kwargs, pattern=rf"^\d+(\.\d{{1,{places}}})?$"))
        self.places = places
        self.least = least
        self.most = most

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
        if not is_number and not (isinstance(value, str) and _NUMBER.fullmatch(value)):
            raise ma.ValidationError("Not a valid price.")
        price = Decimal(value)
        if not self.least <= price <= self.most:
            raise ma.ValidationError(f"Must be between {money.plain(self.least)} and {money.plain(self.most)}.")
        if price != price.quantize(Decimal(1).scaleb(-self.places)):
            raise ma.ValidationError(f"Must not have more than {self.places} decimals.")
        return price


class Dollars(ma.fields.String):
    """An amount of money of the v1 families: a string with 2 decimals; requests may send a number as well."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**described(kwargs, pattern=r"^\d+\.\d{2}$", example="29.00"))
        self._read = Cents().deserialize

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> Any:
        return self._read(value, attr, data)

    @staticmethod
    def convert(value: Decimal) -> str:
        """The amount as a string, rounded half up where more decimals are stored."""
        return f"{money.round_cents(value):f}"


class UnitPrice(ma.fields.String):
    """A price of one unit in a response of the v1 families: a string with 2 to 6 decimals."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**described(kwargs, pattern=r"^\d+\.\d{2,6}$", example="0.018"))

    @staticmethod
    def convert(value: Decimal) -> str:
        """The price as a string, with 2 decimals or as many as it has."""
        rounded = money.round_cents(value)
        return f"{rounded if rounded == value else value.normalize():f}"
