"""Pages: their blueprints, the frame around their content, and what a failure looks like."""

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import uuid4

from flask import Blueprint, Response, current_app, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from app.console import browser, identity_provider, permitted
from app.console.calls import Refused
from app.console.navigation import sections
from app.errors import NotFound
from app.web.documentation import VERSION
from app.web.encoded_slashes import ENCODED_SLASH

# Everything is loaded from here, and nothing in a page is code or style.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
TEMPLATES = Path(__file__).parent / "templates"
_FIRST_FAILURE = 400
_PARTS = {"console": "Billing console", "portal": "Billing portal"}


def pages(name: str, import_name: str, prefix: str) -> Blueprint:
    """A blueprint of pages for people who are signed in."""
    blueprint = Blueprint(name, import_name, url_prefix=prefix, template_folder=TEMPLATES)
    blueprint.before_request(_admit)
    blueprint.url_value_preprocessor(_read_slashes)
    blueprint.add_url_rule("/<path:unknown>", view_func=_no_page)
    present_failures(blueprint)
    return blueprint


def present_failures(blueprint: Blueprint) -> None:
    """Have failures of a blueprint's pages shown as pages, with the status and the words of the API."""
    blueprint.register_error_handler(Refused, show_refusal)
    blueprint.after_request(_as_page)


def render(template: str, *, title: str, tabs: Sequence[tuple[str, str]] = (), **values: Any) -> str:
    """A page, with what its frame needs. `tabs` are the pages that it is one of, as address and label."""
    actor = browser.signed_in()
    tab = next((label for address, label in tabs if address == request.path and label != title), "")
    return render_template(
        template,
        title=title,
        titles=[each for each in (tab, title, _PARTS.get(request.blueprint or "", "Billing")) if each],
        tabs=tabs,
        version=VERSION,
        person=actor,
        sections=sections(request.path) if actor else [],
        form_token=browser.form_token,
        form_account=browser.form_account,
        account_name=browser.account_name(),
        fresh_key=lambda: str(uuid4()),
        may=permitted.may,
        **values,
    )


def history_tab(at: str, operation: str) -> list[tuple[str, str]]:
    """The tab with the changes of the object whose page is `at`; none for those who may not call `operation`."""
    return [(f"{at}/history", "History")] if permitted.may(operation) else []


def show_refusal(error: Refused) -> Response:
    """What the API refused, as a page."""
    return _failure_page(error.answer.status, error.answer.message)


def _no_page(unknown: str) -> AnyResponse:
    raise NotFound(f"There is no page {unknown!r} here")


def _admit() -> AnyResponse | None:
    browser.require_person()
    if request.method == "POST":
        browser.require_form_token()
        browser.require_same_account()
    return None


def _read_slashes(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Read the slashes inside the identifiers of a path: `corp%2Fann` is the user `corp/ann`."""
    if values:
        texts = {name: value for name, value in values.items() if isinstance(value, str)}
        values.update({name: text.replace(ENCODED_SLASH, "/") for name, text in texts.items()})


def _as_page(response: Response) -> Response:
    """Protect a page; show a failure, which the application answers in JSON, as one."""
    if response.status_code >= _FIRST_FAILURE and response.is_json:
        page = _failure_page(response.status_code, response.get_json()["error"]["message"])
        for name in ("Retry-After", "Allow"):
            if name in response.headers:
                page.headers[name] = response.headers[name]
        response = page
    if response.mimetype == "text/html":
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers["Referrer-Policy"] = "same-origin"
    return response


def _failure_page(status: int, message: str) -> Response:
    shown: dict[str, Any] = {"message": message, "entered": browser.entered()}
    if status == HTTPStatus.UNAUTHORIZED:
        body = render("console/sign_in.html", title="Sign in", provider=identity_provider.is_configured(), **shown)
    else:
        body = render("console/failure.html", title="This did not work", status=status, **shown)
    return current_app.response_class(body, status)
