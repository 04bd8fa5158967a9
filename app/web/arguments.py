"""Reads bodies and query strings strictly, and refuses those that an operation does not declare."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

import marshmallow as ma
from flask import Request, request
from flask.globals import request_ctx
from webargs.flaskparser import FlaskParser
from webargs.multidictproxy import MultiDictProxy

from app.errors import Invalid, Reason, UnsupportedEncoding, UnsupportedMediaType
from app.web import messages
from app.web.fields import QueryArguments
from app.web.json import parse
from app.web.schemas import Schema, SnakePageArguments

_STRAY_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
# In bytes: other query strings are read anew each time.
_LONGEST_REMEMBERED = 256
_CHARSETS = frozenset({"utf-8", "utf8", "us-ascii"})


class Inputs(NamedTuple):
    """Which inputs an operation accepts."""

    body: bool
    query: bool

    @classmethod
    def declared(cls, documentation: Mapping[str, Any]) -> "Inputs":
        """The inputs that the decorators of a view declare, from the documentation that flask-smorest keeps."""
        locations = {each["in"] for each in documentation.get("arguments", {}).get("parameters", ())}
        return cls("json" in locations or "requestBody" in documentation.get("manual_doc", {}), "query" in locations)


class _NoQuery(Schema, QueryArguments):
    """The query string of an operation that accepts none."""


class _NoBody(Schema):
    """The body of an operation that accepts none."""


class StrictParser(FlaskParser):
    """Reads bodies and query strings. Raises Invalid, with the problems of each field, for what its schema refuses."""

    DEFAULT_VALIDATION_STATUS = 400
    DEFAULT_UNKNOWN_BY_LOCATION = dict.fromkeys(FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, ma.RAISE)

    def parse(self, argmap: Any, req: Request | None = None, *, location: str | None = None, **options: Any) -> Any:
        """The arguments of a request; those of lists are remembered by the query string, which says all of them."""
        if location == "json" and isinstance(argmap, ma.Schema):
            return self._body(request_ctx.request if req is None else req, argmap)
        if location == "query" and isinstance(argmap, SnakePageArguments):
            query = (req or request).query_string
            if len(query) <= _LONGEST_REMEMBERED:
                return dict(_of_list(argmap, query))
        return super().parse(argmap, req, location=location, **options)

    def _body(self, req: Request, schema: ma.Schema) -> Any:
        """What `schema` makes of the body. The general way looks for hooks and coroutines, half as long again."""
        try:
            unknown: Any = self.DEFAULT_UNKNOWN_BY_LOCATION["json"]
            return schema.load(self.load_json(req, schema), unknown=unknown)
        except ma.ValidationError as error:
            raise messages.invalid(error.messages_dict, location="json") from None

    def load_json(self, req: Request, schema: ma.Schema | None = None) -> Any:
        """The body, parsed as strict JSON with exact decimals."""
        body = req.get_data()
        if not body and isinstance(schema, Schema) and schema.body_may_be_missing:
            return {}
        if not body:
            raise Invalid("A JSON body is required", reason=Reason.INVALID_JSON)
        charset = req.mimetype_params.get("charset", "utf-8")
        if not req.is_json or charset.lower() not in _CHARSETS:
            raise UnsupportedMediaType("The body must be application/json in UTF-8")
        return parse(body)

    def load_querystring(self, req: Request, schema: ma.Schema) -> Any:
        """The query string. Raises Invalid for an argument that does not decode or that must not be repeated."""
        query = MultiDictProxy(req.args, schema)
        for argument in req.query_string.split(b"&"):
            if not _decodes(argument):
                name = argument.partition(b"=")[0].decode(errors="replace")
                raise Invalid.field(messages.shortened(name), "Not valid percent-encoded UTF-8.", location="query")
        for name, values in req.args.lists():
            if len(values) > 1 and name not in query.multiple_keys:
                raise Invalid.field(messages.shortened(name), "Given more than once.", location="query")
        return query

    def handle_error(self, error: ma.ValidationError, *_: Any, **__: Any) -> Any:
        """Raise Invalid with the problems by location and field."""
        ((location, problems),) = error.messages_dict.items()
        raise messages.invalid(problems, location=location)


_parser = StrictParser()


@lru_cache(maxsize=1024)
def _of_list(schema: SnakePageArguments, query: bytes) -> Mapping[str, Any]:
    """The arguments of a list. None of its fields looks at the clock, or at anything but its value."""
    sent = Request({"QUERY_STRING": query.decode("latin-1")})
    arguments: Mapping[str, Any] = super(StrictParser, _parser).parse(schema, sent, location="query")
    return arguments


def may_have_body(environ: Mapping[str, Any]) -> bool:
    """Whether a request can have a body: without both of these headers it has none (RFC 9112, section 6.3)."""
    return "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ


def refuse_undeclared(inputs: Inputs) -> None:
    """Raise Invalid if the request has a body or a query string that its operation does not accept.

    An empty body and `{}`, which some HTTP clients always send, count as none. Raises UnsupportedEncoding for a
    compressed body.
    """
    sent = request_ctx.request
    if sent.query_string and not inputs.query:
        _parser.parse(_NoQuery(), sent, location="query")
    if not may_have_body(sent.environ) or not (body := sent.get_data()):
        return
    if sent.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}:
        raise UnsupportedEncoding("The body must not have a Content-Encoding")
    if not inputs.body:
        _refuse_body(body)


def _refuse_body(body: bytes) -> None:
    sent = parse(body)
    if not isinstance(sent, dict):
        raise Invalid("This operation accepts no body: send none, or {}")
    try:
        _NoBody().load(sent)
    except ma.ValidationError as error:
        raise messages.invalid(error.messages_dict) from None


def _decodes(argument: bytes) -> bool:
    """Whether an argument of the query string is valid text; Werkzeug would pass invalid bytes on unchanged."""
    try:
        unquote_to_bytes(argument).decode()
    except UnicodeDecodeError:
        return False
    return not _STRAY_PERCENT.search(argument)
