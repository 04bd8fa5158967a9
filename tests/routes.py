"""The addresses the service answers, read from its URL map."""

import re
from collections.abc import Iterable, Iterator

from flask import Flask
from werkzeug.routing import Rule

AUTOMATIC_METHODS = {"HEAD", "OPTIONS"}
_PARAMETER = re.compile(r"<(?:(?P<converter>[^:<>]+):)?(?P<name>[^<>]+)>")
# One of the words in brackets.
_CHOICES = re.compile(r"any\('?(?P<first>[^',)]+).*\)")
_EXAMPLES = {
    "int": "1",
    "int_id": "1",
    "bigint_id": "1",
    "text_id": "x",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "path": "x",
}


def address(rule: Rule, **known: str) -> str:
    """A path that `rule` matches; parameters that are not `known` get an example of their type."""

    def value(match: re.Match[str]) -> str:
        if choices := _CHOICES.fullmatch(match["converter"] or ""):
            return known.get(match["name"], choices["first"])
        return known.get(match["name"], _EXAMPLES[match["converter"] or "path"])

    return _PARAMETER.sub(value, rule.rule)


# Blueprints of what people look at after signing in.
PAGES = ("console", "portal", "console_sign_in")


def calls(app: Flask) -> Iterator[tuple[Rule, str]]:
    """Every route of the API with every method it declares."""
    yield from _calls(rule for rule in app.url_map.iter_rules() if rule.endpoint.partition(".")[0] not in PAGES)


def pages(app: Flask) -> Iterator[tuple[Rule, str]]:
    """Every page for people who are signed in, with every method."""
    yield from _calls(rule for rule in app.url_map.iter_rules() if rule.endpoint.partition(".")[0] in PAGES[:2])


def _calls(rules: Iterable[Rule]) -> Iterator[tuple[Rule, str]]:
    for rule in rules:
        for method in sorted((rule.methods or set()) - AUTOMATIC_METHODS):
            yield rule, method
