"""JSON in and out: exact decimals both ways, strict on the way in."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

import orjson
from flask import current_app
from flask.json.provider import JSONProvider

from app.errors import Invalid, Reason
from app.money import plain

_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS


class OrjsonProvider(JSONProvider):
    """Flask's JSON, written by orjson. Requests are read by `parse`, which keeps decimals exact."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """`obj` as JSON text. `indent` is honoured as two spaces; other formatting options do not apply."""
        options = _OPTIONS | (orjson.OPT_INDENT_2 if kwargs.get("indent") else 0)
        return orjson.dumps(obj, _out, options).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """The value of JSON text."""
        return parse(s if isinstance(s, bytes) else s.encode())

    def response(self, *args: Any, **kwargs: Any) -> Any:
        """A JSON response of the one argument given."""
        body = orjson.dumps(self._prepare_response_obj(args, kwargs), _out, _OPTIONS)
        return current_app.response_class(body, mimetype="application/json")


def format_time(moment: datetime) -> str:
    """`moment` as the service writes times: UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"


def _out(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(plain(value))
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def parse(body: bytes) -> Any:
    """The value of a JSON body; numbers with a point are Decimals.

    Raises Invalid for what is not JSON, for NaN and Infinity, for a name that stands twice in an object, and for text
    that is not Unicode: none of it could be kept as it was sent.
    """
    try:
        text = body.decode("utf-8")
        value = json.loads(
            text, parse_float=_decimal, parse_constant=_no_constant, object_pairs_hook=_object_without_repeats
        )
        if "\\ud" in text or "\\uD" in text:
            json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeError:
        raise Invalid("The body is not valid UTF-8 text", reason=Reason.INVALID_JSON) from None
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Invalid(f"The body is not valid JSON: {reason}", reason=Reason.INVALID_JSON) from None
    return value


def _decimal(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation:
        raise ValueError("a number has an exponent beyond reason") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {repeated!r} stands twice in one object")
    return value
