"""`ETag` of single objects, and `If-None-Match` and `If-Match`, which compare it (RFC 9110, section 13).

An ETag is `"<version>-<digest of the body>"`. `If-None-Match` compares all of it; `If-Match` compares the version,
which moves with what PATCH can change. A lock changes the ETag of a billing account, but nothing that PATCH would
overwrite.
"""

import re
from collections.abc import Callable, Mapping
from functools import wraps
from hashlib import sha1
from typing import Any, TypeVar

import marshmallow as ma
from flask import Response, g, request
from werkzeug.http import parse_etags

from app.db.versions import Expected
from app.errors import Invalid
from app.web.fields.base import described
from app.web.schemas import ETag, Schema
from app.web.shown_once import lasting_body

View = TypeVar("View", bound=Callable[..., Any])

IF_MATCH, IF_NONE_MATCH = "If-Match", "If-None-Match"
HEADER: dict[str, Any] = {
    "description": (
        "Version of the object and digest of the body. Send it as `If-None-Match` to get the object only if it "
        "changed, or, where the operation takes it, as `If-Match` to change the version that was read and no other."
    ),
    "schema": {"type": "string"},
    "example": '"3-5f0c9d1e7a2b4c6d8e0f1a2b"',
}
NOT_MODIFIED: dict[str, Any] = {
    "description": "Not Modified: the object still has an ETag of `If-None-Match`. There is no body.",
    "headers": {"ETag": HEADER},
}
PARAMETERS: Mapping[str, dict[str, Any]] = {
    IF_MATCH: {
        "in": "header",
        "name": IF_MATCH,
        "description": (
            "ETags of the object, of which one must have its present version; otherwise the request is refused with "
            "412 `precondition_failed`. `*` stands for any version."
        ),
        "schema": {"type": "string", "minLength": 1},
    },
    IF_NONE_MATCH: {
        "in": "header",
        "name": IF_NONE_MATCH,
        "description": "ETags that the caller has the object with: if one is its present ETag, the response is 304.",
        "schema": {"type": "string"},
    },
}
# The version of what no PATCH changes.
CONSTANT = 1
SAFE_METHODS = frozenset({"GET", "HEAD"})

# Of the digest.
_DIGITS = 24
_TAG = re.compile(rf"([0-9]{{1,9}})-[0-9a-f]{{{_DIGITS}}}")
_MALFORMED = "Must be * or ETags as in responses, in quotes."


def of_one_object(schema: Any) -> ETag:
    """Which responses with `schema`, the one that a view declares, have an ETag."""
    is_one = isinstance(schema, Schema) and not schema.many
    return schema.etag if is_one or (isinstance(schema, type) and issubclass(schema, Schema)) else ETag.NEVER


def tagged(view: View, respond: Callable[[Any], Any], etag: ETag) -> Any:
    """The view, whose responses `respond` makes, with ETags on them, and with 304 for callers who have the object."""

    @wraps(view)
    def with_version(*args: Any, **kwargs: Any) -> Any:
        result = view(*args, **kwargs)
        # A view may choose a status. The tag is made when the body is known.
        shown = result[0] if type(result) is tuple else result
        g.version = _version(shown) if etag == ETag.VERSIONED else CONSTANT
        return result

    answer = respond(with_version)

    @wraps(answer)
    def with_etag(*args: Any, **kwargs: Any) -> Response:
        response: Response = answer(*args, **kwargs)
        # The fastest one there is where processors know it, as most do; nobody gains by a body of the same digest.
        digest = sha1(lasting_body(response), usedforsecurity=False).hexdigest()
        tag = f"{g.version}-{digest[:_DIGITS]}"
        response.headers["ETag"] = f'"{tag}"'
        # A proxy that compresses makes a tag weak, though it is of the same body.
        if _sends_if_none_match() and request.if_none_match.contains_weak(tag):
            response.status_code = 304
            response.set_data(b"")
        return response

    with_etag.has_etag = True  # type: ignore[attr-defined]
    return with_etag


def has_etag(view: Any) -> bool:
    """Whether responses of the view have an ETag."""
    return getattr(view, "has_etag", False)


def _sends_if_none_match() -> bool:
    # Looked for in the environment first: parsing the header takes as long as the digest. Writes refuse it.
    return "HTTP_IF_NONE_MATCH" in request.environ


def _version(result: Any) -> int:
    version: int = result["version"] if isinstance(result, dict) else result.version
    return version


def takes_if_match(view: View) -> View:
    """Pass the versions that `If-Match` names to the view, as `expected`. Raises Invalid for a malformed one."""

    @wraps(view)
    def with_expected(*args: Any, **kwargs: Any) -> Any:
        return view(*args, expected=_expected_by_request(), **kwargs)

    with_expected.takes_if_match = True  # type: ignore[attr-defined]
    return with_expected  # type: ignore[return-value]


def refuse_ignored(view: Any) -> None:
    """Raise Invalid for a precondition that the view would ignore: its caller relies on it."""
    environ = request.environ
    if "HTTP_IF_MATCH" in environ and not is_conditional(view):
        raise _invalid(IF_MATCH, "This operation does not take it.")
    if "HTTP_IF_NONE_MATCH" in environ and request.method not in SAFE_METHODS:
        raise _invalid(IF_NONE_MATCH, "Only reads take it.")


def is_conditional(view: Any) -> bool:
    """Whether the view takes `If-Match`."""
    return getattr(view, "takes_if_match", False)


class IfMatch(ma.fields.String):
    """The same for one item of a bulk call: an ETag of the object it changes."""

    def __init__(self, **kwargs: Any) -> None:
        description = (
            "ETag of the object, as its own path returns it: if its version has changed since, the item fails with 412 "
            "`precondition_failed`."
        )
        super().__init__(**described(kwargs, description=description, example=HEADER["example"]))

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        try:
            return _expected(super()._deserialize(value, attr, data, **kwargs))
        except ValueError:
            raise ma.ValidationError(_MALFORMED) from None


def _expected_by_request() -> Expected:
    if IF_MATCH not in request.headers:
        return None
    try:
        return _expected(request.headers[IF_MATCH])
    except ValueError:
        raise _invalid(IF_MATCH, _MALFORMED) from None


def _expected(header: str) -> Expected:
    """The versions that the value of `If-Match` names. Raises ValueError for what is no ETag of this service."""
    tags = parse_etags(header.strip())
    if tags.star_tag:
        return None
    found = [_TAG.fullmatch(each) for each in tags.as_set(include_weak=True)]
    # The parser also reads tags without quotes.
    if not found or header.count('"') != 2 * (header.count(",") + 1):
        raise ValueError(header)
    return frozenset(_version_of(each) for each in found)


def _version_of(tag: re.Match[str] | None) -> int:
    if tag is None:
        raise ValueError
    return int(tag[1])


def _invalid(header: str, problem: str) -> Invalid:
    return Invalid.field(header, problem, location="headers")
