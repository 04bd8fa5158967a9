"""Static files, compressed for clients that accept it, and cacheable for a day."""

import gzip
from functools import cache
from pathlib import Path
from threading import Lock

from flask import Response, current_app, request, send_from_directory

LIVE_SECONDS = 86_400
_COMPRESSED = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_lock = Lock()


def send(directory: Path, name: str, mimetype: str | None = None) -> Response:
    """Send the file `name` of `directory`; its type follows from the name by default. Raises NotFound."""
    response = send_from_directory(directory, name, max_age=LIVE_SECONDS, mimetype=mimetype)
    if Path(name).suffix not in _COMPRESSED:
        return response
    response.headers["Vary"] = "Accept-Encoding"
    if not request.accept_encodings["gzip"]:
        return response
    response.close()
    return _compressed_response(directory / name)


def _compressed_response(path: Path) -> Response:
    # The first requests for a file may be concurrent: only one of them compresses it.
    with _lock:
        body = _compressed(path)
    response: Response = current_app.response_class(body, content_type=f"{_COMPRESSED[path.suffix]}; charset=utf-8")
    response.cache_control.public = True
    response.cache_control.max_age = LIVE_SECONDS
    response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.add_etag()
    response.make_conditional(request)
    return response


@cache
def _compressed(path: Path) -> bytes:
    return gzip.compress(path.read_bytes(), compresslevel=9, mtime=0)
