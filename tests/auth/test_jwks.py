import hmac
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import jwt
import pytest
from flask import Flask
from freezegun import freeze_time

from app.auth import keys
from app.auth.keys import KEYS_LIVE_SECONDS, REFETCH_AFTER_SECONDS
from app.auth.tokens import TRUSTED_SECONDS
from app.clock import utc_now
from app.config import ROOT
from tests.caller import Caller, data, error
from tests.identity_provider import ISSUER, Provider, key_set, published, serving, signed


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serving(key_set("old", "curve")) as found:
        yield found


@pytest.fixture
def service(app_with: Callable[..., Flask], provider: Provider) -> Flask:
    """The application believing that provider only."""
    return app_with(auth_secrets=(), auth_jwks_url=provider.url, valid_issuers=(ISSUER,))


@pytest.fixture
def clock() -> Iterator[Any]:
    """Stops the clock; `clock.tick(seconds)` moves it."""
    with freeze_time("2025-10-30T12:00:00Z", ignore=["_pytest"]) as frozen:
        yield frozen


def status(service: Flask, token: str) -> int:
    answer = Caller(service, token).get("/v6/clients")
    if answer.status_code >= 400:
        error(answer, answer.status_code)
    return answer.status_code


class TestRefused:
    @pytest.mark.parametrize(
        "make",
        [
            pytest.param(lambda: signed("old", exp=utc_now() - timedelta(hours=1)), id="expired"),
            pytest.param(lambda: signed("old", iss="https://evil.example.com/"), id="another issuer"),
            pytest.param(lambda: signed("new", kid="old"), id="another key under that id"),
            pytest.param(lambda: signed("new"), id="an unknown key"),
            pytest.param(lambda: signed("old", kid=None), id="no key id though there are several keys"),
            pytest.param(lambda: signed("old", kid=""), id="an empty key id"),
            pytest.param(lambda: signed("old", algorithm="RS512"), id="another algorithm of that key"),
            pytest.param(lambda: signed("old", algorithm="PS256"), id="another padding of that key"),
            pytest.param(lambda: signed("curve", kid="old"), id="a curve key under the id of an RSA key"),
        ],
    )
    def test_invalid_token_is_refused(self, service: Flask, make: Callable[[], str]) -> None:
        assert status(service, make()) == 401

    @pytest.mark.parametrize("name", ["long"])
    def test_a_published_key_of_another_algorithm(self, service: Flask, provider: Provider, name: str) -> None:
        provider.answer = key_set("old", name)
        assert status(service, signed(name)) == 401

    def test_a_published_shared_secret(self, service: Flask, provider: Provider) -> None:
        """A provider has no business publishing one; nobody may sign with it."""
        secret = b"shared with everybody who can read"
        jwk = json.loads(jwt.algorithms.HMACAlgorithm.to_jwk(secret))
        provider.answer = key_set("old", {**jwk, "kid": "shared"})
        claims = {"sub": "7", "roles": ["administrator"], "iss": ISSUER, "exp": utc_now() + timedelta(hours=1)}
        assert status(service, jwt.encode(claims, secret, "HS256", {"kid": "shared"})) == 401

    def test_a_key_for_encryption(self, service: Flask, provider: Provider) -> None:
        provider.answer = key_set("old", published("new", use="enc"))
        assert status(service, signed("new")) == 401

    def test_a_key_id_that_is_no_text(self, service: Flask) -> None:
        header, claims, _ = signed("old").split(".")
        odd = jwt.utils.base64url_encode(b'{"alg":"RS256","kid":["old"]}').decode()
        signature = jwt.utils.base64url_encode(hmac.digest(b"", header.encode(), "sha256")).decode()
        assert status(service, f"{odd}.{claims}.{signature}") == 401


class TestAccepted:
    @pytest.mark.parametrize("name", ["old", "curve"])
    def test_a_token_of_a_published_key(self, service: Flask, name: str) -> None:
        assert status(service, signed(name)) == 200

    def test_a_token_without_a_key_id_when_there_is_one_key(self, service: Flask, provider: Provider) -> None:
        provider.answer = key_set("old")
        assert status(service, signed("old", kid=None)) == 200

    @pytest.mark.parametrize("changes", [{"use": None}, {"alg": "RS256"}, {"x5t": "abc", "extra": [1]}])
    def test_a_key_described_in_fewer_or_more_words(
        self, service: Flask, provider: Provider, changes: dict[str, Any]
    ) -> None:
        provider.answer = key_set(published("old", **changes), "curve")
        assert status(service, signed("old")) == 200

    def test_a_good_key_among_unusable_ones(self, service: Flask, provider: Provider) -> None:
        broken = [
            {"kid": "a"},
            {"kid": "b", "kty": "RSA", "n": "!", "e": "!"},
            {"kid": ["c"], **published("new", kid=None)},
        ]
        provider.answer = key_set(*broken, {"kty": "OKP", "crv": "X", "kid": "d"}, "old")
        assert status(service, signed("old")) == 200


class TestFetching:
    def test_the_keys_are_read_once(self, service: Flask, provider: Provider) -> None:
        for _ in range(5):
            assert status(service, signed("old")) == 200
            assert status(service, signed("curve", sub="8")) == 200
        assert provider.asked == 1

    def test_request_without_a_token_fetches_no_keys(self, service: Flask, provider: Provider) -> None:
        assert status(service, "x") == 401
        assert Caller(service, None).get("/health/live").status_code == 200
        assert provider.asked == 0

    def test_a_rotation_is_noticed(self, service: Flask, provider: Provider, clock: Any) -> None:
        assert status(service, signed("old")) == 200
        provider.answer = key_set("new", "curve")
        clock.tick(REFETCH_AFTER_SECONDS)
        assert status(service, signed("new")) == 200
        assert status(service, signed("old", sub="8")) == 401

    def test_unknown_key_ids_do_not_make_it_ask_again_and_again(
        self, service: Flask, provider: Provider, clock: Any
    ) -> None:
        for number in range(20):
            assert status(service, signed("new", kid=f"made up {number}")) == 401
        assert provider.asked == 1
        clock.tick(REFETCH_AFTER_SECONDS)
        for number in range(20):
            assert status(service, signed("new", kid=f"made up {number}")) == 401
        assert provider.asked == 2

    def test_a_withdrawn_key_stops_working_even_for_a_token_seen_before(
        self, service: Flask, provider: Provider, clock: Any
    ) -> None:
        token = signed("old")
        assert status(service, token) == 200
        provider.answer = key_set("new")
        clock.tick(max(KEYS_LIVE_SECONDS, TRUSTED_SECONDS) + 1)
        assert status(service, token) == 401

    def test_many_first_requests_ask_once(self, service: Flask, provider: Provider) -> None:
        tokens = [signed("old", sub=str(number)) for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda token: status(service, token), tokens))
        assert (statuses, provider.asked) == ([200] * 8, 1)


class TestProviderAway:
    ANSWERS = (
        pytest.param(500, b"{}", id="a failure"),
        pytest.param(302, b"", id="a redirect to nowhere"),
        pytest.param(200, b"", id="nothing"),
        pytest.param(200, b"<html>", id="a page"),
        pytest.param(200, b"\xff\xfe\xff", id="bytes"),
        pytest.param(200, b"[]", id="a list"),
        pytest.param(200, b"null", id="null"),
        pytest.param(200, b'{"keys": []}', id="no keys"),
        pytest.param(200, b'{"keys": 7}', id="keys that are none"),
        pytest.param(200, b'{"keys": [7]}', id="a key that is none"),
    )

    @pytest.mark.parametrize(("code", "answer"), ANSWERS)
    def test_without_keys_nobody_can_be_known_yet(
        self, service: Flask, provider: Provider, code: int, answer: bytes
    ) -> None:
        provider.status, provider.answer = code, answer
        refused = Caller(service, signed("old")).get("/v6/clients")
        error(refused, 503, "identity_provider_unavailable")
        assert int(refused.headers["Retry-After"]) > 0

    @pytest.mark.parametrize(("code", "answer"), ANSWERS)
    def test_keys_once_known_stay_known(
        self, service: Flask, provider: Provider, clock: Any, code: int, answer: bytes
    ) -> None:
        assert status(service, signed("old")) == 200
        provider.status, provider.answer = code, answer
        clock.tick(KEYS_LIVE_SECONDS + 1)
        assert status(service, signed("old", sub="8")) == 200
        assert status(service, signed("new")) == 401
        assert provider.asked == 2

    def test_a_provider_that_does_not_listen_is_away(self, app_with: Callable[..., Flask]) -> None:
        with serving({}) as gone:
            url = gone.url
        service = app_with(auth_secrets=(), auth_jwks_url=url, valid_issuers=(ISSUER,))
        error(Caller(service, signed("old")).get("/v6/clients"), 503, "identity_provider_unavailable")
        error(Caller(service, None).get("/v6/clients"), 401)

    def test_a_provider_that_takes_too_long_is_away(
        self, app_with: Callable[..., Flask], token: Callable[..., str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(keys, "FETCH_TIMEOUT_SECONDS", 0.2)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/jwks.json"
            service = app_with(auth_jwks_url=url, valid_issuers=(ISSUER,))
            error(Caller(service, signed("old")).get("/v6/clients"), 503, "identity_provider_unavailable")
            # It is not waited for again at once, and never for tokens that are signed with the secret.
            error(Caller(service, signed("curve")).get("/v6/clients"), 503, "identity_provider_unavailable")
            data(Caller(service, token(iss=ISSUER)).get("/v6/clients"))
            silent.accept()[0].close()
            silent.setblocking(False)
            with pytest.raises(BlockingIOError):
                silent.accept()

    def test_identity_provider_is_asked_again_once_available(
        self, service: Flask, provider: Provider, clock: Any
    ) -> None:
        provider.status = 503
        assert status(service, signed("old")) == 503
        provider.status = 200
        assert status(service, signed("old")) == 503, "not on every request"
        clock.tick(REFETCH_AFTER_SECONDS)
        assert data(Caller(service, signed("old")).get("/v6/clients"))["count"] == 0
        assert provider.asked == 2


def test_the_claims_of_the_guide_are_those_of_an_administrator(
    app_with: Callable[..., Flask], provider: Provider
) -> None:
    guide = (ROOT / "docs" / "authentication.md").read_text()
    claims = json.loads(guide.split("```json")[1].split("```")[0])
    service = app_with(
        auth_secrets=(), auth_jwks_url=provider.url, valid_issuers=(claims["iss"],), auth_audience=claims["aud"]
    )
    client = data(Caller(service, signed("old", **claims)).post("/v6/clients", {"name": "Acme"}), 201)
    assert client["name"] == "Acme"
    account = {"name": "Acme", "clientId": client["id"], "budget": 1, "markup": 0}
    created = data(Caller(service, signed("old", **claims)).post("/v6/billing-accounts", account), 201)
    assert created["createdBy"] == "40051399"
