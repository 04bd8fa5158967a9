"""Values of rows as they are written in JSON, made of PostgreSQL's text without an object in between.

For statements whose rows are only shown: a list of twenty accounts has a hundred decimals and half as many times, and
to read them as `Decimal` and `datetime` and to write those again was a fifth of its processor time. The forms are those
of `app.web.json`.
"""

from typing import Any

import orjson
from psycopg2 import extensions

_NUMERIC, _TIMESTAMPTZ, _UUID = 1700, 1184, 2950


def _number(text: Any, _cursor: Any) -> orjson.Fragment | None:
    if text is None:
        return None
    return orjson.Fragment(text.rstrip("0").rstrip(".") if "." in text else text)


def _moment(text: Any, _cursor: Any) -> str | None:
    """A time such as `2001-02-03 04:05:06.789+00`, of which PostgreSQL writes as many decimals as it has."""
    if text is None:
        return None
    if not text.endswith("+00"):
        raise ValueError(f"Not a moment in UTC: {text}")
    return f"{text[:10]}T{text[11:19]}.{text[20:-3][:3]:0<3}Z"


_TYPES = (
    extensions.new_type((_NUMERIC,), "number as in JSON", _number),
    extensions.new_type((_TIMESTAMPTZ,), "moment as in JSON", _moment),
    extensions.new_type((_UUID,), "UUID as in JSON", lambda text, _cursor: text),
)


def write_json(cursor: Any) -> None:
    """Have a cursor of the driver yield decimals, moments and UUIDs as they are written in JSON."""
    for each in _TYPES:
        extensions.register_type(each, cursor)
