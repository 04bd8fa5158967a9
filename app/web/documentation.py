"""The OpenAPI document: the parts that all operations share, and the Api that collects the operations."""

import inspect
import re
from collections.abc import Callable
from http import HTTPStatus
from threading import RLock
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from flask_smorest import Api, Blueprint
from flask_smorest.spec.plugins import FlaskPlugin
from werkzeug.routing import Rule

from app.auth.api_keys import secret as api_key
from app.auth.guards import ACCOUNT_HEADER, Guard
from app.db.base import MAX_ID
from app.errors import (
    KeyReused,
    Reason,
    Unauthorized,
    UnsupportedMediaType,
)
from app.naming import camel_case
from app.web import change_reason, converters, errors, exports, failures, openapi_fields, paging, versions
from app.web.fields import MAX_INTEGER
from app.web.idempotency import HEADER, METHODS
from app.web.negotiation import MIMETYPES
from app.web.schemas import Error

VERSION = "1.0.0"
DESCRIPTION = (
    "Clients, billing accounts and their budgets; bookings, work periods and payments; prepaid credits and customer "
    "accounts.\n\n"
    'Every JSON response is `{"success": true, "data": …}` or `{"success": false, "error": {…}}`. Match failures on '
    "`error.reason`, which is stable; `error.message` is for people. Amounts of money are JSON numbers with at most 4 "
    "decimals; in responses under `/v1` they are strings with 2 decimals. Timestamps are in UTC."
)

_IDEMPOTENCY_KEY = {
    "in": "header",
    "name": HEADER,
    "description": (
        "Makes the request safe to retry: a repeated request with the same key within 24 hours gets the stored "
        "response of the first."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x21-\x7e]+$"},
}


_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT or API key",
    "description": (
        "A JWT of a person or a machine, or an API key of a machine, which matches "
        f"`{api_key.PATTERN}` and is issued by `createApiKey` or `createAccountApiKey`."
    ),
}
_ACCOUNT = {
    "in": "header",
    "name": ACCOUNT_HEADER,
    "description": (
        "Customer account to use, for callers who belong to several. Defaults to the account named in the token, else "
        "to the one that the caller joined first. An API key of an account always uses that."
    ),
    "schema": {"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_ID},
}


# Failures that all operations share; the others are in `app.web.failures`.
_FAILURES = [
    *(
        errors.error_body(failure.status, failure.reason, failure.message, failure.details)
        for failure in (
            Unauthorized("A bearer token is required"),
            UnsupportedMediaType("The body must be application/json in UTF-8"),
            KeyReused("This idempotency key was used for a different request"),
            failures.RATE_LIMITED,
            *failures.UNAVAILABLE,
        )
    ),
    errors.error_body(413, Reason.PAYLOAD_TOO_LARGE, "The request body is too large"),
    errors.error_body(500, Reason.INTERNAL_ERROR, "Internal error; it has been logged"),
]


class CamelPaths(FlaskPlugin):  # type: ignore[misc] # flask-smorest is not typed
    """Names path parameters in camelCase, as the contract does."""

    @staticmethod
    def flaskpath2openapi(path: str) -> str:
        """`/x/<int_id:some_id>` as `/x/{someId}`."""
        return re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", lambda match: f"{{{camel_case(match[1])}}}", path)

    def rule_to_params(self, rule: Rule) -> list[dict[str, Any]]:
        """The parameters in the path of `rule`."""
        return [self._described(parameter) for parameter in super().rule_to_params(rule)]

    @staticmethod
    def _described(parameter: dict[str, Any]) -> dict[str, Any]:
        name = parameter["name"]
        thing = name.removesuffix("_id").replace("_", " ")
        return {**parameter, "name": camel_case(name), "description": f"Identifier of the {thing}."}


class DescribedSchemas(MarshmallowPlugin):
    """Describes each component by its schema's docstring."""

    def schema_helper(self, name: str, _: Any, schema: Any = None, **kwargs: Any) -> Any:  # type: ignore[override]
        """The component of `schema`."""
        component = super().schema_helper(name, _, schema=schema, **kwargs)  # type: ignore[no-untyped-call]
        return {"description": inspect.getdoc(_class_of(schema)), **component}


class ServiceApi(Api):  # type: ignore[misc] # flask-smorest is not typed
    """Collects the blueprints into one document; `app.web.errors` builds the responses to failures.

    Describing the operations is most of making an application, and few processes are asked for the document: the first
    reader of `spec` has them described.
    """

    ERROR_SCHEMA = Error

    def __init__(self, app: Flask) -> None:
        self._undescribed: list[Callable[[], None]] = []
        self._is_routing = False
        # Reentrant: what describes an operation may read `spec`.
        self._describing = RLock()
        app.config.update(
            API_TITLE="Billing service",
            API_VERSION=VERSION,
            OPENAPI_VERSION="3.1.0",
            OPENAPI_URL_PREFIX="/",
            API_SPEC_OPTIONS={
                "info": {
                    "description": DESCRIPTION,
                    "contact": {"name": "The operator of this installation"},
                    "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
                },
                "servers": [{"url": "/"}],
                "components": {"securitySchemes": {"bearer": _BEARER}},
            },
        )
        schemas = DescribedSchemas(schema_name_resolver=_type_name)
        super().__init__(app, spec_kwargs={"flask_plugin": CamelPaths(), "marshmallow_plugin": schemas})
        openapi_fields.register(self.ma_plugin.converter)
        integer = {"type": "integer", "format": "int32", "minimum": 1, "maximum": MAX_INTEGER}
        big_integer = {"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_ID}
        text = {"type": "string", "minLength": 1, "maxLength": converters.MAX_TEXT}
        self.register_converter(converters.IntegerConverter, lambda _: integer)
        self.register_converter(converters.BigIntegerConverter, lambda _: big_integer)
        self.register_converter(converters.TextConverter, lambda _: text)
        self.register_converter(converters.UuidConverter, lambda _: {"type": "string", "format": "uuid"})

    def register_blueprint(self, blp: Blueprint, **options: Any) -> None:
        """Route to a blueprint, whose operations are described later."""
        self._is_routing = True
        try:
            super().register_blueprint(blp, **options)
        finally:
            self._is_routing = False

    def describe_later(self, describe: Callable[[], None]) -> None:
        """Call `describe` before the document is first read."""
        self._undescribed.append(describe)

    @property
    def spec(self) -> APISpec:
        """The document, which is incomplete while blueprints are being registered."""
        with self._describing:
            if not self._is_routing:
                undescribed, self._undescribed = self._undescribed, []
                for describe in undescribed:
                    describe()
            return self._spec

    @spec.setter
    def spec(self, empty: APISpec) -> None:
        self._spec = empty

    def _register_responses(self) -> None:
        for name, header in (*paging.DOCUMENTATION.items(), ("ETag", versions.HEADER)):
            self.spec.components.header(name, header, lazy=True)
        by_status: dict[int, list[dict[str, Any]]] = {}
        for example in _FAILURES:
            by_status.setdefault(example["error"]["code"], []).append(example)
        for status, examples in by_status.items():
            self.spec.components.response(failures.component(status), failures.response(status, examples), lazy=True)
        not_modified = failures.component(HTTPStatus.NOT_MODIFIED)
        self.spec.components.response(not_modified, versions.NOT_MODIFIED, lazy=True)

    def _register_error_handlers(self) -> None:
        errors.init_app(self._app)

    def _register_pagination_header(self) -> None:
        """Document nothing: lists return their paging in the body."""


def _class_of(schema: Any) -> type:
    return schema if isinstance(schema, type) else type(schema)


def _type_name(schema: Any) -> str:
    """The component name of a schema: the name of its class."""
    return _class_of(schema).__name__


def _guide_link(guide: str) -> str:
    """A link to a heading of a page of docs/, relative to the service: `externalDocs` would have to name its host."""
    _, _, heading = guide.partition("#")
    return f"Guide: [{heading.replace('-', ' ').capitalize()}](/docs/guides/{guide})."


def describe_operation(doc: dict[str, Any], doc_info: dict[str, Any], *, method: str, **_: Any) -> dict[str, Any]:
    """Add to an operation the security, parameters and responses that follow from its guard, method and body."""
    guard: Guard = doc_info["view"].guard
    statuses = [HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE]
    if guard.open_to_all:
        doc["security"] = []
    else:
        doc["security"] = [{"bearer": []}]
        statuses.append(HTTPStatus.UNAUTHORIZED)
    if guard.takes_account:
        doc.setdefault("parameters", []).append(_ACCOUNT)
    if method.upper() != "GET" and not guard.open_to_all:
        doc.setdefault("parameters", []).append(change_reason.PARAMETER)
    if method.upper() in METHODS and not guard.open_to_all:
        doc.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
        statuses.append(HTTPStatus.UNPROCESSABLE_ENTITY)
    if versions.is_conditional(doc_info["view"]):
        doc.setdefault("parameters", []).append(versions.PARAMETERS[versions.IF_MATCH])
    if method.upper() == "GET" and versions.has_etag(doc_info["view"]):
        doc.setdefault("parameters", []).append(versions.PARAMETERS[versions.IF_NONE_MATCH])
        statuses.append(HTTPStatus.NOT_MODIFIED)
    if "requestBody" in doc or "requestBody" in doc_info.get("manual_doc", {}):
        statuses += [HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE]
    # The view's docstring describes the operation; who may call it and the guide follow.
    rule = doc_info["docstring"].pop("description", "")
    doc["description"] = "\n\n".join((rule, guard.needs, _guide_link(doc_info["guide"])))
    responses = doc.setdefault("responses", {})
    responses.pop("default", None)
    for status in statuses:
        responses.setdefault(status.value, failures.component(status))
    responses.update(failures.responses(doc_info, method))
    for format_ in doc_info["view"].formats[1:]:
        responses[HTTPStatus.OK.value]["content"][MIMETYPES[format_]] = exports.DOCUMENTATION[format_]
    doc["responses"] = dict(sorted((int(status), response) for status, response in responses.items()))
    return doc
