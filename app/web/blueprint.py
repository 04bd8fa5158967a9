"""The blueprint of every feature: strict arguments in, the envelope out, and both in the OpenAPI document."""

import re
from typing import Any
from urllib.parse import unquote_to_bytes

import marshmallow as ma
from flask import Request
from flask_smorest import Blueprint
from webargs.flaskparser import FlaskParser
from webargs.multidictproxy import MultiDictProxy

from app.errors import Invalid, Reason, UnsupportedMediaType
from app.web.documentation import describe_operation
from app.web.json import parse
from app.web.schemas import envelope_of

_STRAY_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def _decodes(argument: bytes) -> bool:
    """Whether an argument of the query string is text; Werkzeug would pass on what is not as it stands."""
    try:
        unquote_to_bytes(argument).decode()
    except UnicodeDecodeError:
        return False
    return not _STRAY_PERCENT.search(argument)


class StrictParser(FlaskParser):
    """Reads bodies and query strings; what does not fit its schema is Invalid, named field by field."""

    DEFAULT_VALIDATION_STATUS = 400
    DEFAULT_UNKNOWN_BY_LOCATION = dict.fromkeys(FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, ma.RAISE)

    def load_json(self, req: Request, schema: ma.Schema | None = None) -> Any:
        """The body, as exact JSON."""
        body = req.get_data()
        if not body:
            raise Invalid("A JSON body is required", reason=Reason.INVALID_JSON)
        if not req.is_json:
            raise UnsupportedMediaType("The body must be sent as application/json")
        return parse(body)

    def load_querystring(self, req: Request, schema: ma.Schema) -> Any:
        """The query string. Raises Invalid for what does not decode, and for two values where one is meant."""
        query = MultiDictProxy(req.args, schema)
        for argument in req.query_string.split(b"&"):
            if not _decodes(argument):
                name = argument.partition(b"=")[0].decode(errors="replace")
                raise Invalid.field(name, "Not valid percent-encoded UTF-8.", location="query")
        for name, values in req.args.lists():
            if len(values) > 1 and name not in query.multiple_keys:
                raise Invalid.field(name, "Given more than once.", location="query")
        return query

    def handle_error(self, error: ma.ValidationError, *_: Any, **__: Any) -> Any:
        """Raise Invalid naming the fields, by where they were sent."""
        location = "query" if "query" in error.messages_dict else "json"
        problems = error.messages_dict[location]
        names = ", ".join(str(name) for name in problems if name != "_schema") or "the body"
        raise Invalid(f"The request is not valid: see {names}"[:500], details={location: problems})


class ApiBlueprint(Blueprint):  # type: ignore[misc] # flask-smorest is not typed
    """A feature's routes."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prepare_doc_cbks.append(describe_operation)

    def _store_endpoint_docs(self, endpoint: str, obj: Any, *args: Any, **options: Any) -> None:
        super()._store_endpoint_docs(endpoint, obj, *args, **options)
        for method, info in self._docs[endpoint].items():
            if method != "parameters":
                info["guard"] = getattr(obj, method).guard

    @staticmethod
    def _prepare_response_content(data: Any) -> Any:
        return {"success": True, "data": data}

    @staticmethod
    def _make_doc_response_schema(schema: ma.Schema | dict[str, Any] | None) -> ma.Schema | dict[str, Any] | None:
        # What is described by hand, such as a file, does not come in the envelope.
        if not isinstance(schema, ma.Schema):
            return schema
        return envelope_of(type(schema), many=bool(schema.many))()
