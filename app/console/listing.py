"""Lists of the API as pages: filters in the address, pages, and the same list as a file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Response, request

from app.console import calls
from app.console.pages import render
from app.console.tables import Listed

_PAGE_SIZE = 20
_FORMAT = "format"


Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a list. With a `message`, the filters were refused and there are no rows."""

    rows: Rows
    count: int
    page: int
    pages: int
    filters: Mapping[str, str]
    message: str = ""

    def address(self, **changes: Any) -> str:
        """The address of this list with some of its arguments changed."""
        arguments = {**self.filters, **changes}
        return f"{request.path}?{urlencode({name: value for name, value in arguments.items() if value})}"


def read(
    address: str, *filters: str, defaults: Mapping[str, str] | None = None, page_size: int = _PAGE_SIZE
) -> Listing:
    """The page of a list that the address of this request asks for, by the names of the API's own filters."""
    chosen = _chosen(filters, defaults)
    size = "perPage" if address.startswith("/v6/") else "per_page"
    page = request.args.get("page", "1")
    answer = calls.call("GET", address, query={**chosen, "page": page, size: page_size})
    if answer.error is not None:
        # A filter that is mistyped is mended on the page; anything else is not about the filters.
        if answer.status != 400:  # noqa: PLR2004 - bad input
            raise calls.Refused(answer)
        return Listing([], 0, 1, 1, chosen, answer.message)
    data = answer.data
    total = data.get("totalPages", data.get("total_pages"))
    return Listing(data["results"], data["count"], data["page"], total, chosen)


def page(
    listed: Listed,
    address: str,
    *,
    title: str | Callable[[Rows], str],
    template: str = "console/list.html",
    defaults: Mapping[str, str] | None = None,
    **values: Any,
) -> Response | str:
    """The page of a list, or the same list as a file. Its title may follow from its rows. Raises Refused."""
    if wants_file():
        return file(address, *listed.filters, defaults=defaults)
    found = read(address, *listed.filters, defaults=defaults)
    named = title if isinstance(title, str) else title(found.rows)
    return render(template, title=named, list=found, listed=listed, **values)


def wants_file() -> bool:
    """Whether the address asks for the list as a file."""
    return request.args.get(_FORMAT) == "csv"


def file(address: str, *filters: str, defaults: Mapping[str, str] | None = None) -> Response:
    """All rows of the list as CSV."""
    return calls.download(address, {**_chosen(filters, defaults), _FORMAT: "csv"})


def _chosen(filters: Sequence[str], defaults: Mapping[str, str] | None) -> dict[str, str]:
    # The API takes several values of a filter as one text.
    given = {name: ",".join(request.args.getlist(name)).strip() for name in filters if name in request.args}
    return {**(defaults or {}), **given}
