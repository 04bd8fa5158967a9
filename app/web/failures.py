"""The failures of an operation in the OpenAPI document: each reason with an example of this operation.

Most failures are derived from what the operation declares: its guard, its inputs, the ids in its path, and whether it
accepts an idempotency key. Failures from the rules of the feature are declared with `fails`.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import marshmallow as ma
from werkzeug.http import HTTP_STATUS_CODES

from app.auth.guards import Guard
from app.db.versions import failure as changed_meanwhile
from app.errors import Conflict, Invalid, NotFound, RateLimited, Reason, ServiceError, Unavailable
from app.web import errors, exports, messages, negotiation, versions
from app.web.idempotency import METHODS
from app.web.schemas import Error, Schema

View = TypeVar("View", bound=Callable[..., Any])

_UNKNOWN = {"colour": "red"}
_EXAMPLE_IDS = {int: "7", str: "0198f0a2-6c1e-7d53-9b9d-2f6f2a1c7e10"}
# Of operations that take If-Match, and of bulk calls whose items do.
CHANGED = changed_meanwhile(4, [3])
RATE_LIMITED = RateLimited(
    "Too many requests: the limit is 100 in 5 seconds. Retry in 3 s.",
    details={"limit": "address", "requests": 100, "seconds": 5},
)
# Why any operation that needs a token can be unavailable.
UNAVAILABLE = (
    Unavailable("The database is unavailable; try again shortly"),
    Unavailable(
        "The signing keys of the identity provider are unavailable", reason=Reason.IDENTITY_PROVIDER_UNAVAILABLE
    ),
    # Writes only.
    Unavailable("The clock of this worker is off; try again shortly", reason=Reason.CLOCK_SKEW),
)


def fails(*failures: ServiceError) -> Callable[[View], View]:
    """Declare the failures that the rules of the feature raise in a view, each with a message such as callers get."""

    def decorate(view: View) -> View:
        view.failures = failures  # type: ignore[attr-defined]
        return view

    return decorate


def responses(doc_info: Mapping[str, Any], method: str) -> dict[int, Any]:
    """The failure responses that are specific to an operation, by status."""
    found: dict[int, dict[str, Any]] = {}
    for failure in _failures(doc_info, method):
        body = errors.error_body(failure.status, failure.reason, failure.message, failure.details)
        # The first example of a reason is the one derived from the declarations.
        found.setdefault(failure.status, {}).setdefault(failure.reason, body)
    return {status: response(status, list(bodies.values())) for status, bodies in found.items()}


def response(status: int, bodies: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The response of a status, with `bodies` as examples and their reasons in its description."""
    examples = {str(body["error"]["reason"]): {"value": body} for body in bodies}
    reasons = ", ".join(f"`{reason}`" for reason in examples)
    content = {"application/json": {"schema": Error, "examples": examples}}
    return {"description": f"{HTTP_STATUS_CODES[status]}: {reasons}.", "content": content}


def component(status: int) -> str:
    """The component name of the response: from Werkzeug's phrases; Python's differ between versions."""
    return HTTP_STATUS_CODES[status].upper().replace(" ", "_")


def _failures(doc_info: Mapping[str, Any], method: str) -> Iterator[ServiceError]:
    view = doc_info["view"]
    guard: Guard = view.guard
    yield from _invalid(doc_info)
    if view.inputs.body:
        yield Invalid("A JSON body is required", reason=Reason.INVALID_JSON)
    yield from _not_found(view)
    yield from guard.refusals
    if len(view.formats) > 1:
        yield negotiation.not_acceptable(view.formats)
        yield RATE_LIMITED
        yield exports.busy()
    if method.upper() in METHODS and not guard.open_to_all:
        yield Conflict(
            "A request with this idempotency key is still in progress", reason=Reason.IDEMPOTENCY_IN_PROGRESS
        )
    if versions.is_conditional(view):
        yield CHANGED
    yield from getattr(view, "failures", ())


def _invalid(doc_info: Mapping[str, Any]) -> Iterator[ServiceError]:
    """The failure of input that the schema of the body refuses, or of the query string where there is no body."""
    if "requestBody" in doc_info.get("manual_doc", {}):
        # Bodies described by hand: those of bulk calls, which also take options, and of webhook events.
        if doc_info["schemas"]:
            yield Invalid("The array must contain 1 to 1000 items, not 0")
        return
    schemas = doc_info["schemas"]
    location = "json" if "json" in schemas else "query"
    schema: ma.Schema = schemas.get(location, Schema())
    problems = schema.validate({}) if location == "json" else {}
    yield messages.invalid(problems or schema.validate(_UNKNOWN), location=location)


def _not_found(view: View) -> Iterator[NotFound]:
    """The failure for the first id in the path. User ids have none: the service does not store users."""
    for name, parameter in inspect.signature(view).parameters.items():
        if name.endswith("_id") and name != "user_id":
            thing = name.removesuffix("_id").replace("_", " ").capitalize()
            yield NotFound(f"{thing} {_EXAMPLE_IDS[parameter.annotation]} was not found")
            return
