"""Signing in at an identity provider: who it vouches for is let in, and nobody else."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask import Flask
from freezegun import freeze_time

from app.clock import utc_now
from app.config import Settings
from app.config.rates import rate_limits
from tests import openid_provider
from tests.caller import Caller, data
from tests.console.web import Page, Web
from tests.factories.customers import open_customer
from tests.openid_provider import CLIENT_ID, CLIENT_SECRET, OpenIdProvider

LEAVE, RETURN = "/console/sign-in/provider", "/console/sign-in/return"


@pytest.fixture(scope="module")
def _running() -> Iterator[OpenIdProvider]:
    with openid_provider.running() as provider:
        yield provider


@pytest.fixture
def provider(_running: OpenIdProvider) -> Iterator[OpenIdProvider]:
    """The provider, as it was at first."""
    first = deepcopy(vars(_running))
    yield _running
    vars(_running).update(first)


@pytest.fixture
def signing_app(app: Flask, settings: Settings, provider: OpenIdProvider, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The application whose people sign in at the provider."""
    sign_in = replace(
        settings.sign_in, issuer=provider.issuer, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, session_hours=2
    )
    monkeypatch.setitem(app.config, "SETTINGS", replace(settings, sign_in=sign_in))
    return app


@pytest.fixture
def web(signing_app: Flask) -> Web:
    """A browser in which nobody is signed in."""
    return Web(signing_app)


def way_back(web: Web) -> str:
    """Where the provider sends a browser back to, once it has set out from here."""
    response = requests.get(web.get(LEAVE, 302).response.location, allow_redirects=False, timeout=10)
    assert response.status_code == 302
    address = urlsplit(response.headers["Location"])
    return f"{address.path}?{address.query}"


def refused(web: Web, address: str, status: int = 401) -> Page:
    """The page of a sign-in that failed, after which nobody is signed in."""
    page = web.get(address, status)
    web.get("/portal", 401)
    return page


class TestSuccess:
    @pytest.mark.parametrize(("roles", "home"), [(["administrator"], "/console"), ([], "/portal")])
    def test_a_person_is_led_to_where_their_roles_belong(
        self, web: Web, provider: OpenIdProvider, roles: list[str], home: str
    ) -> None:
        provider.person["roles"] = roles
        assert "Sign in with" in web.get("/console/sign-in").find("main").get_text()
        assert web.get(way_back(web), 303).response.location == home
        assert web.get(home, 200 if roles else 303)

    def test_the_session_lasts_as_configured(self, web: Web) -> None:
        web.get(way_back(web), 303)
        with freeze_time(utc_now() + timedelta(hours=2, seconds=1)):
            web.get("/portal/accounts", 401)

    def test_by_session_and_by_token_a_person_is_the_same(
        self, web: Web, provider: OpenIdProvider, token: Callable[..., str], signing_app: Flask
    ) -> None:
        open_customer(Caller(signing_app, token(roles=(), user="7", iss=provider.issuer)), "Pier")
        web.get(way_back(web), 303)
        assert web.get("/portal/accounts").cells()[0][0] == "Pier"
        form = web.get("/portal/accounts/open").form()
        form["name"] = "Second"
        assert form.submit(409).alert == "You already own an account"

    def test_a_session_of_before_ends_with_the_sign_in(self, web: Web, signing_app: Flask) -> None:
        """What somebody else put into the browser is not what the person gets."""
        with web.client.session_transaction("/console") as session:
            session.update(secret="planted", account_id=99)
        web.get(way_back(web), 303)
        with web.client.session_transaction("/console") as session:
            assert session["secret"] != "planted"
            assert set(session) == {"secret"}
        assert signing_app.config["SESSION_COOKIE_SAMESITE"] == "Lax"

    def test_behind_the_proxy_the_provider_returns_to_the_public_address(
        self, app_with: Callable[..., Flask], signing_app: Flask, settings: Settings
    ) -> None:
        sign_in = signing_app.config["SETTINGS"].sign_in
        app = app_with(sign_in=sign_in, serving=replace(settings.serving, trusted_proxy_hops=1))
        headers = {
            "Host": "billing.example.com", "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "evil.example",
        }  # fmt: skip
        answer = app.test_client().get(LEAVE, headers=headers)
        query = parse_qs(urlsplit(answer.location).query)
        assert query["redirect_uri"] == [f"https://billing.example.com{RETURN}"]
        assert answer.headers["Set-Cookie"].startswith("__Host-billing-session=")

    def test_it_leads_to_no_other_place(self, web: Web) -> None:
        address = way_back(web)
        assert web.get(f"{address}&next=//evil.example&redirect_uri=//evil.example", 303).response.location == "/portal"


class TestRefusals:
    @pytest.mark.parametrize(
        "changes",
        [
            {"nonce": "another"},
            {"nonce": None},
            {"iss": "https://evil.example"},
            {"aud": "another-client"},
            {"aud": None},
            {"exp": utc_now() - timedelta(minutes=5)},
        ],
        ids=["wrong nonce", "no nonce", "wrong issuer", "wrong audience", "no audience", "expired"],
    )
    def test_an_id_token_that_is_not_for_this_sign_in(
        self, web: Web, provider: OpenIdProvider, changes: dict[str, Any]
    ) -> None:
        provider.changes = changes
        assert "did not sign you in" in refused(web, way_back(web)).alert

    def test_a_signature_of_another_key(self, web: Web, provider: OpenIdProvider) -> None:
        provider.key = "old"
        assert "did not sign you in" in refused(web, way_back(web)).alert

    def test_a_token_of_nobody(self, web: Web, provider: OpenIdProvider) -> None:
        provider.person = {"sub": ""}
        assert "no user id" in refused(web, way_back(web)).alert

    def test_claims_that_cannot_be_stored(self, web: Web, provider: OpenIdProvider) -> None:
        provider.person = {**provider.person, "picture": "a\x00b"}
        assert "did not say who you are" in refused(web, way_back(web)).alert

    def test_a_state_that_is_not_of_this_browser(self, web: Web, signing_app: Flask) -> None:
        address = way_back(web)
        other = Web(signing_app)
        assert "mismatching_state" in refused(other, address).alert
        refused(web, f"{RETURN}?code=x&state=made-up")
        refused(web, RETURN)

    def test_a_code_signs_in_once(self, web: Web, signing_app: Flask, provider: OpenIdProvider) -> None:
        address = way_back(web)
        copied = web.client.get_cookie("billing-session")
        assert copied is not None
        web.get(address, 303)
        assert "mismatching_state" in web.get(address, 401).alert
        other = Web(signing_app)
        other.client.set_cookie("billing-session", copied.value)
        assert "invalid_grant" in refused(other, address).alert
        assert provider.codes == {}

    def test_a_verifier_of_another_browser(self, web: Web, provider: OpenIdProvider) -> None:
        address = way_back(web)
        for asked in provider.codes.values():
            asked["code_challenge"] = "another"
        assert "invalid_grant" in refused(web, address).alert

    def test_another_secret_of_the_client(
        self, web: Web, signing_app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sign_in = replace(signing_app.config["SETTINGS"].sign_in, client_secret="another")
        monkeypatch.setitem(signing_app.config, "SETTINGS", replace(settings, sign_in=sign_in))
        assert "invalid_client" in refused(web, way_back(web)).alert

    def test_somebody_who_cancels(self, web: Web, provider: OpenIdProvider) -> None:
        provider.denies = True
        page = refused(web, way_back(web))
        assert "was cancelled" in page.alert
        assert "555" not in page.html.get_text()

    def test_words_of_the_address_do_not_become_words_of_the_page(self, web: Web) -> None:
        page = refused(web, f"{RETURN}?error=Call%20555&error_description=Call%20555")
        assert "555" not in page.html.get_text()


class TestOutages:
    @pytest.mark.parametrize(
        "metadata",
        [b"<html>", [], {"issuer": "https://evil.example"}, {"authorization_endpoint": None, "issuer": None}],
        ids=["no JSON", "no object", "another issuer", "no addresses"],
    )
    def test_metadata_that_is_none(self, web: Web, provider: OpenIdProvider, metadata: Any) -> None:
        provider.metadata = metadata
        assert "unavailable" in refused(web, LEAVE, 503).alert

    def test_a_provider_that_fails(self, web: Web, provider: OpenIdProvider) -> None:
        address = way_back(web)
        provider.status = 500
        assert "unavailable" in refused(web, LEAVE, 503).alert
        assert "unavailable" in refused(web, address, 503).alert

    def test_a_provider_that_is_down(
        self, web: Web, signing_app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sign_in = replace(signing_app.config["SETTINGS"].sign_in, issuer="http://127.0.0.1:9")
        monkeypatch.setitem(signing_app.config, "SETTINGS", replace(settings, sign_in=sign_in))
        assert "unavailable" in refused(web, LEAVE, 503).alert

    def test_without_a_provider_there_is_no_such_page(self, app: Flask) -> None:
        Web(app).get(LEAVE, 404)
        assert "flask token --console" in Web(app).get("/console/sign-in").find("main").get_text()


class TestLimits:
    def test_attempts_to_sign_in_are_limited(self, app_with: Callable[..., Flask], settings: Settings) -> None:
        limiting = replace(settings.limiting, rates=rate_limits("sign-in=2/minute"))
        web = Web(app_with(limiting=limiting))
        for _ in range(2):
            web.get("/console/sign-in/link/made-up", 401)
        page = web.get("/console/sign-in/link/made-up", 429)
        assert "Too many requests" in page.alert
        assert "Retry-After" in page.response.headers

    def test_pages_of_a_session_do_not_count_against_its_address(
        self, app_with: Callable[..., Flask], settings: Settings, offered: Callable[..., str], admin: Caller
    ) -> None:
        limiting = replace(settings.limiting, rates=rate_limits("address=1/minute"))
        app = app_with(limiting=limiting)
        web = Web(app)
        web.get(offered(), 303)
        for _ in range(3):
            web.get("/console/clients/unknown", 404)
        Web(app).get("/console/clients", 401)
        Web(app).get("/console/clients", 429)
        assert data(admin.get("/v6/clients"))["count"] == 0


def test_sign_ins_that_were_begun_and_left_do_not_pile_up_in_the_cookie(web: Web) -> None:
    ways_back = [way_back(web) for _ in range(9)]
    with web.client.session_transaction("/console") as session:
        assert len([name for name in session if name.startswith("_state_")]) == 4
    # That of another tab is among them.
    web.get(ways_back[-2], 303)
