import base64
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask
from freezegun import freeze_time

from app.auth.tokens import LEEWAY_SECONDS
from app.clock import utc_now
from app.config import Settings
from cli.token import mint
from tests.caller import Caller, data, error
from tests.conftest import SECRET
from tests.factories.accounts import create_client
from tests.identity_provider import serving

ISSUER = "https://auth.example.com/"
Verdict = Callable[..., int]


def in_seconds(seconds: float) -> int:
    return int(utc_now().timestamp() + seconds)


def signed(*, secret: str = SECRET, algorithm: str = "HS256", headers: Any = None, **claims: Any) -> str:
    """An administrator's token for an hour, but for what `claims` say; a claim of None is left out."""
    claims = {"sub": "7", "roles": ["administrator"], "exp": in_seconds(3600), **claims}
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, secret, algorithm=algorithm, headers=headers)


def part(value: Any) -> str:
    """A part of a token made by hand."""
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


@pytest.fixture
def status(app: Flask) -> Callable[[str], int]:
    """The status that a token is answered with; a refusal is a 401 that says so."""
    return lambda token: status_in(app, token)


def status_in(app: Flask, token: str) -> int:
    answer = Caller(app, token).get("/v6/clients")
    if answer.status_code >= 400:
        error(answer, answer.status_code, {401: "unauthorized", 403: "forbidden"}[answer.status_code])
    return answer.status_code


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class TestUnusableTokens:
    @pytest.mark.parametrize(
        "token",
        [
            "x",
            "a.b",
            "a.b.c",
            "....",
            "é.é.é",
            "\x7f",
            "null",
            "x" * 16_400,
            f"{part({'alg': 'HS256'})}.{part({})}.",
            f"{part([])}.{part({})}.x",
            f"{part(b'[' * 12_000)}.x.x",
            f"{part({'alg': ['HS256']})}.{part({})}.x",
            f"{part({'alg': 'HS256', 'kid': {}})}.{part({})}.x",
        ],
    )
    def test_what_is_no_token_is_refused(self, status: Verdict, token: str) -> None:
        assert status(token) == 401

    @pytest.mark.parametrize("spelling", ["none", "None", "NONE", "nOnE", ""])
    def test_an_unsigned_token_is_refused(self, status: Verdict, spelling: str) -> None:
        claims = part({"sub": "7", "roles": ["administrator"], "exp": in_seconds(60)})
        assert status(f"{part({'alg': spelling, 'typ': 'JWT'})}.{claims}.") == 401

    @pytest.mark.parametrize(
        "payload", [b"\xff", b'{"sub": ' + b"9" * 5000 + b"}", b"[" * 5000 + b"]" * 5000, b"{", b"[]"], ids=len
    )
    def test_a_payload_that_cannot_be_read_is_refused_without_parsers_words(self, app: Flask, payload: bytes) -> None:
        token = jwt.api_jws.encode(payload, SECRET, algorithm="HS256")
        refused = error(Caller(app, token).get("/v6/clients"), 401, "unauthorized")
        assert refused["message"] == "The token is not valid: it cannot be decoded"

    @pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
    def test_another_algorithm_is_refused_though_the_secret_is_right(self, status: Verdict, algorithm: str) -> None:
        assert status(signed(secret=SECRET * 2, algorithm=algorithm)) == 401

    def test_a_wrong_secret_is_refused(self, status: Verdict) -> None:
        assert status(signed(secret="another secret, of the right length too")) == 401

    def test_claims_that_were_changed_are_refused(self, status: Verdict) -> None:
        header, _, signature = signed(roles=["copilot"]).split(".")
        _, claims, _ = signed(roles=["administrator"]).split(".")
        assert status(f"{header}.{claims}.{signature}") == 401

    @pytest.mark.parametrize(
        "claims",
        [
            {"exp": None},
            {"exp": "tomorrow"},
            {"exp": float("inf")},
            {"exp": float("nan")},
            {"exp": []},
            {"nbf": "today"},
            {"nbf": float("inf")},
            {"nbf": 10**400},
            {"sub": None},
            {"sub": ""},
            {"sub": " "},
            {"sub": ["7"]},
            {"sub": "a\x00b"},
            {"sub": "\ud800"},
            {"sub": "x" * 256},
        ],
        ids=str,
    )
    def test_claims_that_say_nothing_usable_are_refused(self, status: Verdict, claims: dict[str, Any]) -> None:
        assert status(signed(**claims)) == 401


class TestTimes:
    @pytest.mark.parametrize(
        ("claims", "verdict"),
        [
            ({"exp": -3600}, 401),
            ({"exp": -LEEWAY_SECONDS}, 401),
            ({"exp": -LEEWAY_SECONDS + 1}, 200),
            ({"exp": 1}, 200),
            ({"nbf": LEEWAY_SECONDS + 1}, 401),
            ({"nbf": LEEWAY_SECONDS}, 200),
            ({"nbf": -3600}, 200),
        ],
        ids=str,
    )
    def test_token_times_have_a_little_leeway_and_no_more(
        self, status: Verdict, claims: dict[str, int], verdict: int
    ) -> None:
        with freeze_time("2025-10-30T12:00:00Z"):
            moments: dict[str, Any] = {name: in_seconds(value) for name, value in claims.items()}
            assert status(signed(**moments)) == verdict

    def test_a_token_seen_before_still_ends(self, status: Verdict) -> None:
        with freeze_time("2025-10-30T12:00:00Z") as clock:
            token = signed(exp=in_seconds(60))
            assert status(token) == 200
            clock.tick(timedelta(seconds=60 + LEEWAY_SECONDS - 1))
            assert status(token) == 200
            clock.tick(timedelta(seconds=1))
            assert status(token) == 401

    def test_a_token_refused_as_too_early_is_taken_later(self, status: Verdict) -> None:
        with freeze_time("2025-10-30T12:00:00Z") as clock:
            token = signed(nbf=in_seconds(60))
            assert status(token) == 401
            clock.tick(timedelta(seconds=60))
            assert status(token) == 200

    def test_a_token_without_end_in_sight_is_taken(self, status: Verdict) -> None:
        assert status(signed(exp=10**400, nbf=0)) == 200


class TestIssuerAndAudience:
    @pytest.mark.parametrize(
        ("issuer", "verdict"),
        [
            (None, 401),
            ("", 401),
            ("https://evil.example.com/", 401),
            (ISSUER.rstrip("/"), 401),
            (ISSUER, 200),
            ("b", 200),
        ],
    )
    def test_only_named_issuers_are_believed(
        self, app_with: Callable[..., Flask], issuer: str | None, verdict: int
    ) -> None:
        assert status_in(app_with(valid_issuers=(ISSUER, "b")), signed(iss=issuer)) == verdict

    @pytest.mark.parametrize(
        ("audience", "verdict"), [(None, 401), ("them", 401), (["them"], 401), ("us", 200), (["them", "us"], 200)]
    )
    def test_only_tokens_for_us_are_believed(self, app_with: Callable[..., Flask], audience: Any, verdict: int) -> None:
        assert status_in(app_with(auth_audience="us"), signed(aud=audience)) == verdict

    def test_without_such_settings_any_will_do(self, status: Verdict) -> None:
        assert status(signed(iss="anybody", aud=["them"])) == 200


class TestKeyTypes:
    @pytest.mark.parametrize("algorithm", ["RS256", "ES256", "PS256", "EdDSA"])
    def test_a_secret_makes_no_key_for_public_algorithms(self, status: Verdict, algorithm: str) -> None:
        claims = part({"sub": "7", "roles": ["administrator"], "exp": in_seconds(60)})
        assert status(f"{part({'alg': algorithm})}.{claims}.{part(b'signature')}") == 401

    @pytest.mark.parametrize("secrets", [(), (SECRET,)])
    def test_a_public_key_is_no_secret(
        self, app_with: Callable[..., Flask], key: rsa.RSAPrivateKey, secrets: tuple[str, ...]
    ) -> None:
        """The classic forgery: what everybody may read, used to sign."""
        public = key.public_key()
        spellings = [
            public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
            public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1),
            public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
            jwt.algorithms.RSAAlgorithm.to_jwk(public).encode(),
        ]
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(public, as_dict=True) | {"kid": "k"}
        claims = part({"sub": "7", "roles": ["administrator"], "exp": in_seconds(60), "iss": ISSUER})
        with serving({"keys": [jwk]}) as provider:
            app = app_with(auth_secrets=secrets, auth_jwks_url=provider.url, valid_issuers=(ISSUER,))
            good = jwt.encode(json.loads(base64.urlsafe_b64decode(claims + "==")), key, "RS256", {"kid": "k"})
            assert status_in(app, good) == 200
            for spelling in spellings:
                signing_input = f"{part({'alg': 'HS256', 'kid': 'k'})}.{claims}"
                signature = part(hmac.digest(spelling, signing_input.encode(), "sha256"))
                assert status_in(app, f"{signing_input}.{signature}") == 401

    def test_secret_and_keys_work_side_by_side(self, app_with: Callable[..., Flask], key: rsa.RSAPrivateKey) -> None:
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": "k"}
        with serving({"keys": [jwk]}) as provider:
            app = app_with(auth_jwks_url=provider.url, valid_issuers=(ISSUER,))
            assert status_in(app, signed(iss=ISSUER)) == 200
            assert status_in(app, signed(iss=None)) == 401


class TestRotation:
    OLD, NEW = "the secret of last year, long enough too", "the secret of this year, long enough as well"

    def test_every_secret_verifies(self, app_with: Callable[..., Flask]) -> None:
        app = app_with(auth_secrets=(self.NEW, self.OLD))
        assert [status_in(app, signed(secret=secret)) for secret in (self.NEW, self.OLD)] == [200, 200]

    def test_a_secret_taken_from_the_list_verifies_nothing(self, app_with: Callable[..., Flask]) -> None:
        app = app_with(auth_secrets=(self.NEW,))
        assert [status_in(app, signed(secret=secret)) for secret in (self.NEW, self.OLD)] == [200, 401]

    def test_first_secret_of_the_list_signs_tokens(self, settings: Settings) -> None:
        token = mint(replace(settings, auth_secrets=(self.NEW, self.OLD)))
        assert jwt.decode(token, self.NEW, algorithms=["HS256"])["sub"] == "admin"

    def test_what_else_is_wrong_is_named_whichever_secret_signed(self, app_with: Callable[..., Flask]) -> None:
        app = app_with(auth_secrets=(self.NEW, self.OLD))
        for secret in (self.NEW, self.OLD):
            expired = Caller(app, signed(secret=secret, exp=in_seconds(-3600))).get("/v6/clients")
            assert error(expired, 401)["message"] == "The token has expired"


class TestRolesAndScopes:
    @pytest.mark.parametrize(
        "claims",
        [
            {"roles": ["administrator"]},
            {"roles": ["copilot", "Administrator"]},
            {"roles": [" ADMINISTRATOR "]},
            {"roles": [7, None, "administrator"]},
            {"roles": "administrator"},
            {"roles": "copilot, Administrator,"},
            {"role": "Administrator"},
            {"role": ["administrator"]},
            {"role": "administrator", "roles": ["copilot"]},
            {"https://example.com/claims/roles": ["administrator"]},
            {"https://example.com/roles": "copilot,administrator"},
            {"https://example.com/role": "administrator"},
            {"scope": "read:client"},
            {"scope": "openid  READ:Client email"},
            {"scope": "all:client"},
            {"scope": ["read:client"]},
            {"scopes": "read:client"},
            {"scopes": ["Read:Client"]},
            {"scope": "openid", "scopes": ["read:client"]},
            {"https://example.com/scope": "read:client"},
            {"roles": ["copilot"], "scope": "read:client"},
        ],
        ids=str,
    )
    def test_roles_and_scopes_are_read_from_every_claim_in_any_case(
        self, status: Verdict, claims: dict[str, Any]
    ) -> None:
        assert status(signed(**({"roles": None} | claims))) == 200

    @pytest.mark.parametrize(
        "claims",
        [
            {},
            {"roles": []},
            {"roles": {"administrator": True}},
            {"roles": True},
            {"roles": [["administrator"]]},
            {"roles": "administrators"},
            {"roles": "administrator copilot"},
            {"roles": ["administrator,copilot"]},
            {"https://example.com/notroles": ["administrator"]},
            {"https://example.com/roles/old": ["administrator"]},
            {"scope": "administrator"},
            {"roles": ["read:client"]},
            {"scope": "read:client,all:client"},
            {"scope": "read:clients"},
            {"scope": "create:client"},
            {"scope": "all"},
            {"scope": None},
        ],
        ids=str,
    )
    def test_roles_and_scopes_are_read_from_no_other_claim(self, status: Verdict, claims: dict[str, Any]) -> None:
        assert status(signed(**({"roles": None} | claims))) == 403


class TestWhoIsCalling:
    @pytest.mark.parametrize(
        ("claims", "user"),
        [
            ({"sub": "7"}, "7"),
            ({"sub": 7}, "7"),
            ({"userId": "40051399", "sub": "auth0|x"}, "40051399"),
            ({"userId": 40051399}, "40051399"),
            ({"user_id": "8", "sub": "7"}, "8"),
            ({"userId": "9", "user_id": "8"}, "9"),
            ({"https://example.com/userId": "5", "sub": "7"}, "5"),
            ({"https://example.com/user_id": 5}, "5"),
            ({"userId": None, "sub": " 7 "}, "7"),
            ({"userId": True, "sub": "7"}, "7"),
            ({"sub": "robot@clients"}, "robot@clients"),
            ({"azp": "robot"}, "robot"),
            ({"client_id": "robot"}, "robot"),
            ({"sub": "x" * 255}, "x" * 255),
            ({"sub": "Žofie"}, "Žofie"),
        ],
        ids=str,
    )
    def test_creator_is_recorded_with_what_they_create(self, app: Flask, claims: dict[str, Any], user: str) -> None:
        caller = Caller(app, signed(**({"sub": None} | claims)))
        client_id = create_client(caller)
        account = {"name": "Acme", "budget": 1, "markup": 0, "clientId": client_id}
        answer = caller.call("POST", "/v6/billing-accounts", account, Idempotency_Key="k")
        assert data(answer, 201)["createdBy"] == user
