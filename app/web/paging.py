"""The headers of lists: the position of the page, and links to other pages that keep the filters of the request."""

import re
from typing import Any
from urllib.parse import quote_from_bytes, unquote

from flask import request

from app.db.paging import Page

_whole = {"type": "integer", "format": "int32", "minimum": 0}
DOCUMENTATION: dict[str, Any] = {
    "X-Page": {"description": "Page number, starting at 1.", "schema": _whole},
    "X-Per-Page": {"description": "Maximum items per page.", "schema": _whole},
    "X-Total": {"description": "Total number of matches.", "schema": _whole},
    "X-Total-Pages": {"description": "Number of pages.", "schema": _whole},
    "X-Prev-Page": {"description": "Previous page; absent on the first.", "schema": _whole},
    "X-Next-Page": {"description": "Next page; absent on the last.", "schema": _whole},
    "Link": {
        "description": (
            "Links to the pages `first`, `prev`, `next` and `last`, with the filters of this request (RFC 8288)."
        ),
        "schema": {"type": "string"},
        "example": '</v6/clients?name=acme&page=2>; rel="next"',
    },
}
_PAGE = "page"
# Characters that a link target must escape: it ends at ">", and headers are ASCII.
_UNSAFE = re.compile(r"[^!#-;=?-Z_a-z~\[\]]")
_SAFE = "!#$%&'()*+,/:;=?@[]"


def headers(page: Page) -> dict[str, str]:
    """The paging headers of the response to the current request."""
    number, total = page.page, page.total_pages
    # The page before one beyond the last is the last.
    before = min(number - 1, max(total, 1))
    found = {
        "X-Page": str(number),
        "X-Per-Page": str(page.per_page),
        "X-Total": str(page.count),
        "X-Total-Pages": str(total),
    }
    address = _address_of_pages()
    links = [f'<{address}1>; rel="first"']
    if before:
        found["X-Prev-Page"] = str(before)
        links.append(f'<{address}{before}>; rel="prev"')
    if number < total:
        found["X-Next-Page"] = str(number + 1)
        links.append(f'<{address}{number + 1}>; rel="next"')
    links.append(f'<{address}{max(total, 1)}>; rel="last"')
    found["Link"] = ", ".join(links)
    return found


def _address_of_pages() -> str:
    """The path and query of this request as sent, without its `page`, ending in `page=`."""
    environ = request.environ
    # The raw path, because a decoded one no longer tells which slashes belong to an id.
    sent = environ.get("RAW_URI", "")
    path = sent.partition("?")[0] if sent.startswith("/") else quote_from_bytes(request.path.encode())
    arguments = [each for each in environ.get("QUERY_STRING", "").split("&") if each and not _is_page(each)]
    address = f"{path}?{'&'.join([*arguments, _PAGE])}="
    return quote_from_bytes(address.encode("latin-1"), _SAFE) if _UNSAFE.search(address) else address


def _is_page(argument: str) -> bool:
    name = argument.partition("=")[0]
    return name == _PAGE or ("%" in name and unquote(name) == _PAGE)
