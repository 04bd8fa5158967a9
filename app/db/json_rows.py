"""JSON built by PostgreSQL: objects inside a row, and lists too long to be held as Python objects.

Schemas pass such text through as it is (see `app.web.schemas`), so the expressions here follow the same rules as
`app.web.json`: camelCase names, decimals without trailing zeros, times in UTC with milliseconds.
"""

from collections.abc import Mapping

from app.naming import camel_case


def time(expression: str) -> str:
    """A moment as JSON text."""
    return f"""to_char({expression} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24\\:MI\\:SS.MS"Z"')"""


def amount(expression: str) -> str:
    """A decimal as a JSON number."""
    return f"trim_scale({expression})"


def json_object(members: Mapping[str, str]) -> str:
    """One object as JSON text; `members` maps snake_case names to expressions."""
    return f"{_build(members)}\\:\\:text"


def json_list(members: Mapping[str, str], *, source: str, order_by: str) -> str:
    """A subquery that yields all rows of `source` as the JSON text of a list."""
    return f"(SELECT coalesce(json_agg({_build(members)} ORDER BY {order_by}), '[]')\\:\\:text FROM {source})"


def _build(members: Mapping[str, str]) -> str:
    pairs = ", ".join(f"'{camel_case(name)}', {expression}" for name, expression in members.items())
    return f"json_build_object({pairs})"
