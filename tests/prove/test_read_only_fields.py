"""What the service alone decides cannot be sent: fields of answers are refused in every body."""

import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import marshmallow as ma
import pytest
from flask import Flask

from app.web.arguments import StrictParser
from bench.findings import Finding
from tests.caller import Caller
from tests.conftest import Scale
from tests.document import address, example_body, operations, resolved, served
from tests.prove.conftest import Record

SEED = 20250308
# Its body is an event of Stripe's own shape, believed for its signature.
SIGNED = "receiveStripeEvent"


class Attempt(NamedTuple):
    """One field where it does not belong."""

    method: str
    address: str
    body: Any
    field: str


def places(document: Any, schema: Any, value: Any) -> Iterator[tuple[set[str], Callable[[str], Any]]]:
    """Each object in an example: the names it may have, and the example with one more name in that object."""
    schema = resolved(document, schema)
    if isinstance(value, list):
        for names, with_name in places(document, schema["items"], value[0]):
            yield names, partial(_in_list, with_name)
    elif isinstance(value, dict):
        yield set(schema["properties"]), lambda name: {**value, name: 1}
        for key, member in value.items():
            if isinstance(member, dict | list):
                for names, with_name in places(document, schema["properties"][key], member):
                    yield names, partial(_in_object, value, key, with_name)


def _in_list(with_name: Callable[[str], Any], name: str) -> Any:
    return [with_name(name)]


def _in_object(value: dict[str, Any], key: str, with_name: Callable[[str], Any], name: str) -> Any:
    return {**value, key: with_name(name)}


def fields_of_answers(document: Any) -> set[str]:
    """Every field of what the service answers, apart from the envelope and pages."""
    bodies = document["components"]["schemas"]
    answers = [schema for name, schema in bodies.items() if "additionalProperties" not in schema]
    around = {*bodies["ErrorDetail"]["properties"], "success", "data", "error", "results", "count", "page", "perPage"}
    names = {name for schema in answers for name in schema["properties"]}
    return names - around


def attempts(document: Any) -> Iterator[Attempt]:
    """Every field of an answer, in every object of every body that does not know it."""
    names = sorted(fields_of_answers(document))
    for path, method, operation in operations(document):
        if "requestBody" in operation and operation["operationId"] != SIGNED:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            for known, with_name in places(document, schema, example_body(operation)):
                for name in names:
                    if name not in known:
                        yield Attempt(method.upper(), address(document, path), with_name(name), name)


def is_named(problems: Any, field: str) -> bool:
    """Whether the errors by field name that one, at whatever depth."""
    if isinstance(problems, list):
        return any(is_named(each, field) for each in problems)
    return isinstance(problems, dict) and (
        field in problems or any(is_named(each, field) for each in problems.values())
    )


@pytest.fixture
def is_refused(app: Flask, admin: Caller) -> Callable[[Attempt], bool]:
    def call(attempt: Attempt) -> bool:
        """Whether the answer is 400 and names the field; of a bulk call, the outcome of its item."""
        answer = admin.call(attempt.method, attempt.address, attempt.body)
        status, body = answer.status_code, app.json.loads(answer.get_data())
        if status == 200 and isinstance(body["data"], list):
            body = body["data"][0]
            status = body.get("error", {}).get("code")
        return status == 400 and is_named(body["error"].get("details"), attempt.field)

    return call


def test_fields_of_answers_are_refused_by_name(
    app: Flask,
    is_refused: Callable[[Attempt], bool],
    monkeypatch: pytest.MonkeyPatch,
    scale: Scale,
    record: Record,
) -> None:
    document = served(app)
    assert {"id", "createdAt", "lockedBudget", "balance_after", "credit_balance"} <= fields_of_answers(document)
    found = list(attempts(document))
    operations_tried = {(attempt.method, attempt.address) for attempt in found}
    assert len(operations_tried) > 20
    tried = random.Random(SEED).sample(found, scale(len(found), 300))
    wrong = [attempt for attempt in tried if not is_refused(attempt)]
    assert wrong == []
    monkeypatch.setitem(StrictParser.DEFAULT_UNKNOWN_BY_LOCATION, "json", ma.EXCLUDE)
    lenient = [attempt for attempt in tried if not is_refused(attempt)]
    assert len(lenient) > len(tried) / 2
    record(
        Finding(
            check="Fields that the service decides are refused by name",
            done=f"{len(operations_tried)} bodies, {len(tried)} fields that do not belong in them",
            wrong=len(wrong),
            control=f"{len(lenient)} passed over in silence",
            seed=SEED,
        )
    )
