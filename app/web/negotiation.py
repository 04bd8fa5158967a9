"""Which type a list or statement is returned as: JSON, or a file."""

from enum import StrEnum
from functools import lru_cache

from flask import g, request
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from app.errors import NotAcceptable


class Format(StrEnum):
    """The types of responses by the names that the parameter `format` takes. JSON is what `*/*` gets."""

    JSON = "json"
    CSV = "csv"
    NDJSON = "ndjson"
    PDF = "pdf"


MIMETYPES = {
    Format.JSON: "application/json",
    Format.CSV: "text/csv",
    Format.NDJSON: "application/x-ndjson",
    Format.PDF: "application/pdf",
}
OF_ONE_OBJECT = (Format.JSON,)
OF_LISTS = (Format.JSON, Format.CSV, Format.NDJSON)
OF_STATEMENTS = (Format.JSON, Format.CSV, Format.PDF)
OF_REPORTS = (Format.JSON, Format.CSV)
# All rows, written while they are read.
EXPORTS = frozenset({Format.CSV, Format.NDJSON})
_FORMATS = {mimetype: format_ for format_, mimetype in MIMETYPES.items()}


def format_of_request(offered: tuple[Format, ...]) -> Format:
    """The format that the request asks for by its parameter `format`, or else by its header. Raises NotAcceptable.

    Of an unknown `format` the schema of the query says so.
    """
    if len(offered) == 1:
        return offered[0]
    if request.query_string and "format" in request.args:
        named = request.args["format"]
        return Format(named) if named in offered else Format.JSON
    accepted = request.environ.get("HTTP_ACCEPT", "")
    format_ = _accepted(accepted, offered) if accepted else Format.JSON
    if format_ is None:
        raise not_acceptable(offered)
    return format_


def current() -> Format:
    """The format of the response to the present request."""
    found: Format = g.get("format", Format.JSON)
    return found


def not_acceptable(offered: tuple[Format, ...]) -> NotAcceptable:
    """The failure of a request that accepts none of the formats."""
    return NotAcceptable(f"Accept must allow one of {', '.join(MIMETYPES[each] for each in offered)}")


@lru_cache(maxsize=256)
def _accepted(header: str, offered: tuple[Format, ...]) -> Format | None:
    """The format of the highest quality, of equal ones that which is named rather than meant by `*`."""
    # Parameters such as charset do not narrow what is served.
    names = ((name.partition(";")[0].strip(), quality) for name, quality in parse_accept_header(header, MIMEAccept))
    accept = MIMEAccept(list(names))
    if not accept:
        return Format.JSON
    found = accept.best_match([MIMETYPES[each] for each in offered if accept[MIMETYPES[each]] > 0])
    return None if found is None else _FORMATS[found]
