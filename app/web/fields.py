"""Fields of the contract. Each takes exactly what it names: no number for a text, no text for a whole number."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import marshmallow as ma
import orjson

from app import money
from app.web.json import as_sent

MAX_INTEGER = 2**31 - 1
# The largest whole number that every caller reads unchanged.
MAX_CREDITS = 2**53 - 1
_MAX_EXPONENT = 307

_INTEGER = re.compile(r"-?[0-9]{1,10}", re.ASCII)
_NUMBER = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?",
    re.ASCII | re.IGNORECASE,
)
UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_NOT_A_TIME = "Not a valid ISO 8601 time such as 2025-10-30T13:00:00Z."


def _described(options: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """`options` of a field with `metadata` beneath the metadata they have."""
    return {**options, "metadata": {**metadata, **options.get("metadata", {})}}


class Text(ma.fields.String):
    """Text of at most `longest` characters; `blank=False` also refuses text that is only white space."""

    def __init__(self, *, longest: int = 255, blank: bool = True, **kwargs: Any) -> None:
        super().__init__(**_described(kwargs, maxLength=longest, **({} if blank else {"minLength": 1})))
        self.longest = longest
        self.blank = blank

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if "\x00" in value:
            raise ma.ValidationError("Must not hold a NUL character.")
        if len(value) > self.longest:
            raise ma.ValidationError(f"Longer than {self.longest} characters.")
        if not self.blank and not value.strip():
            raise ma.ValidationError("Must not be blank.")
        return value


class Integer(ma.fields.Integer):
    """A whole number that fits its column; in a query string it is read from its digits."""

    def __init__(self, *, least: int = 0, most: int = MAX_INTEGER, **kwargs: Any) -> None:
        super().__init__(**_described(kwargs, minimum=least, maximum=most))
        self.least = least
        self.most = most

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if isinstance(value, str) and isinstance(self.root, QueryArguments) and _INTEGER.fullmatch(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.make_error("invalid")
        if not self.least <= value <= self.most:
            raise ma.ValidationError(f"Must be from {self.least} to {self.most}.")
        return value


class Boolean(ma.fields.Boolean):
    """`true` or `false`, nothing that resembles them; in a query string the words."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        if isinstance(self.root, QueryArguments) and value in {"true", "false"}:
            value = value == "true"
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Choice(ma.fields.String):
    """One of the words of an enumeration."""

    def __init__(self, choices: type[StrEnum] | tuple[str, ...], **kwargs: Any) -> None:
        self.choices = tuple(str(choice) for choice in choices)
        default = kwargs.get("load_default")
        description = {} if default is None else {"description": f"{default} unless said otherwise."}
        super().__init__(**_described(kwargs, enum=list(self.choices), **description))

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if not isinstance(value, str) or value not in self.choices:
            raise ma.ValidationError(f"Must be one of: {', '.join(self.choices)}.")
        return value


class Amount(ma.fields.Decimal):
    """An amount of money: a JSON number or a numeric text, within `least` … `most`, at most 4 decimals.

    With `rounded`, more decimals are rounded half up to 4 first, and a positive amount that vanishes is refused.
    """

    def __init__(
        self, *, least: Decimal = money.ZERO, most: Decimal = money.MAX_AMOUNT, rounded: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**_described(kwargs, minimum=float(least), maximum=float(most)))
        self.least = least
        self.most = most
        self.rounded = rounded

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Decimal:
        number = self._number(value)
        # Numbers of any size compare; only those near the range can be rounded.
        if -self.most - 1 <= number <= self.most + 1:
            rounded = money.round_amount(number)
            if self.rounded and number > 0 and rounded == 0:
                raise ma.ValidationError("Rounds to 0; the smallest amount is 0.0001.")
            if not self.rounded and number != rounded:
                raise ma.ValidationError(f"More than {money.AMOUNT_SCALE} decimals.")
            number = rounded
        if not self.least <= number <= self.most:
            raise ma.ValidationError(f"Must be from {money.plain(self.least)} to {money.plain(self.most)}.")
        return number

    def _number(self, value: Any) -> Decimal:
        if isinstance(value, str):
            if not _NUMBER.fullmatch(value):
                raise self.make_error("invalid")
            return Decimal(value)
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise self.make_error("invalid")
        return Decimal(value)


class Dollars(ma.fields.String):
    """An amount of money in an answer of the v1 families: text with 2 decimals."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**_described(kwargs, pattern=r"^\d+\.\d{2}$", example="29.00"))

    @staticmethod
    def convert(value: Decimal) -> str:
        """The amount as text."""
        return f"{value:.2f}"


class Moment(ma.fields.DateTime):
    """A moment in ISO 8601, kept in UTC; without a zone it is UTC.

    With `dates`, a date alone is taken too: as its first instant, or with `whole_day` as its last.
    """

    def __init__(self, *, dates: bool = False, whole_day: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dates = dates or whole_day
        self.whole_day = whole_day

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> datetime:
        if not isinstance(value, str):
            raise ma.ValidationError(_NOT_A_TIME)
        try:
            if self.dates and _DATE.fullmatch(value):
                day = datetime.combine(date.fromisoformat(value), time(), UTC)
                return day + timedelta(days=1, microseconds=-1) if self.whole_day else day
            # In a query string an unescaped "+" of a zone arrives as a space.
            text = value[:16] + value[16:].replace(" ", "+") if isinstance(self.root, QueryArguments) else value
            if not _TIME.fullmatch(text):
                raise ma.ValidationError(_NOT_A_TIME)
            moment = datetime.fromisoformat(text.upper())
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            raise ma.ValidationError(_NOT_A_TIME) from None

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value


class Day(ma.fields.Date):
    """A date of the calendar, such as 2025-10-30, from `least` to `most`."""

    def __init__(self, *, least: date = date.min, most: date = date.max, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.least = least
        self.most = most

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> date:
        try:
            day = date.fromisoformat(value if _DATE.fullmatch(value) else "")
        except (TypeError, ValueError):
            raise ma.ValidationError("Not a valid date such as 2025-10-30.") from None
        if not self.least <= day <= self.most:
            raise ma.ValidationError(f"Must be from {self.least} to {self.most}.")
        return day

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value


class Uuid(ma.fields.UUID):
    """A UUID in its usual spelling, kept as text."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, str) or not UUID_TEXT.fullmatch(value):
            raise self.make_error("invalid_uuid")
        return value.lower()


class Several(ma.fields.List[Any]):
    """Several values of a query string, given one by one or separated by commas."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> list[Any]:
        given = [part.strip() for each in value for part in str(each).split(",")]
        return super()._deserialize(given, attr, data, **kwargs)


class Items(ma.fields.List[Any]):
    """A list of `least` to `most` items. One of another length is refused before its items are looked at."""

    def __init__(self, item: ma.fields.Field[Any], *, most: int, least: int = 0, **kwargs: Any) -> None:
        self.length = ma.validate.Length(min=least, max=most)
        super().__init__(item, validate=self.length, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> list[Any]:
        if isinstance(value, list):
            self.length(value)
        return super()._deserialize(value, attr, data, **kwargs)


class JsonObject(ma.fields.Dict):
    """An object of any members, kept as JSON text with the digits that were sent.

    Refuses what a jsonb column cannot keep: NUL characters, and numbers with an exponent beyond that of a double.
    """

    longest = 10_000

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise ma.ValidationError("Not an object.")
        text = as_sent(value).decode()
        if len(text) > self.longest:
            raise ma.ValidationError(f"Longer than {self.longest} characters.")
        _require_storable(value)
        return text

    @staticmethod
    def convert(text: str) -> orjson.Fragment:
        """The text as JSON."""
        return orjson.Fragment(text)


def _require_storable(value: Any) -> None:
    if isinstance(value, dict | list):
        # Of an object these are the names.
        for each in value:
            _require_storable(each)
        for each in value.values() if isinstance(value, dict) else ():
            _require_storable(each)
    elif isinstance(value, str) and "\x00" in value:
        raise ma.ValidationError("Must not hold a NUL character.")
    elif isinstance(value, Decimal) and abs(value.adjusted()) > _MAX_EXPONENT:
        raise ma.ValidationError("A number in it is out of range.")


class OneOf(ma.fields.Field[Any]):
    """A value of one of several schemas, for the document."""

    def __init__(self, *schemas: type[ma.Schema], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.schemas = schemas


class QueryArguments(ma.Schema):
    """Marks schemas whose values come as text from a query string."""
