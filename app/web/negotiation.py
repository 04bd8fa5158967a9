"""Which type a list is returned as: a page of JSON, or all rows as CSV or NDJSON."""

from enum import StrEnum
from functools import lru_cache

from flask import request
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from app.errors import NotAcceptable


class Format(StrEnum):
    """The types of a list by the names that the parameter `format` takes. JSON is what `*/*` gets."""

    JSON = "json"
    CSV = "csv"
    NDJSON = "ndjson"


MIMETYPES = {Format.JSON: "application/json", Format.CSV: "text/csv", Format.NDJSON: "application/x-ndjson"}
_FORMATS = {mimetype: format_ for format_, mimetype in MIMETYPES.items()}


def format_of_request() -> Format:
    """The format that the request asks for by its parameter `format`, or else by its header. Raises NotAcceptable.

    Of an unknown `format` the schema of the query says so.
    """
    if request.query_string and "format" in request.args:
        named = request.args["format"]
        return Format(named) if named in MIMETYPES else Format.JSON
    accepted = request.environ.get("HTTP_ACCEPT", "")
    format_ = _accepted(accepted) if accepted else Format.JSON
    if format_ is None:
        raise not_acceptable()
    return format_


def not_acceptable() -> NotAcceptable:
    """The failure of a request that accepts none of the formats."""
    return NotAcceptable(f"Accept must allow one of {', '.join(_FORMATS)}")


@lru_cache(maxsize=256)
def _accepted(header: str) -> Format | None:
    """The format of the highest quality, of equal ones that which is named rather than meant by `*`."""
    # Parameters such as charset do not narrow what is served.
    names = ((name.partition(";")[0].strip(), quality) for name, quality in parse_accept_header(header, MIMEAccept))
    accept = MIMEAccept(list(names))
    if not accept:
        return Format.JSON
    found = accept.best_match([mimetype for mimetype in _FORMATS if accept[mimetype] > 0])
    return None if found is None else _FORMATS[found]
