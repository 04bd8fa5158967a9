"""Verification of bearer tokens, and the Actor described by their claims."""

import math
import re
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import Lock
from typing import Any, NamedTuple

import jwt

from app.auth.actor import Actor, ActorKind, account_id_from
from app.auth.api_keys import secret as api_key
from app.auth.api_keys.verification import ApiKeyVerifier
from app.auth.keys import RemoteKeys
from app.config import Settings
from app.db.base import MAX_ID
from app.errors import Unauthorized
from app.identifiers import holds_invisible

LEEWAY_SECONDS = 30
CACHED_TOKENS = 4096
# A verified token is re-verified after this many seconds, so that a withdrawn signing key stops working.
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
    """Verifies tokens against the configured secrets and key set, and API keys; caches the verified ones."""

    def __init__(self, settings: Settings) -> None:
        self._secrets = settings.auth_secrets
        self._email_verified_default = settings.email_verified_default
        self._remote = RemoteKeys(settings.auth_jwks_url) if settings.auth_jwks_url else None
        self._issuers = list(settings.valid_issuers) or None
        self._audience = settings.auth_audience
        self._verified: OrderedDict[str, _Verified] = OrderedDict()
        self._lock = Lock()
        self._api_keys = ApiKeyVerifier()

    def verify(self, token: str) -> Actor:
        """The caller named by `token`, which may be an API key.

        Raises Unauthorized for an invalid signature, time, issuer or audience, or an API key that is not valid.
        """
        if token.startswith(api_key.PREFIX):
            return self._api_keys.verify(token)
        now = time.time()
        known = self._verified.get(token)
        if known is None or now - known.at > TRUSTED_SECONDS:
            claims = self._claims(token)
            actor = actor_from(claims, email_verified_default=self._email_verified_default)
            known = _Verified(actor, now, _time(claims, "exp", math.inf), _time(claims, "nbf", -math.inf))
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
            *others, last = self._keys(header)
            for key, algorithm in others:
                with suppress(jwt.InvalidSignatureError):
                    return self._decode(token, key, algorithm)
            return self._decode(token, *last)
        except jwt.ExpiredSignatureError:
            raise Unauthorized("The token has expired") from None
        except jwt.DecodeError as error:
            # Of a signature the library says that it is wrong, of anything else how its parsers failed.
            reason = str(error) if isinstance(error, jwt.InvalidSignatureError) else "it cannot be decoded"
            raise Unauthorized(f"The token is not valid: {reason}") from None
        except jwt.PyJWTError as error:
            raise Unauthorized(f"The token is invalid: {error}") from None

    def _keys(self, header: Mapping[str, Any]) -> Sequence[tuple[Any, str]]:
        """The keys that a token may be signed with, each with its only algorithm, regardless of the token."""
        algorithm = header.get("alg")
        if algorithm == _SYMMETRIC and self._secrets:
            return [(secret, _SYMMETRIC) for secret in self._secrets]
        if self._remote is not None and algorithm != _SYMMETRIC:
            return [self._remote.find(header.get("kid"), algorithm)]
        raise jwt.InvalidAlgorithmError("its algorithm is not accepted")

    def _decode(self, token: str, key: Any, algorithm: str) -> dict[str, Any]:
        # The signature is verified before any claim is read.
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=self._issuers,
            audience=self._audience,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp"], "verify_aud": self._audience is not None, "verify_sub": False},
        )
        return claims


def _time(claims: Mapping[str, Any], name: str, default: float) -> float:
    value = claims.get(name)
    return default if value is None else int(value)


def actor_from(claims: Mapping[str, Any], *, email_verified_default: bool) -> Actor:
    """The Actor described by verified `claims`. Raises Unauthorized if they have no user id and no client id."""
    user_id = _identifier(claims, "userId", "user_id", "sub")
    subject = user_id or _identifier(claims, "azp", "client_id")
    if subject is None:
        raise Unauthorized("The token has no user id and no client id")
    return Actor(
        subject=subject,
        issuer=_issuer(claims),
        kind=_kind(claims, user_id),
        user_id=user_id,
        handle=_text(claims, "handle", "nickname"),
        email=_identifier(claims, "email"),
        email_verified=_is_verified(claims, default=email_verified_default),
        first_name=_text(claims, "given_name", "first_name"),
        last_name=_text(claims, "family_name", "last_name"),
        account_id=_account_id(claims),
        roles=_words(_claim(claims, "roles"), ",") | _words(_claim(claims, "role"), ","),
        scopes=_words(_claim(claims, "scope"), None) | _words(_claim(claims, "scopes"), None),
    )


def _issuer(claims: Mapping[str, Any]) -> str:
    issuer = claims.get("iss")
    return _storable(issuer, "iss") if isinstance(issuer, str) else ""


def _kind(claims: Mapping[str, Any], user_id: str | None) -> ActorKind:
    """Whether the token was issued to a person or a machine; providers mark machine tokens in these ways."""
    is_machine = user_id is None or user_id.endswith("@clients") or claims.get("gty") == "client-credentials"
    return ActorKind.MACHINE if is_machine else ActorKind.PERSON


def _is_verified(claims: Mapping[str, Any], *, default: bool) -> bool:
    """Whether the e-mail address is verified: every such claim, namespaced or not, must be true."""
    stated = [value for name, value in claims.items() if name == "email_verified" or name.endswith("/email_verified")]
    if not stated:
        return default
    return all(value is True or (isinstance(value, str) and value.lower() == "true") for value in stated)


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


def _account_id(claims: Mapping[str, Any]) -> int | None:
    """The customer account that a token selects. Raises Unauthorized for a malformed id."""
    value = _claim(claims, "account_id")
    if value is None:
        return None
    # Integers of any size are compared directly: converting huge ones to digits would be slow.
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_ID:
        return value
    account_id = account_id_from(value) if isinstance(value, str) else None
    if account_id is None:
        raise Unauthorized("The token's account_id is not a valid account id")
    return account_id


def _identifier(claims: Mapping[str, Any], *names: str) -> str | None:
    """An identifying claim. Raises Unauthorized if it contains invisible characters."""
    text = _text(claims, *names)
    if text is not None and holds_invisible(text):
        raise Unauthorized(f"The token's {names[0]} contains control or zero-width characters")
    return text


def _storable(text: str, name: str) -> str:
    """`text`, if it can be stored in a column. Raises Unauthorized otherwise."""
    if len(text) > MAX_CLAIM_CHARACTERS or _UNSTORABLE.search(text):
        raise Unauthorized(f"The token's {name} is too long or contains a character that cannot be stored")
    return text


def _words(value: Any, separator: str | None) -> frozenset[str]:
    """The words of a list or a separated string, in lower case."""
    parts = value.split(separator) if isinstance(value, str) else value if isinstance(value, list) else ()
    return frozenset(part.strip().lower() for part in parts if isinstance(part, str) and part.strip())
