"""Signing people in at an identity provider: OpenID Connect, authorization code with PKCE.

The provider's metadata and keys are read for each sign-in, so that a key it withdraws signs nobody in any more.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import FlaskIntegration, FlaskOAuth2App
from flask import current_app, request, session
from joserfc.errors import JoseError
from requests import RequestException
from werkzeug.wrappers import Response as AnyResponse

from app.config import Settings
from app.config.groups import SignIn
from app.errors import NotFound, Unauthorized, Unavailable

_NAME = "provider"
# Where the library keeps each sign-in that was begun, for an hour. Of those that were left, a browser keeps the latest:
# it ignores a cookie that has grown beyond 4 kB, and could not sign in any more.
_BEGUN, _MOST_BEGUN = f"_state_{_NAME}_", 4
# A person waits meanwhile.
_TIMEOUT_SECONDS = 5
_LEEWAY_SECONDS = 30
_ERROR_CODE = re.compile("[a-z_]{1,40}", re.ASCII)
# What PostgreSQL does not store in JSON.
_UNSTORABLE = re.compile(r"\\u0000|[\ud800-\udfff]")
_DENIED = "access_denied"


def is_configured() -> bool:
    """Whether people sign in at an identity provider."""
    return _settings().issuer is not None


def lead_there(return_to: str) -> AnyResponse:
    """Lead the browser to the provider, which sends it back to the address `return_to`. Raises Unavailable."""
    begun = sorted((key for key in session if key.startswith(_BEGUN)), key=lambda key: session[key]["exp"])
    for key in begun[: 1 - _MOST_BEGUN]:
        del session[key]
    with _asking():
        provider = _provider()
        _issuer(provider)
        answer: AnyResponse = provider.authorize_redirect(return_to)
    return answer


def claims_of_person() -> Mapping[str, Any]:
    """The claims of the person whom the provider signed in, of its verified ID token.

    Raises Unauthorized if it did not, or the browser did not set out from here, and Unavailable.
    """
    if code := request.args.get("error"):
        raise _not_signed_in(code)
    with _asking():
        provider = _provider()
        # The library takes the issuer on trust, and any audience.
        options = {
            "iss": {"essential": True, "value": _issuer(provider)},
            "aud": {"essential": True, "value": provider.client_id},
        }
        token: dict[str, Any] = provider.authorize_access_token(claims_options=options, leeway=_LEEWAY_SECONDS)
    claims = dict(token.get("userinfo") or {})
    if not claims or _UNSTORABLE.search(json.dumps(claims, ensure_ascii=False)):
        raise Unauthorized("The identity provider did not say who you are")
    return claims


@contextmanager
def _asking() -> Iterator[None]:
    try:
        yield
    except (RequestException, RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
        # What is no metadata, no key set and no token fails in the library wherever it looks into it.
        raise Unavailable("The identity provider is unavailable; try again shortly") from error
    except (AuthlibBaseError, JoseError) as error:
        raise _not_signed_in(error.error) from error


def _not_signed_in(code: str | None) -> Unauthorized:
    if code == _DENIED:
        return Unauthorized("The sign-in was cancelled, or the identity provider does not let you in here")
    # It may come from the address, with which anybody could have a page say anything.
    known = f" ({code})" if code and _ERROR_CODE.fullmatch(code) else ""
    return Unauthorized(f"The identity provider did not sign you in{known}. Begin again")


def _provider() -> FlaskOAuth2App:
    settings = _settings()
    if settings.issuer is None:
        raise NotFound("No identity provider is configured")
    return FlaskOAuth2App(
        FlaskIntegration(_NAME),
        _NAME,
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        server_metadata_url=f"{settings.issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={
            "scope": settings.scope,
            "code_challenge_method": "S256",
            "default_timeout": _TIMEOUT_SECONDS,
            # A public client names itself in the body.
            "token_endpoint_auth_method": "client_secret_basic" if settings.client_secret else "none",
        },
    )


def _issuer(provider: FlaskOAuth2App) -> str:
    """The issuer as its metadata names it. Raises ValueError for another one than is configured."""
    issuer = str(provider.load_server_metadata()["issuer"])
    configured = _settings().issuer or ""
    if issuer.rstrip("/") != configured.rstrip("/"):
        raise ValueError(issuer)
    return issuer


def _settings() -> SignIn:
    settings: Settings = current_app.config["SETTINGS"]
    return settings.sign_in
