"""Whether answers are those that the OpenAPI document describes, so that a generated type holds for each of them."""

import copy
import json
import re
from collections.abc import Callable
from functools import cache, partial
from http import HTTPStatus
from typing import Any

from jsonschema_rs import Draft202012Validator

from app.config import ROOT
from tests.document import operations, resolved

# Any operation may be answered so, by HTTP itself or on the way.
_UNDESCRIBED = {405, 406, 408, 411, 414, 416, 417, 431}
# Any operation may give these: those without a body refuse one that is broken too.
_ANY_REASON = {"invalid_json"}
# By status, the reasons that are described, and what makes the validator of the JSON that is; only of what is answered,
# since each takes megabytes.
_Answers = dict[int, tuple[set[str], Callable[[], Draft202012Validator | None]]]


def undescribed(method: str, path: str, status: int, body: bytes) -> str | None:
    """What the document does not say of a JSON answer; None when it says all of it, or does not know the path."""
    answers = _answers(method, path.removesuffix("/"))
    if answers is None:
        return None
    if status not in answers:
        return None if status in _UNDESCRIBED else f"{method} {path} is not described to answer {status}"
    reasons, make_validator = answers[status]
    validator = make_validator()
    if validator is None:
        return f"{method} {path} is not described to answer {status} in JSON"
    reason = _read(body).get("error", {}).get("reason") if status >= HTTPStatus.BAD_REQUEST else None
    if reason is not None and reason not in reasons | _ANY_REASON:
        return f"{method} {path} is not described to answer {status} {reason}: name it in @fails"
    # Of alternatives the message names none; the path leads to what it is about.
    return next((f"{method} {path}: {error}" for error in validator.iter_errors(_read(body))), None)


def _read(body: bytes) -> Any:
    # A bulk call sends back what was sent: numbers that are beyond what can be read here too.
    return json.loads(
        body,
        parse_int=lambda digits: int(digits[:18]),
        parse_float=lambda digits: max(-1e300, min(float(digits), 1e300)),
    )


@cache
def _answers(method: str, path: str) -> _Answers | None:
    # A path without parameters goes before one with them, as in the service.
    for pattern, known_method, answers in sorted(_DESCRIBED, key=lambda each: each[0].groups):
        if known_method == method and pattern.fullmatch(path):
            return answers
    return None


def _described() -> list[tuple[re.Pattern[str], str, _Answers]]:
    document = json.loads((ROOT / "docs" / "openapi.json").read_text())
    strict = _strict(document)
    found = []
    for path, method, operation in operations(document):
        pattern = _pattern(path, document["paths"][path].get("parameters", []))
        answers: _Answers = {
            int(status): (
                _reasons(resolved(document, response)),
                cache(partial(_validator, strict, resolved(document, response))),
            )
            for status, response in operation["responses"].items()
        }
        found.append((pattern, method.upper(), answers))
    return found


def _pattern(path: str, parameters: list[Any]) -> re.Pattern[str]:
    for parameter in parameters:
        if parameter["in"] == "path":
            text = "([0-9]+)" if parameter["schema"]["type"] == "integer" else "([^/]+)"
            path = path.replace(f"{{{parameter['name']}}}", text)
    return re.compile(path)


def _reasons(response: Any) -> set[str]:
    """The reasons that a response has examples of."""
    media = response.get("content", {}).get("application/json", {})
    shown = [media["example"]] if "example" in media else [each["value"] for each in media.get("examples", {}).values()]
    return {each["error"]["reason"] for each in shown if "error" in each}


def _validator(document: Any, response: Any) -> Draft202012Validator | None:
    media = response.get("content", {}).get("application/json")
    if media is None:
        return None
    return Draft202012Validator(
        {**media["schema"], "components": document["components"]}, validate_formats=True, ignore_unknown_formats=True
    )


def _strict(document: Any) -> Any:
    """The document, with no field in an answer but those it names; a failed item also carries what was sent."""
    strict = copy.deepcopy(document)
    for name, schema in strict["components"]["schemas"].items():
        if "properties" in schema and not name.endswith("Failure"):
            schema.setdefault("additionalProperties", False)
    return strict


# Read before there are tests, some of which measure what a request costs.
_DESCRIBED = _described()
