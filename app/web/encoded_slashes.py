"""Distinguishes slashes inside identifiers, sent as %2F, from slashes that separate path segments.

WSGI servers decode the path before routing, after which both look the same: the user `corp/ann` would become two
segments, and an id that ends in a slash would lose it. Servers also pass the raw URI, from which the difference is
restored.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Represents an encoded slash inside a path segment until `converters` reads it. Identifiers cannot contain it: if it is
# sent, it is replaced by a character that is refused.
ENCODED_SLASH = "\x1f"
# U+FFFD in the encoding of WSGI.
_UNUSABLE = "\ufffd".encode().decode("latin-1")
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")


class EncodedSlashes:
    """Middleware that replaces each %2F of a path by ENCODED_SLASH."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Pass the request on with a marked path."""
        mark(environ)
        return self._app(environ, start_response)


def mark(environ: "WSGIEnvironment") -> None:
    """Mark the encoded slashes in the path of a request."""
    sent: str = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    if "%2F" in sent or "%2f" in sent or ENCODED_SLASH in environ["PATH_INFO"]:
        environ["PATH_INFO"] = _marked(sent, environ.get("SCRIPT_NAME", ""), environ["PATH_INFO"])


def _marked(sent: str, prefix: str, path: str) -> str:
    """`path` with its encoded slashes marked, unless `sent` is the URI of another path."""
    parts = _ORIGIN.sub("", sent, count=1).partition("?")[0].split("/")
    marked = "/".join(_decoded(part).replace("/", ENCODED_SLASH) for part in parts)
    path = path.replace(ENCODED_SLASH, _UNUSABLE)
    return marked[len(prefix) :] if marked.replace(ENCODED_SLASH, "/") == prefix + path else path


def _decoded(part: str) -> str:
    """One segment in the encoding of WSGI: one character per byte."""
    return unquote_to_bytes(part.encode("latin-1")).decode("latin-1").replace(ENCODED_SLASH, _UNUSABLE)
