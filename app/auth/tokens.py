"""From a bearer token to the Actor it proves."""

import math
import re
import time
from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from typing import Any, NamedTuple

import jwt

from app.auth.actor import Actor
from app.auth.keys import RemoteKeys
from app.config import Settings
from app.errors import Unauthorized

LEEWAY_SECONDS = 30
CACHED_TOKENS = 4096
# A token that held is checked again after this long, so that a withdrawn signing key stops working.
TRUSTED_SECONDS = 300
MAX_TOKEN_CHARACTERS = 16_384
MAX_CLAIM_CHARACTERS = 255

_SYMMETRIC = "HS256"
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class _Verified(NamedTuple):
    actor: Actor
    at: float
    expires: float
    not_before: float


class TokenVerifier:
    """Verifies tokens against the configured secret and key set, remembering those that held."""

    def __init__(self, settings: Settings) -> None:
        self._secret = settings.auth_secret
        self._remote = RemoteKeys(settings.auth_jwks_url) if settings.auth_jwks_url else None
        self._issuers = list(settings.valid_issuers) or None
        self._audience = settings.auth_audience
        self._verified: OrderedDict[str, _Verified] = OrderedDict()
        self._lock = Lock()

    def verify(self, token: str) -> Actor:
        """The caller `token` proves. Raises Unauthorized when its signature, times, issuer or audience do not hold."""
        now = time.time()
        known = self._verified.get(token)
        if known is None or now - known.at > TRUSTED_SECONDS:
            claims = self._claims(token)
            known = _Verified(actor_from(claims), now, _time(claims, "exp", math.inf), _time(claims, "nbf", -math.inf))
            with self._lock:
                self._verified[token] = known
                while len(self._verified) > CACHED_TOKENS:
                    self._verified.popitem(last=False)
        if now >= known.expires + LEEWAY_SECONDS:
            raise Unauthorized("The token has expired")
        if now < known.not_before - LEEWAY_SECONDS:
            raise Unauthorized("The token is not valid yet")
        return known.actor

    def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise Unauthorized("The token is too long")
        try:
            header = jwt.get_unverified_header(token)
            key, algorithm = self._key(header)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                issuer=self._issuers,
                audience=self._audience,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp"], "verify_aud": self._audience is not None, "verify_sub": False},
            )
        except jwt.ExpiredSignatureError:
            raise Unauthorized("The token has expired") from None
        except jwt.PyJWTError as error:
            raise Unauthorized(f"The token is not valid: {error}") from None
        return claims

    def _key(self, header: Mapping[str, Any]) -> tuple[Any, str]:
        """The key for a token and the one algorithm that key may be used with, whatever else the token claims."""
        algorithm = header.get("alg")
        if algorithm == _SYMMETRIC and self._secret is not None:
            return self._secret, _SYMMETRIC
        if self._remote is not None and algorithm != _SYMMETRIC:
            return self._remote.find(header.get("kid"), algorithm)
        raise jwt.InvalidAlgorithmError("its algorithm is not accepted here")


def _time(claims: Mapping[str, Any], name: str, default: float) -> float:
    value = claims.get(name)
    return default if value is None else int(value)


def actor_from(claims: Mapping[str, Any]) -> Actor:
    """The Actor that verified `claims` describe. Raises Unauthorized when they name nobody."""
    user_id = _text(claims, "userId", "user_id", "sub")
    subject = user_id or _text(claims, "azp", "client_id")
    if subject is None:
        raise Unauthorized("The token names no user and no client")
    return Actor(
        subject=subject,
        user_id=user_id,
        handle=_text(claims, "handle", "nickname"),
        email=_text(claims, "email"),
        email_verified=_claim(claims, "email_verified") not in {False, "false"},
        first_name=_text(claims, "given_name", "first_name"),
        last_name=_text(claims, "family_name", "last_name"),
        account_id=_text(claims, "account_id"),
        roles=_words(_claim(claims, "roles"), ",") | _words(_claim(claims, "role"), ","),
        scopes=_words(_claim(claims, "scope"), None) | _words(_claim(claims, "scopes"), None),
    )


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """The claim `name`, or a namespaced one such as `https://example.com/name`."""
    value = claims.get(name)
    if value is None:
        value = next((value for key, value in claims.items() if key.endswith(f"/{name}") and value is not None), None)
    return value


def _text(claims: Mapping[str, Any], *names: str) -> str | None:
    for name in names:
        value = _claim(claims, name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value.strip():
            return _storable(value.strip(), name)
    return None


def _storable(text: str, name: str) -> str:
    """`text`, which may come to stand in a column. Raises Unauthorized when it cannot."""
    if len(text) > MAX_CLAIM_CHARACTERS or _UNSTORABLE.search(text):
        raise Unauthorized(f"The token's {name} is too long or holds a character that cannot be stored")
    return text


def _words(value: Any, separator: str | None) -> frozenset[str]:
    """The words of a list or a separated text, in lower case."""
    parts = value.split(separator) if isinstance(value, str) else value if isinstance(value, list) else ()
    return frozenset(part.strip().lower() for part in parts if isinstance(part, str) and part.strip())
