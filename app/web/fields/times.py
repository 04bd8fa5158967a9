"""Fields for timestamps and dates."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import marshmallow as ma

from app.clock import whole_milliseconds
from app.web.fields.base import QueryArguments, described

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII)
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?",
    re.ASCII | re.IGNORECASE,
)
_NOT_A_TIME = "Not a valid ISO 8601 timestamp, such as 2025-10-30T13:00:00Z."
_NOT_A_TIME_OR_DATE = "Not a valid ISO 8601 timestamp or date, such as 2025-10-30T13:00:00Z or 2025-10-30."


class Moment(ma.fields.DateTime):
    """An ISO 8601 timestamp, converted to UTC (the default offset). In a body it is truncated to milliseconds.

    With `dates`, a date is accepted too, as its first instant; with `whole_day` as its last instant, which in a body is
    its last millisecond, and with `next_day` as the first instant after it, which ends a half-open period.
    """

    def __init__(self, *, dates: bool = False, whole_day: bool = False, next_day: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dates = dates or whole_day or next_day
        self.next_day = next_day
        self.whole_day = whole_day
        self._problem = _NOT_A_TIME_OR_DATE if self.dates else _NOT_A_TIME

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> datetime:
        if not isinstance(value, str):
            raise ma.ValidationError(self._problem)
        moment = self._moment(value)
        # Stored values have the precision of responses; bounds of a query are compared as sent.
        return moment if isinstance(self.root, QueryArguments) else whole_milliseconds(moment)

    def _moment(self, value: str) -> datetime:
        try:
            if self.dates and _DATE.fullmatch(value):
                day = datetime.combine(date.fromisoformat(value), time(), UTC)
                if self.next_day:
                    return day + timedelta(days=1)
                return day + timedelta(days=1, microseconds=-1) if self.whole_day else day
            # In a query string an unescaped "+" of an offset arrives as a space.
            text = value[:16] + value[16:].replace(" ", "+") if isinstance(self.root, QueryArguments) else value
            if not _TIME.fullmatch(text):
                raise ma.ValidationError(self._problem)
            moment = datetime.fromisoformat(text.upper())
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            raise ma.ValidationError(self._problem) from None

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value


class Month(ma.fields.String):
    """A month of a query, such as 2025-10, as its first day."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**described(kwargs, pattern=f"^{_MONTH.pattern}$", example="2025-10"))

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        # After the last month none begins.
        if isinstance(value, str) and _MONTH.fullmatch(value) and "0001" <= value < "9999-12":
            return date.fromisoformat(f"{value}-01")
        raise ma.ValidationError("Not a valid month, such as 2025-10.")


class Day(ma.fields.Date):
    """A calendar date, such as 2025-10-30, from `least` to `most`."""

    def __init__(self, *, least: date = date.min, most: date = date.max, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.least = least
        self.most = most

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> date:
        try:
            day = date.fromisoformat(value if _DATE.fullmatch(value) else "")
        except (TypeError, ValueError):
            raise ma.ValidationError("Not a valid date, such as 2025-10-30.") from None
        if not self.least <= day <= self.most:
            raise ma.ValidationError(f"Must be between {self.least} and {self.most}.")
        return day

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value
