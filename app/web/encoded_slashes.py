"""Keeps a slash inside an identifier, which is sent as %2F, apart from the slashes that separate a path.

A WSGI server decodes the path before anything routes by it, and then both look the same: the user `corp/ann` would be a
longer path, and one with an id that ends in a slash the same as one without. Servers pass the address on as it was
sent, too, and from that the difference is restored.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Stands for a slash inside a part of a path, until `converters` reads the part. No identifier holds it: sent as it is,
# it becomes a character that is refused.
ENCODED_SLASH = "\x1f"
# U+FFFD, as WSGI writes it.
_UNUSABLE = "\ufffd".encode().decode("latin-1")
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")


class EncodedSlashes:
    """Middleware that writes ENCODED_SLASH for each %2F of a path."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Pass the request on, its path marked."""
        sent: str = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
        if "%2F" in sent or "%2f" in sent or ENCODED_SLASH in environ["PATH_INFO"]:
            environ["PATH_INFO"] = _marked(sent, environ.get("SCRIPT_NAME", ""), environ["PATH_INFO"])
        return self._app(environ, start_response)


def _marked(sent: str, prefix: str, path: str) -> str:
    """`path` with its encoded slashes marked, unless `sent` is the address of something else."""
    parts = _ORIGIN.sub("", sent, count=1).partition("?")[0].split("/")
    marked = "/".join(_decoded(part).replace("/", ENCODED_SLASH) for part in parts)
    path = path.replace(ENCODED_SLASH, _UNUSABLE)
    return marked[len(prefix) :] if marked.replace(ENCODED_SLASH, "/") == prefix + path else path


def _decoded(part: str) -> str:
    """One part of an address as WSGI writes it: each byte a character."""
    return unquote_to_bytes(part.encode("latin-1")).decode("latin-1").replace(ENCODED_SLASH, _UNUSABLE)
