"""The browser of a request: its session cookie, who is signed in, and what protects its forms."""

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from flask import Flask, Request, current_app, g, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import generate_csrf, validate_csrf
from wtforms import ValidationError

from app.auth.actor import Actor
from app.auth.tokens import actor_from
from app.config import Settings
from app.console import sign_ins
from app.errors import Invalid, Unauthorized

CSRF_FIELD, ACCOUNT_FIELD = "csrf_token", "account"
ETAG_FIELD, KEY_FIELD, CONFIRMED_FIELD = "etag", "key", "confirmed"
_UNENTERED = frozenset({CSRF_FIELD, ACCOUNT_FIELD, ETAG_FIELD, KEY_FIELD, CONFIRMED_FIELD})
PREFIXES = ("/console", "/portal")
_SECRET, _ACCOUNT, _ACCOUNT_NAME, _CARD = "secret", "account_id", "account_name", "card"
_ROLE = "role"


class Membership(NamedTuple):
    """The customer account that a page is about, and the person's role in it."""

    account_id: int
    role: str


class _Cookies(SecureCookieSessionInterface):
    """The signed session cookie of pages. Requests of the API have none."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The session of a page."""
        return super().open_session(app, request) if request.path.startswith(PREFIXES) else None

    def get_cookie_name(self, app: Flask) -> str:
        """With the prefix by which browsers refuse a cookie that another host or an unencrypted page set."""
        return f"__Host-{super().get_cookie_name(app)}" if request.is_secure else super().get_cookie_name(app)

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002 - the signature is Flask's
        """Whether the cookie is only sent over TLS."""
        return request.is_secure


def init_app(app: Flask, settings: Settings) -> None:
    """Have pages of `app` keep a session in a cookie."""
    app.session_interface = _Cookies()
    first, *older = _cookie_secrets(settings)
    app.config.update(
        SECRET_KEY=first,
        SECRET_KEY_FALLBACKS=older,
        SESSION_COOKIE_NAME="billing-session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        # The token of a form is valid as long as the session.
        WTF_CSRF_TIME_LIMIT=None,
    )


def _cookie_secrets(settings: Settings) -> list[str]:
    """The first signs cookies, all verify them. Without any, cookies last as long as this process."""
    if settings.sign_in.session_secret:
        return [settings.sign_in.session_secret]
    derived = [hashlib.sha256(f"session cookies {secret}".encode()).hexdigest() for secret in settings.auth_secrets]
    return derived or [secrets.token_hex(32)]


def sign_in(secret: str) -> None:
    """Let this browser have the session with this secret, and nothing of an earlier one, which ends."""
    sign_out()
    session[_SECRET] = secret


def sign_out() -> None:
    """End the session of this browser."""
    secret = session.pop(_SECRET, None)
    session.clear()
    if secret is not None:
        sign_ins.end(secret)


def require_person() -> None:
    """Set `g.actor` to the person who is signed in. Raises Unauthorized if nobody is."""
    secret = session.get(_SECRET)
    claims: dict[str, Any] | None = None if secret is None else sign_ins.find(secret)
    if claims is None:
        raise Unauthorized("Sign in to see this page")
    settings: Settings = current_app.config["SETTINGS"]
    g.actor = actor_from(claims, email_verified_default=settings.email_verified_default)


def signed_in() -> Actor | None:
    """The person who is signed in, if this request has looked."""
    actor: Actor | None = g.get("actor")
    return actor


def form_token() -> str:
    """The token of the forms of this session."""
    token: str = generate_csrf()
    return token


def require_form_token() -> None:
    """Refuse a form that this session did not get from here. Raises Invalid."""
    try:
        validate_csrf(request.form.get(CSRF_FIELD))
    except ValidationError:
        raise Invalid("This form belongs to an earlier session. Go back, reload the page, and send it again") from None


def form_account() -> str:
    """What a form says about the account that it was made for: empty for the API's choice."""
    return str(chosen_account() or "")


def require_same_account() -> None:
    """Refuse a form that was made for another account than the one chosen meanwhile, in another tab. Raises Invalid."""
    if request.form.get(ACCOUNT_FIELD, form_account()) != form_account():
        raise Invalid("You chose another account after this form was made, so nothing was done. Reload the page first")


def entered() -> Sequence[tuple[str, str]]:
    """What a person entered into the form of this request, as pairs of name and value.

    Nothing of a form that another site has sent: it could say anything here.
    """
    if urlsplit(request.headers.get("Origin", "")).netloc != request.host:
        return []
    return [(name, value) for name, value in request.form.items(multi=True) if value and name not in _UNENTERED]


def note_membership(account_id: int, role: str) -> None:
    """Note the membership that a call of this page was made with."""
    g.membership = Membership(account_id, role)
    if session.get(_ROLE) != role:
        session[_ROLE] = role


def membership() -> Membership | None:
    """The membership that the calls of this page were made with; None before the first, and without any account."""
    found: Membership | None = g.get("membership")
    return found


def member_role() -> str | None:
    """The role that the person has in the account, as the last call about it found it."""
    role: str | None = session.get(_ROLE)
    return role


def choose_account(account_id: int | None) -> None:
    """Have the pages of the portal be about one of several accounts of the person; None for the API's choice."""
    for name in (_ACCOUNT, _ACCOUNT_NAME, _ROLE):
        session.pop(name, None)
    if account_id is not None:
        session[_ACCOUNT] = account_id


def name_account(name: str) -> None:
    """Have the pages of the portal show this name of the account."""
    if session.get(_ACCOUNT_NAME) != name:
        session[_ACCOUNT_NAME] = name


def account_name() -> str:
    """The name of the account, if a page has shown it."""
    return str(session.get(_ACCOUNT_NAME, ""))


def keep_card_secret(payment_id: int, secret: str) -> None:
    """Keep the secret with which this browser confirms a card payment; that of an earlier one is forgotten."""
    session[_CARD] = [payment_id, secret]


def card_secret(payment_id: int) -> str | None:
    """The secret of a card payment that this browser began."""
    known, secret = session.get(_CARD) or (None, None)
    return secret if known == payment_id else None


def chosen_account() -> int | None:
    """The account that was chosen, if any."""
    chosen: int | None = session.get(_ACCOUNT)
    return chosen
