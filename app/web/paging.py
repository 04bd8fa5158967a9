"""The headers of lists: where a page stands among all, and links to the others that keep the caller's filters."""

import re
from typing import Any
from urllib.parse import quote_from_bytes, unquote

from flask import request

from app.db.paging import Page

_whole = {"type": "integer", "format": "int32", "minimum": 0}
DOCUMENTATION: dict[str, Any] = {
    "X-Page": {"description": "The page, from 1.", "schema": _whole},
    "X-Per-Page": {"description": "Results per page.", "schema": _whole},
    "X-Total": {"description": "How many match in all.", "schema": _whole},
    "X-Total-Pages": {"description": "How many pages they fill.", "schema": _whole},
    "X-Prev-Page": {"description": "The page before this one; absent on the first.", "schema": _whole},
    "X-Next-Page": {"description": "The page after this one; absent on the last.", "schema": _whole},
    "Link": {
        "description": "The pages `first`, `prev`, `next` and `last`, with the filters of this request (RFC 8288).",
        "schema": {"type": "string"},
        "example": '</v6/clients?name=acme&page=2>; rel="next"',
    },
}
_PAGE = "page"
# What a target may not hold as it stands: it ends at ">", and headers are ASCII.
_UNSAFE = re.compile(r"[^!#-;=?-Z_a-z~\[\]]")
_SAFE = "!#$%&'()*+,/:;=?@[]"


def headers(page: Page) -> dict[str, str]:
    """What the response of the current request says of its page."""
    number, total = page.page, page.total_pages
    # Beyond the last page the one before is the last.
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
    """The path and query of this request as they were sent, ready for the number of a page."""
    environ = request.environ
    # As it was sent, because a decoded path no longer says which slashes belong to an id.
    sent = environ.get("RAW_URI", "")
    path = sent.partition("?")[0] if sent.startswith("/") else quote_from_bytes(request.path.encode())
    arguments = [each for each in environ.get("QUERY_STRING", "").split("&") if each and not _is_page(each)]
    address = f"{path}?{'&'.join([*arguments, _PAGE])}="
    return quote_from_bytes(address.encode("latin-1"), _SAFE) if _UNSAFE.search(address) else address


def _is_page(argument: str) -> bool:
    name = argument.partition("=")[0]
    return name == _PAGE or ("%" in name and unquote(name) == _PAGE)
