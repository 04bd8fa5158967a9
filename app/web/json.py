"""JSON in and out: exact decimals both ways, strict on the way in."""

import json
import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import orjson
from flask import Response
from flask.json.provider import JSONProvider
from werkzeug.datastructures import Headers

from app.errors import Invalid, Reason
from app.money import plain
from app.web import messages

# More than any valid body needs, and less than orjson can write.
MAX_DEPTH = 100

_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS
# Statuses of answers that have no body.
_BODILESS = frozenset({204, 304})
# The most digits that always fit the 64-bit integers of orjson.
_INTEGER_DIGITS = 18
_NAME_SHOWN = 60
_TOO_DEEP = "it is nested too deeply"
# Most bodies have none of these, and need no closer look.
_SIGNS_OF_UNUSABLE = ("NaN", "Infinity", "\\ud", "\\uD")
_HALF_OF_A_PAIR = re.compile("[\ud800-\udfff]")


class OrjsonProvider(JSONProvider):
    """Flask's JSON, written by orjson. Requests are read by `parse`, which keeps decimals exact."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """`obj` as JSON text. Any `indent` is two spaces; other formatting options are ignored."""
        options = _OPTIONS | (orjson.OPT_INDENT_2 if kwargs.get("indent") else 0)
        return orjson.dumps(obj, _out, options).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """The value of JSON text."""
        return parse(s if isinstance(s, bytes) else s.encode())

    def response(self, *args: Any, **kwargs: Any) -> Any:
        """A JSON response with the given value."""
        return JsonResponse(to_json(self._prepare_response_obj(args, kwargs)), content_type="application/json")


class JsonResponse(Response):
    """A response that is JSON as a whole, in memory, so that its length is known."""

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:
        """The headers as they are; for statuses without a body, without those about a body."""
        # Otherwise they are copied and checked one by one to find nothing to change.
        return super().get_wsgi_headers(environ) if self.status_code in _BODILESS else self.headers


def to_json(value: Any) -> bytes:
    """A dumped value as the JSON of a response."""
    return orjson.dumps(value, _out, _OPTIONS)


def format_time(moment: datetime) -> str:
    """`moment` in the timestamp format of the service: UTC, milliseconds, `Z`."""
    utc = moment.astimezone(UTC)
    # `datetime.isoformat` would look up the offset of the zone, which takes twice as long.
    return f"{utc.date()}T{utc.time().isoformat('milliseconds')}Z"


def _out(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(plain(value))
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def as_sent(value: Any) -> bytes:
    """A value returned by `parse`, as JSON again: numbers keep their digits and their exponent.

    Without the exponent, a short number such as 1E+999999999 would exhaust memory.
    """
    return orjson.dumps(value, _digits)


def _digits(value: Any) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def parse(body: bytes) -> Any:
    """The value of a JSON body; numbers with a decimal point, and integers of more than 64 bits, are Decimals.

    A leading byte order mark is ignored. Raises Invalid for what is not JSON or is nested too deeply, for a repeated
    name in an object, and naming the field for NaN, Infinity and text that is not Unicode: none of it could be stored
    as sent.
    """
    try:
        text = body.removeprefix(BOM_UTF8).decode("utf-8")
        value = json.loads(
            text,
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_NotFinite,
            object_pairs_hook=_object_without_repeats,
        )
    except UnicodeError:
        raise Invalid("The body is not valid UTF-8 text", reason=Reason.INVALID_JSON) from None
    except RecursionError:
        raise _not_json(_TOO_DEEP) from None
    except json.JSONDecodeError as error:
        # The library's message about a second mark is advice for Python programs.
        problem = "Unexpected byte order mark" if "BOM" in error.msg else error.msg.removesuffix(" at")
        raise _not_json(f"{problem} at line {error.lineno}, column {error.colno}") from None
    except ValueError as error:
        raise _not_json(str(error)) from None
    # Few brackets cannot nest deeply, so most bodies need no walk.
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_deep(value, MAX_DEPTH):
        raise _not_json(_TOO_DEEP)
    if any(sign in text for sign in _SIGNS_OF_UNUSABLE):
        for path, problem in _unusable(value):
            raise _unusable_field(path, problem)
    return value


class _NotFinite(NamedTuple):
    """NaN or an infinity in a body, which JSON does not allow."""

    name: str


def _unusable(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Values that cannot be stored as sent, as paths and problems."""
    if isinstance(value, _NotFinite):
        yield path, f"Is {value.name}, which is no JSON number."
    elif isinstance(value, str):
        if _HALF_OF_A_PAIR.search(value):
            yield path, "Holds half of a surrogate pair."
    elif isinstance(value, dict):
        for name, each in value.items():
            if _HALF_OF_A_PAIR.search(name):
                yield path, "Holds half of a surrogate pair in a name."
            yield from _unusable(each, (*path, name))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _unusable(each, (*path, str(index)))


def _unusable_field(path: tuple[str, ...], problem: str) -> Invalid:
    problems: Any = [problem]
    for name in reversed(path or ("body",)):
        problems = {name: problems}
    failure = messages.invalid(problems)
    failure.reason = Reason.INVALID_JSON
    return failure


def _not_json(problem: str) -> Invalid:
    return Invalid(f"The body is not valid JSON: {problem}", reason=Reason.INVALID_JSON)


def _decimal(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation:
        raise ValueError("the exponent of a number is out of range") from None


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= _INTEGER_DIGITS else Decimal(digits)


def _is_deep(value: Any, limit: int) -> bool:
    """Whether arrays and objects are nested more than `limit` deep."""
    inside = value.values() if isinstance(value, dict) else value
    nested = [each for each in inside if isinstance(each, dict | list)]
    return bool(nested) and (limit == 1 or any(_is_deep(each, limit - 1) for each in nested))


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        repeated = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f'the name "{repeated[:_NAME_SHOWN]}" is repeated in one object')
    return value
