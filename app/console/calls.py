"""Calls of the API inside the process, as the person who is signed in.

A call goes through the application as a request of its own: with its guard, its transaction, its key and its
log line. Only the token is missing: the page has verified who the caller is.
"""

import json
import re
from collections.abc import Callable, Mapping
from contextvars import copy_context
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from flask import Response, current_app, g, request
from flask.ctx import AppContext, RequestContext
from werkzeug.test import EnvironBuilder

from app.auth.guards import ACCOUNT_HEADER, MEMBERSHIP, REHEARSED, SIGNED_IN
from app.console import browser
from app.web import encoded_slashes

_LINE_BREAKS = re.compile("[\r\n]")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered: `data` of a success, `error` of a failure."""

    status: int
    data: Any = None
    error: Mapping[str, Any] | None = None
    etag: str | None = None

    @property
    def message(self) -> str:
        """What went wrong, as a sentence for people; empty for a success."""
        return str(self.error["message"]) if self.error else ""

    @property
    def reason(self) -> str:
        """The API's word for what went wrong; empty for a success."""
        return str(self.error["reason"]) if self.error else ""

    @property
    def problems(self) -> Mapping[str, Any]:
        """The problems of each field that was sent, by its name in the API."""
        details = (self.error or {}).get("details") or {}
        sent = details.get("json") if isinstance(details, dict) else None
        return sent if isinstance(sent, dict) else {}


class Refused(Exception):
    """The API refused a call that the page needs; the page is an error page with the same status and message."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.message)
        self.answer = answer


def path(*parts: str | int) -> str:
    """A path of the API with its segments encoded, such as `path("v6", "clients", "a/b")`."""
    return "/" + "/".join(quote(str(part), safe="") for part in parts)


def header_text(text: str) -> str:
    """A text as the value of a header that takes percent-encoded UTF-8."""
    return quote(text, safe=" ")


def get(address: str, query: Mapping[str, Any] | None = None) -> Any:
    """The data of one object, list or report. Raises Refused."""
    answer = call("GET", address, query=query)
    if answer.error is not None:
        raise Refused(answer)
    return answer.data


def call(
    method: str,
    address: str,
    *,
    query: Mapping[str, Any] | None = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    rehearse: bool = False,
) -> Answer:
    """Call an operation. With `rehearse` nothing is kept: the answer is what would happen."""
    response = _dispatch(method, address, query, body, headers or {}, rehearse=rehearse)
    envelope = json.loads(response.get_data(), parse_float=Decimal)
    return Answer(response.status_code, envelope.get("data"), envelope.get("error"), response.headers.get("ETag"))


def download(address: str, query: Mapping[str, Any] | None = None) -> Response:
    """A file of the API, such as a PDF or an export, as the response that it is. Raises Refused."""
    response = _dispatch("GET", address, query, None, {}, rehearse=False)
    if response.is_json and response.status_code >= 400:  # noqa: PLR2004 - where failures begin
        raise Refused(Answer(response.status_code, error=json.loads(response.get_data())["error"]))
    return response


def _dispatch(
    method: str, address: str, query: Mapping[str, Any] | None, body: Any, headers: Mapping[str, str], *, rehearse: bool
) -> Response:
    sent: dict[str, str] = {"X-Request-ID": g.request_id, **headers}
    if (account_id := browser.chosen_account()) is not None:
        sent[ACCOUNT_HEADER] = str(account_id)
    builder = EnvironBuilder(
        path=address,
        method=method,
        query_string={name: value for name, value in (query or {}).items() if value not in (None, "")},
        json=body,
        # What a form brings may have line breaks, which no header can: the API refuses what is left.
        headers=[(name, _LINE_BREAKS.sub(" ", value)) for name, value in sent.items()],
        environ_overrides={"REMOTE_ADDR": request.remote_addr, SIGNED_IN: g.actor, REHEARSED: rehearse},
    )
    environ = builder.get_environ()
    environ["RAW_URI"] = f"{address}?{environ['QUERY_STRING']}"
    encoded_slashes.mark(environ)
    # Its context variables are its own: it ends with its log line, while the page goes on.
    contexts = current_app.app_context(), current_app.request_context(environ)
    response: Response = copy_context().run(_run, *contexts, current_app.full_dispatch_request)
    if MEMBERSHIP in environ:
        browser.note_membership(*environ[MEMBERSHIP])
    return response


def _run(application: AppContext, call_: RequestContext, dispatch: Callable[[], Response]) -> Response:
    with application, call_:
        return dispatch()
