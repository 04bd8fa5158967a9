"""JSON built by PostgreSQL: objects inside a row, and lists too long to be held as Python objects.

Schemas pass such text through as it is (see `app.web.schemas`), so the expressions here follow the same rules as
`app.web.json`: camelCase names, decimals without trailing zeros, times in UTC with milliseconds.
"""

from collections.abc import Mapping

from app.naming import camel_case


def value(expression: str) -> str:
    """Anything as JSON text."""
    return f"to_json({expression})\\:\\:text"


def word(expression: str) -> str:
    """What needs no escaping, such as an id, as a JSON string. Cheaper than `value`."""
    return f"""'"' || {expression} || '"'"""


def time(expression: str) -> str:
    """A moment as a JSON string."""
    return word(f"""to_char({expression} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24\\:MI\\:SS.MS"Z"')""")


def amount(expression: str) -> str:
    """A decimal as a JSON number."""
    return f"trim_scale({expression})\\:\\:text"


def json_object(members: Mapping[str, str]) -> str:
    """One object as JSON text; `members` maps snake_case names to JSON texts, of which NULL is null."""
    # Put together from pieces of text: json_build_object takes one and a half times as long.
    pairs = [f"""{camel_case(name)}"\\:' || coalesce({text}, 'null')""" for name, text in members.items()]
    return "'{\"" + " || ',\"".join(pairs) + " || '}'"


def json_list(text: str, *, order_by: str) -> str:
    """The aggregate of all rows' JSON texts, but for those that are NULL, as the JSON text of a list."""
    return f"'[' || coalesce(string_agg({text}, ',' ORDER BY {order_by}), '') || ']'"
