"""Limits of requests: who is counted, what is not, and what the refusal says."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.config import Limiting
from app.config.rates import DEFAULT_RATE_LIMITS, rate_limits
from tests.caller import ACCOUNTS, Caller, data

STRANGER = {"REMOTE_ADDR": "203.0.113.9"}


@pytest.fixture
def limited(app_with: Callable[..., Flask]) -> Callable[[str], Flask]:
    """Makes the application with these limits."""
    return lambda text: app_with(limiting=Limiting(rates=rate_limits(text), storage_url=None))


def statuses(client: FlaskClient, path: str, times: int, **options: Any) -> list[int]:
    return [client.get(path, **options).status_code for _ in range(times)]


class TestAddresses:
    def test_requests_without_a_token_are_limited(self, limited: Callable[[str], Flask]) -> None:
        client = limited("address=3/hour").test_client()
        assert statuses(client, ACCOUNTS, 3) == [401] * 3
        refused = client.get(ACCOUNTS)
        assert refused.status_code == 429
        assert refused.json is not None
        assert refused.json["error"]["reason"] == "rate_limited"
        assert refused.json["error"]["details"] == {"limit": "address", "requests": 3, "seconds": 3600}
        assert refused.headers["RateLimit-Policy"] == '"address";q=3;w=3600'
        assert refused.headers["RateLimit"].startswith('"address";r=0;t=')
        assert 0 < int(refused.headers["Retry-After"]) <= 3600

    @pytest.mark.parametrize(
        "request_of",
        [
            {"path": ACCOUNTS, "headers": {"Authorization": "Bearer no.token.this"}},
            {"path": "/v6/nothing/here"},
            {"path": ACCOUNTS, "method": "PUT"},
            {"path": "/v1/billing/webhooks/stripe/", "method": "POST", "json": {}},
        ],
        ids=["invalid token", "unknown route", "wrong method", "unsigned event"],
    )
    def test_every_refusal_of_a_stranger_counts(
        self, limited: Callable[[str], Flask], request_of: dict[str, Any]
    ) -> None:
        client = limited("address=2/hour").test_client()
        first = [client.open(**request_of).status_code for _ in range(2)]
        assert 429 not in first
        assert client.open(**request_of).status_code == 429

    def test_a_valid_token_passes_from_an_exhausted_address(
        self, limited: Callable[[str], Flask], token: Callable[..., str]
    ) -> None:
        app = limited("address=1/hour")
        assert statuses(app.test_client(), ACCOUNTS, 2) == [401, 429]
        assert Caller(app, token()).get(ACCOUNTS).status_code == 200
        assert Caller(app, token()).get("/v6/nothing/here").status_code == 404

    def test_other_addresses_are_counted_apart(self, limited: Callable[[str], Flask]) -> None:
        client = limited("address=1/hour").test_client()
        assert statuses(client, ACCOUNTS, 2) == [401, 429]
        assert statuses(client, ACCOUNTS, 2, environ_base=STRANGER) == [401, 429]

    def test_an_ipv6_network_is_one_address(self, limited: Callable[[str], Flask]) -> None:
        client = limited("address=2/hour").test_client()
        answers = [
            client.get(ACCOUNTS, environ_base={"REMOTE_ADDR": f"2001:db8::{number}"}).status_code
            for number in range(1, 4)
        ]
        assert answers == [401, 401, 429]
        assert client.get(ACCOUNTS, environ_base={"REMOTE_ADDR": "2001:db8:0:1::1"}).status_code == 401
        mapped = [
            client.get(ACCOUNTS, environ_base={"REMOTE_ADDR": f"::ffff:192.0.2.{number}"}).status_code
            for number in range(1, 4)
        ]
        assert mapped == [401] * 3

    @pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics", "/docs", "/openapi.json"])
    def test_what_needs_no_token_is_not_limited(self, limited: Callable[[str], Flask], path: str) -> None:
        client = limited("address=1/hour").test_client()
        assert statuses(client, path, 3) == [200] * 3

    def test_retrying_after_the_time_named_is_admitted(self, limited: Callable[[str], Flask]) -> None:
        client = limited("address=1/2 seconds").test_client()
        assert client.get(ACCOUNTS).status_code == 401
        refused = client.get(ACCOUNTS)
        assert refused.status_code == 429
        time.sleep(int(refused.headers["Retry-After"]))
        assert client.get(ACCOUNTS).status_code == 401


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("off", {}),
        (
            "caller=500/second, pdf=off,query=off,export=off",
            {"caller": "500 per 1 second", "address": "100 per 5 second", "sign-in": "30 per 1 minute"},
        ),
        ("address=7/2 minutes,sign-in=off,query=off,pdf=off,export=off", {"address": "7 per 2 minute"}),
    ],
)
def test_limits_change_the_defaults_by_name(text: str, limits: dict[str, str]) -> None:
    assert {name: str(rate) for name, rate in rate_limits(text).items()} == limits


class TestCallers:
    def test_nobody_with_a_token_is_limited_by_default(self) -> None:
        assert "caller" not in DEFAULT_RATE_LIMITS
        assert set(DEFAULT_RATE_LIMITS) == {"address", "sign-in", "pdf", "query", "export"}

    def test_a_caller_is_limited_whatever_their_address(
        self, limited: Callable[[str], Flask], token: Callable[..., str]
    ) -> None:
        app = limited("caller=2/hour")
        noisy, other = Caller(app, token(user="noisy")), Caller(app, token(user="other"))
        again = Caller(app, token(user="noisy"))
        assert [noisy.get(ACCOUNTS).status_code for _ in range(2)] == [200, 200]
        assert again.get(ACCOUNTS).status_code == 429
        assert other.get(ACCOUNTS).status_code == 200
        assert noisy.post(ACCOUNTS, {}).status_code == 429

    def test_what_is_left_is_said(self, limited: Callable[[str], Flask], token: Callable[..., str]) -> None:
        caller = Caller(limited("caller=2/hour"), token())
        response = caller.get(ACCOUNTS)
        assert response.headers["RateLimit-Policy"] == '"caller";q=2;w=3600'
        assert response.headers["RateLimit"].startswith('"caller";r=1;t=')
        assert "Retry-After" not in response.headers

    def test_a_refused_write_changes_nothing_and_keeps_its_key_free(
        self, limited: Callable[[str], Flask], app: Flask, token: Callable[..., str]
    ) -> None:
        caller = Caller(limited("caller=1/hour"), token())
        caller.get(ACCOUNTS)
        assert caller.post("/v6/clients", {"name": "Acme"}, Idempotency_Key="once").status_code == 429
        assert data(Caller(app, token()).get("/v6/clients"))["count"] == 0
        done = Caller(app, token()).post("/v6/clients", {"name": "Acme"}, Idempotency_Key="once")
        assert (done.status_code, "Idempotency-Replayed" in done.headers) == (201, False)

    def test_paying_by_query_has_a_limit_of_its_own(
        self, limited: Callable[[str], Flask], token: Callable[..., str]
    ) -> None:
        caller = Caller(limited("query=1/hour"), token())
        body = {"query": {"projectId": 1}}
        path = "/v6/work-period-payments/query"
        assert [caller.post(path, body).status_code for _ in range(2)] == [200, 429]
        assert caller.get(ACCOUNTS).status_code == 200

    def test_invoices_as_pdf_have_a_limit_of_their_own(
        self, limited: Callable[[str], Flask], token: Callable[..., str]
    ) -> None:
        caller = Caller(limited("pdf=1/hour"), token())
        path = "/v1/billing/invoices/1/pdf/"
        first, second = caller.get(path), caller.get(path)
        assert first.status_code != 429
        assert second.status_code == 429


def test_a_storage_that_does_not_answer_leaves_each_process_counting(
    app_with: Callable[..., Flask], capfd: pytest.CaptureFixture[str]
) -> None:
    limiting = Limiting(rates=rate_limits("address=2/hour"), storage_url="redis://127.0.0.1:1/0")
    assert statuses(app_with(limiting=limiting).test_client(), ACCOUNTS, 3) == [401, 401, 429]
    assert "rate limits is unavailable" in capfd.readouterr().err
