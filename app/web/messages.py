"""Readable messages about invalid input, made from the errors of marshmallow."""

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow.exceptions import SCHEMA

from app.errors import Invalid

MAX_MESSAGE = 500
MAX_NAME = 60
NAMED_FIELDS = 20


def invalid(problems: Mapping[Any, Any], *, location: str = "json", whole: str = "body") -> Invalid:
    """The failure that names the first problem in one sentence, with all problems by field in its details.

    `whole` is the name under which problems of the input as a whole are listed.
    """
    by_field = _named(problems, whole)
    found = list(_flat(by_field))
    field, reason = found[0]
    first = reason if field == whole else f"{field}: {reason}"
    others = list(dict.fromkeys(shortened(name) for name, _ in found if name != field))
    return Invalid(_bounded(f"{first}{_and_more(others)}"), details={location: by_field})


def shortened(name: str) -> str:
    """A field's name, cut to fit a sentence: the names of unknown fields may have any length, or be empty."""
    return f"{name[:MAX_NAME]}…" if len(name) > MAX_NAME else name or '""'


def _named(problems: Mapping[Any, Any], whole: str) -> dict[str, Any]:
    """The problems with `whole` in place of marshmallow's name for the input as a whole."""
    return {whole if name == SCHEMA else str(name): _inner(each, whole) for name, each in problems.items()}


def _inner(problems: Any, whole: str) -> Any:
    if not isinstance(problems, Mapping):
        return problems
    return problems[SCHEMA] if problems.keys() == {SCHEMA} else _named(problems, whole)


def _flat(problems: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Every field that has a problem, as a path, with its first problem."""
    for name, each in problems.items():
        here = f"{path}.{shortened(name)}" if path else shortened(name)
        if isinstance(each, Mapping):
            yield from _flat(each, here)
        else:
            yield here, str(each[0])


def _and_more(names: list[str]) -> str:
    if not names:
        return ""
    listed = ", ".join(names[:NAMED_FIELDS]) + (", …" if len(names) > NAMED_FIELDS else "")
    return f" (and {len(names)} more field{'s' if len(names) > 1 else ''}: {listed})"


def _bounded(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE else f"{message[: MAX_MESSAGE - 1]}…"
