"""`/console/sign-in…`: one-time links, the identity provider, and signing out; and the files of the pages."""

from pathlib import Path
from typing import Any

from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Blueprint, Flask, Response, current_app, redirect, url_for
from requests import RequestException
from werkzeug.wrappers import Response as AnyResponse

from app.auth.tokens import actor_from
from app.config import Settings
from app.console import browser, sign_ins
from app.console.home import home_of
from app.console.pages import TEMPLATES, present_failures, provider_is_configured, render
from app.errors import NotFound, Unauthorized, Unavailable
from app.web import assets, limits

blueprint = Blueprint("console_sign_in", __name__, template_folder=TEMPLATES)
present_failures(blueprint)

_FILES = Path(__file__).parent / "static"
_PROVIDER = "provider"
_oauth = OAuth()


def init_app(app: Flask, settings: Settings) -> None:
    """Sign people of `app` in at the configured identity provider."""
    _oauth.init_app(app)
    if settings.sign_in.issuer is None:
        return
    _oauth.register(
        _PROVIDER,
        overwrite=True,
        client_id=settings.sign_in.client_id,
        client_secret=settings.sign_in.client_secret,
        server_metadata_url=f"{settings.sign_in.issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={"scope": settings.sign_in.scope, "code_challenge_method": "S256"},
    )


@blueprint.get("/console/sign-in")
def ask() -> str:
    """How to sign in."""
    return render("console/sign_in.html", title="Sign in", message="", provider=provider_is_configured())


@blueprint.get("/console/sign-in/link/<link>")
def redeem(link: str) -> AnyResponse:
    """Sign in by a one-time link."""
    limits.charge_sign_in()
    secret = sign_ins.redeem(link)
    if secret is None:
        raise Unauthorized("This link was used before, or has expired. Ask for a new one")
    return _enter(secret)


@blueprint.get("/console/sign-in/provider")
def leave_for_provider() -> AnyResponse:
    """Lead to the identity provider."""
    limits.charge_sign_in()
    try:
        answer: AnyResponse = _provider().authorize_redirect(
            url_for("console_sign_in.return_from_provider", _external=True)
        )
    except (RequestException, OAuthError) as error:
        raise _unavailable() from error
    return answer


@blueprint.get("/console/sign-in/return")
def return_from_provider() -> AnyResponse:
    """Sign in with the code that the identity provider gave."""
    limits.charge_sign_in()
    try:
        token: dict[str, Any] = _provider().authorize_access_token()
    except OAuthError as error:
        raise Unauthorized(f"The identity provider did not sign you in: {error.description or error.error}") from error
    except RequestException as error:
        raise _unavailable() from error
    claims = token.get("userinfo")
    if not claims:
        raise Unauthorized("The identity provider did not say who you are")
    settings: Settings = current_app.config["SETTINGS"]
    return _enter(sign_ins.begin(dict(claims), session_hours=settings.sign_in.session_hours))


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


def _enter(secret: str) -> AnyResponse:
    claims = sign_ins.find(secret)
    settings: Settings = current_app.config["SETTINGS"]
    if claims is None:
        raise Unauthorized("The session has ended")
    actor = actor_from(claims, email_verified_default=settings.email_verified_default)
    browser.sign_in(secret)
    return redirect(home_of(actor), 303)


def _provider() -> Any:
    if not provider_is_configured():
        raise NotFound("No identity provider is configured")
    return _oauth.create_client(_PROVIDER)


def _unavailable() -> Unavailable:
    return Unavailable("The identity provider is unavailable; try again shortly")
