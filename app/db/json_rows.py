"""JSON built by PostgreSQL: objects inside a row, and lists too long to be held as Python objects.

Schemas pass such text through as it is (see `app.web.schemas`), so the expressions here follow the same rules as
`app.web.json`: camelCase names, decimals without trailing zeros, times in UTC with milliseconds.
"""

from collections.abc import Mapping

from app.naming import camel_case


def value(expression: str) -> str:
    """Anything as JSON text."""
    return or_null(f"to_json({expression})\\:\\:text")


def word(expression: str) -> str:
    """What needs no escaping and is never NULL, such as an id, as a JSON string. Cheaper than `value`."""
    return f"""'"' || {expression} || '"'"""


def time(expression: str) -> str:
    """A moment, never NULL, as a JSON string."""
    # Cut from a text with six decimals, which an added microsecond makes sure of: to_char takes longer.
    moment = f"date_trunc('milliseconds', {expression} AT TIME ZONE 'UTC') + interval '1 microsecond'"
    return f"""left(to_json({moment})\\:\\:text, {len('"2001-02-03T04:05:06.789')}) || 'Z"'"""


def amount(expression: str) -> str:
    """A decimal, never NULL, as a JSON number."""
    return f"trim_scale({expression})\\:\\:text"


def or_null(text: str) -> str:
    """JSON text that may be NULL, which becomes null."""
    return f"coalesce({text}, 'null')"


def json_object(members: Mapping[str, str]) -> str:
    """One object as JSON text; `members` maps snake_case names to JSON texts, none of them NULL."""
    # Put together from pieces of text: json_build_object takes one and a half times as long.
    pairs = [f"""'"{camel_case(name)}"\\:' || {text}""" for name, text in members.items()]
    pieces = "'{' || " + " || ',' || ".join(pairs) + " || '}'"
    # As few as can be: constants that meet are one.
    return pieces.replace("' || '", "")


def json_list(text: str, *, order_by: str) -> str:
    """The aggregate of all rows' JSON texts, but for those that are NULL, as the JSON text of a list."""
    return f"'[' || coalesce(string_agg({text}, ',' ORDER BY {order_by}), '') || ']'"
