"""Bulk operations: one call, many items, each with its own outcome.

The body is an array of objects. Each item is validated by its schema; valid items are passed, in order, to one set-wise
service function, which returns for each a result or the ServiceError that the single operation would raise. The
response is a list in the order of the request: the result, or the submitted fields with an added `error`. With
`?atomic=true` the first failing item fails the whole call, which then changes nothing.
"""

from collections.abc import Callable, Sequence
from functools import cache, wraps
from typing import Any, cast

import marshmallow as ma
import orjson
from flask import request
from flask_smorest import Blueprint

from app.errors import Invalid, ServiceError
from app.web import fields, messages
from app.web.arguments import StrictParser
from app.web.json import as_sent
from app.web.schemas import CamelQuery, ErrorDetail, ReadSchema

MAX_ITEMS = 1000

Item = dict[str, Any]
View = Callable[..., Sequence[Any]]


class BulkOptions(CamelQuery):
    """How a bulk call treats failures."""

    atomic = fields.Boolean(
        load_default=False,
        metadata={"description": "All or nothing: the first failing item fails the call, which changes nothing."},
    )


def operation(
    blueprint: Blueprint, *, item: type[ma.Schema], result: type[ma.Schema], example: list[Item]
) -> Callable[[View], Callable[..., Any]]:
    """Turn a method that takes a list of loaded items and returns an outcome for each into a view."""
    load, dump = item().load, result().dump

    def decorate(view: View) -> Callable[..., Any]:
        @blueprint.arguments(BulkOptions(), location="query")
        @blueprint.doc(requestBody=_request(item, example))
        @blueprint.response(200, _outcome_of(result)(many=True))
        @wraps(view)
        def run(self: Any, options: dict[str, Any], **passed: Any) -> list[Any]:
            sent = _items()
            outcomes = _outcomes(sent, load, lambda items: view(self, items, **passed))
            if options["atomic"]:
                _require_success(outcomes)
            return [
                _echo(each, outcome) if isinstance(outcome, ServiceError) else dump(outcome)
                for each, outcome in zip(sent, outcomes, strict=True)
            ]

        return cast("Callable[..., Any]", run)

    return decorate


def _items() -> list[Item]:
    """The array that was sent. Raises Invalid for anything else."""
    body = StrictParser().load_json(request)
    if not isinstance(body, list):
        raise Invalid("The body must be an array of objects")
    if not 1 <= len(body) <= MAX_ITEMS:
        raise Invalid(f"The array must contain 1 to {MAX_ITEMS} items, not {len(body)}")
    for index, each in enumerate(body):
        if not isinstance(each, dict):
            raise Invalid(f"Item {index} is not an object", details={"index": index})
    return body


def _outcomes(sent: list[Item], load: Callable[[Item], Item], act: View) -> list[Any]:
    """The result or the failure of each item, in order."""
    outcomes: list[Any] = []
    loaded: list[Item] = []
    for each in sent:
        try:
            loaded.append(load(each))
            outcomes.append(None)
        except ma.ValidationError as error:
            outcomes.append(messages.invalid(error.messages_dict, whole="item"))
    results = iter(act(loaded) if loaded else ())
    return [next(results) if outcome is None else outcome for outcome in outcomes]


def _require_success(outcomes: list[Any]) -> None:
    for index, outcome in enumerate(outcomes):
        if isinstance(outcome, ServiceError):
            outcome.details = {**(outcome.details or {}), "index": index}
            raise outcome


def _echo(sent: Item, failure: ServiceError) -> Item:
    values = {name: orjson.Fragment(as_sent(value)) for name, value in sent.items()}
    return {**values, "error": described(failure)}


def described(failure: ServiceError) -> dict[str, Any]:
    """The `error` of an item that failed."""
    error = {"code": failure.status, "reason": failure.reason, "message": failure.message}
    return error if failure.details is None else {**error, "details": failure.details}


def _request(item: type[ma.Schema], example: list[Item]) -> dict[str, Any]:
    schema = {"type": "array", "items": item, "minItems": 1, "maxItems": MAX_ITEMS}
    return {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}


class ItemError(ErrorDetail):
    """Why one item of a bulk call failed: the error that the single operation would return."""


@cache
def _outcome_of(result: type[ma.Schema]) -> type[ma.Schema]:
    """The outcome of one item: the result, or the submitted fields with an added `error`."""
    members = {
        "__doc__": "An item that failed: the submitted fields, with an added `error`.",
        "error": ma.fields.Nested(ItemError),
    }
    failed = type(f"{result.__name__}Failure", (ReadSchema,), members)
    return type(f"{result.__name__}Outcome", (Outcome,), {"union": (result, failed)})


class Outcome(ReadSchema):
    """The outcome of one item, already serialized."""

    union: tuple[type[ma.Schema], ...] = ()

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:  # noqa: ARG002 - the signature is marshmallow's
        """`obj` as it is."""
        return obj
