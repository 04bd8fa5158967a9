"""Whose request it is, with and without proxies in front."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask, request

from app.config import Settings
from tests.logged import logged

FORGED = "203.0.113.9"
CLIENT = "198.51.100.7"
PROXY = "192.0.2.1"


@pytest.fixture
def behind(settings: Settings, app_with: Callable[..., Flask]) -> Callable[..., Any]:
    """The client address that is logged: `behind(1, X_Forwarded_For="…")`."""

    def call(hops: int, **headers: str) -> str:
        with logged() as log:
            app = app_with(serving=replace(settings.serving, trusted_proxy_hops=hops), log_level="INFO")
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            app.test_client().get("/health/live", headers=given)
            [line] = log.lines()
        client: str = line["client"]
        return client

    return call


class TestClientAddress:
    def test_without_proxies_nobody_can_claim_another_address(self, behind: Any) -> None:
        forwarded = {"X_Forwarded_For": FORGED, "X_Real_Ip": FORGED, "Forwarded": f"for={FORGED}"}
        assert behind(0, **forwarded) == "127.0.0.1"

    @pytest.mark.parametrize("sent", [CLIENT, f"{FORGED}, {CLIENT}", f"{FORGED},10.0.0.1 , {CLIENT}"])
    def test_behind_one_proxy_it_is_what_that_proxy_saw(self, behind: Any, sent: str) -> None:
        assert behind(1, X_Forwarded_For=sent) == CLIENT

    def test_behind_two_proxies_it_is_what_the_first_of_them_saw(self, behind: Any) -> None:
        assert behind(2, X_Forwarded_For=f"{FORGED}, {CLIENT}, {PROXY}") == CLIENT

    @pytest.mark.parametrize("headers", [{}, {"X_Forwarded_For": CLIENT}])
    def test_past_the_proxies_it_is_who_connected(self, behind: Any, headers: dict[str, str]) -> None:
        assert behind(2, **headers) == "127.0.0.1"


class TestScheme:
    @pytest.mark.parametrize(("hops", "scheme"), [(0, "http"), (1, "https")])
    def test_it_is_the_proxys_where_one_is_trusted(
        self, settings: Settings, app_with: Callable[..., Flask], hops: int, scheme: str
    ) -> None:
        app = app_with(serving=replace(settings.serving, trusted_proxy_hops=hops))
        seen: list[str] = []
        app.before_request(lambda: seen.append(request.host_url))
        app.test_client().get(
            "/health/live", headers={"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
        )
        assert seen == [f"{scheme}://localhost/"]

    def test_links_in_the_document_need_no_host(self, app_with: Callable[..., Flask]) -> None:
        """A host that a caller makes up leads nobody away."""
        client = app_with().test_client()
        headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
        assert client.get("/openapi.json", headers=headers).get_json()["servers"] == [{"url": "/"}]
        for page in ("/docs", "/docs/", "/v6/billing-accounts/api-docs"):
            answer = client.get(page, headers=headers)
            assert answer.status_code == 200
            assert "evil.example" not in answer.get_data(as_text=True) + str(answer.headers)
