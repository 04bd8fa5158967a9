"""Tokens made by an attacker who knows everything but the secret and the private keys."""

import hmac
import json
import random
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from flask import Flask

from app.clock import utc_now
from bench.findings import Finding
from tests.caller import Caller
from tests.conftest import SECRET, Scale
from tests.identity_provider import ISSUER, KEYS, Provider, key_set, published, serving
from tests.prove.conftest import Record

SEED = 20250309
AUDIENCE = "billing"
# A read and a write of every family.
CALLS = [
    ("GET", "/v6/clients"),
    ("POST", "/v6/clients"),
    ("GET", "/v6/billing-accounts"),
    ("PATCH", "/v6/billing-accounts/1/lock-amount"),
    ("GET", "/v6/resource-bookings"),
    ("PATCH", "/v6/work-period-payments/bulk"),
    ("GET", "/v1/billing/credits/balance/"),
    ("POST", "/v1/billing/credits/grant/"),
    ("POST", "/v1/account/"),
    ("DELETE", "/v1/account/team/00000000-0000-4000-8000-000000000000/"),
]
KEY_IDS: list[Any] = [
    "../../etc/passwd",
    "../../../../../../dev/null",
    "/dev/null",
    "file:///dev/null",
    "http://127.0.0.1:1/jwks.json",
    "old' OR '1'='1",
    "old\x00",
    "OLD",
    "old ",
    "",
    "x" * 8000,
    0,
    True,
    [],
    {},
    ["old"],
]
# Headers that tell where to find the key, or how to read the token.
POINTERS: list[dict[str, Any]] = [
    {"jwk": published("new")},
    {"jku": "http://127.0.0.1:1/jwks.json"},
    {"x5u": "http://127.0.0.1:1/chain.pem"},
    {"x5c": ["MIIB"]},
    {"crit": ["exp"]},
    {"b64": False, "crit": ["b64"]},
    {"zip": "DEF"},
]
# Signs the first two parts of a token.
Sign = Callable[[bytes], bytes]


def part(value: Any) -> str:
    return jwt.utils.base64url_encode(value if isinstance(value, bytes) else json.dumps(value).encode()).decode()


def made(header: dict[str, Any], sign: Sign, **changes: Any) -> str:
    """A token for an hour with any header and signature; a claim of None is left out."""
    claims = {"sub": "7", "roles": ["administrator"], "iss": ISSUER, "aud": AUDIENCE, "exp": in_hours(1), **changes}
    signed = f"{part(header)}.{part({name: value for name, value in claims.items() if value is not None})}"
    return f"{signed}.{part(sign(signed.encode()))}"


def in_hours(hours: int) -> int:
    return int((utc_now() + timedelta(hours=hours)).timestamp())


def with_secret(secret: bytes) -> Sign:
    return lambda signed: hmac.digest(secret, signed, "sha256")


def with_key(name: str) -> Sign:
    key, algorithm = KEYS[name]
    return lambda signed: jwt.get_algorithm_by_name(algorithm).sign(signed, key)


def good() -> list[str]:
    """Tokens that hold, of every kind that is accepted."""
    return [
        made({"alg": "RS256", "kid": "old"}, with_key("old")),
        made({"alg": "ES256", "kid": "curve"}, with_key("curve")),
        made({"alg": "HS256"}, with_secret(SECRET.encode())),
    ]


def unsigned() -> Iterator[str]:
    for algorithm in ("none", "None", "NONE", "nOnE", "", None, "null"):
        for header in ({"alg": algorithm}, {"alg": algorithm, "kid": "old"}):
            yield made(header, lambda _: b"")
            yield made(header, with_secret(b""))


def signed_with_what_is_public() -> Iterator[str]:
    """A public key used as the shared secret, in the spellings it may be found in, and what somebody may guess."""
    public = KEYS["old"][0].public_key()
    encodings, formats = serialization.Encoding, serialization.PublicFormat
    pem = public.public_bytes(encodings.PEM, formats.SubjectPublicKeyInfo)
    spellings = [
        pem,
        pem.strip(),
        public.public_bytes(encodings.PEM, formats.PKCS1),
        public.public_bytes(encodings.DER, formats.SubjectPublicKeyInfo),
        json.dumps(published("old")).encode(),
        published("old")["n"].encode(),
    ]
    for secret in (*spellings, b"", b"secret", ISSUER.encode()):
        for algorithm in ("HS256", "RS256", "ES256"):
            yield made({"alg": algorithm, "kid": "old"}, with_secret(secret))
            yield made({"alg": algorithm}, with_secret(secret))


def signed_with_a_key_of_their_own() -> Iterator[str]:
    """Signed well, with a key that the provider does not publish, or not any more."""
    for key_id in ("old", "curve", "new", *KEY_IDS):
        yield made({"alg": "RS256", "kid": key_id}, with_key("new"))
        yield made({"alg": "ES256", "kid": key_id}, with_key("new"))
        yield made({"alg": "HS256", "kid": key_id}, with_secret(b""))
    for header in POINTERS:
        yield made({"alg": "RS256", "kid": "new", **header}, with_key("new"))
        yield made({"alg": "RS256", "kid": "old", **header}, with_key("new"))


def signed_well_but_not_for_us() -> Iterator[str]:
    wrongs: dict[str, list[Any]] = {
        "iss": [None, "", "https://evil.example.com/", ISSUER.upper(), [ISSUER], 7],
        "aud": [None, "", "others", ["others"], AUDIENCE.upper(), {AUDIENCE: 1}, 7],
        "exp": [None, in_hours(-1), 0, -1, "never", [], {}],
        "nbf": [in_hours(1), "later", []],
        "sub": [None, "", []],
    }
    for wrong in ({claim: value} for claim, values in wrongs.items() for value in values):
        yield made({"alg": "RS256", "kid": "old"}, with_key("old"), **wrong)
        yield made({"alg": "HS256"}, with_secret(SECRET.encode()), **wrong)


def damaged(token: str, chance: random.Random) -> str:
    """A token with one bit of it turned over."""
    parts = [bytearray(jwt.utils.base64url_decode(each)) for each in token.split(".")]
    hit = chance.choice(parts)
    hit[chance.randrange(len(hit))] ^= 1 << chance.randrange(8)
    return ".".join(part(bytes(each)) for each in parts)


@pytest.fixture
def service(app_with: Callable[..., Flask], provider: Provider) -> Flask:
    """The application with both kinds of keys, an issuer and an audience."""
    return app_with(auth_jwks_url=provider.url, valid_issuers=(ISSUER,), auth_audience=AUDIENCE)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serving(key_set("old", "curve")) as found:
        yield found


def statuses(service: Flask, pairs: Iterable[tuple[str, tuple[str, str]]]) -> list[int]:
    """The status of each call with its token."""
    return [Caller(service, token).call(*call).status_code for token, call in pairs]


def test_no_hostile_token_is_accepted(
    service: Flask, monkeypatch: pytest.MonkeyPatch, scale: Scale, record: Record
) -> None:
    assert 401 not in statuses(service, product(good(), CALLS))
    chance = random.Random(SEED)
    hostile = [
        *unsigned(),
        *signed_with_what_is_public(),
        *signed_with_a_key_of_their_own(),
        *signed_well_but_not_for_us(),
        *(damaged(chance.choice(good()), chance) for _ in range(scale(500, 50))),
    ]
    pairs = list(product(hostile, CALLS))
    tried = chance.sample(pairs, scale(len(pairs), 600))
    answers = statuses(service, tried)
    decode = jwt.decode
    monkeypatch.setattr(jwt, "decode", lambda token, *_, **__: decode(token, options={"verify_signature": False}))
    unverified = [status for status in statuses(service, tried) if status != 401]
    assert unverified != []
    record(
        Finding(
            check="Forged, foreign, expired and damaged tokens are refused",
            done=f"{len(hostile)} tokens at {len(CALLS)} endpoints: {len(tried)} calls",
            wrong=sum(status != 401 for status in answers),
            control=f"{len(unverified)} accepted",
            seed=SEED,
            also=f"answers of 5xx: {sum(status >= 500 for status in answers)}",
        )
    )
