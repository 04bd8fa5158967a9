"""`/console/sign-in…`: one-time links, the identity provider, and signing out; and the files of the pages."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.auth.actor import Actor
from app.auth.tokens import actor_from
from app.config import Settings
from app.console import browser, identity_provider, sign_ins
from app.console.home import home_of
from app.console.pages import TEMPLATES, present_failures, render
from app.errors import Forbidden, Unauthorized
from app.web import assets, limits

blueprint = Blueprint("console_sign_in", __name__, template_folder=TEMPLATES)
present_failures(blueprint)

_FILES = Path(__file__).parent / "static"
# By these, browsers and programs say that nobody has followed a link yet.
_PURPOSES = ("Sec-Purpose", "Purpose", "X-Moz")


@blueprint.get("/console/sign-in")
def ask() -> str:
    """How to sign in."""
    return render("console/sign_in.html", title="Sign in", message="", provider=identity_provider.is_configured())


@blueprint.get("/console/sign-in/link/<link>")
def redeem(link: str) -> AnyResponse:
    """Sign in by a one-time link."""
    limits.charge_sign_in()
    if request.method == "HEAD" or any("prefetch" in request.headers.get(name, "") for name in _PURPOSES):
        raise Forbidden("This link works once. Follow it to sign in")
    secret = sign_ins.redeem(link)
    if secret is None:
        raise Unauthorized("This link was used before, or has expired. Ask for a new one")
    claims = sign_ins.find(secret)
    if claims is None:
        raise Unauthorized("The session has ended")
    browser.sign_in(secret)
    return redirect(home_of(_person(claims)), 303)


@blueprint.get("/console/sign-in/provider")
def leave_for_provider() -> AnyResponse:
    """Lead to the identity provider."""
    limits.charge_sign_in()
    return identity_provider.lead_there(url_for("console_sign_in.return_from_provider", _external=True))


@blueprint.get("/console/sign-in/return")
def return_from_provider() -> AnyResponse:
    """Sign in with the code that the identity provider gave."""
    limits.charge_sign_in()
    claims = identity_provider.claims_of_person()
    settings: Settings = current_app.config["SETTINGS"]
    actor = _person(claims)
    browser.sign_in(sign_ins.begin(claims, session_hours=settings.sign_in.session_hours))
    return redirect(home_of(actor), 303)


@blueprint.post("/console/sign-out")
def sign_out() -> AnyResponse:
    """End the session."""
    browser.require_form_token()
    browser.sign_out()
    return redirect(url_for("console_sign_in.ask"), 303)


@blueprint.get("/console/assets/<path:name>")
def asset(name: str) -> Response:
    """A file of the pages."""
    return assets.send(_FILES, name)


def _person(claims: Mapping[str, Any]) -> Actor:
    settings: Settings = current_app.config["SETTINGS"]
    return actor_from(claims, email_verified_default=settings.email_verified_default)
