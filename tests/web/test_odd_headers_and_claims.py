"""Header values and claims of every odd type are refused or passed over: none is a failure of the service."""

import base64
import json
import random
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from flask import Flask

from app.config import Settings
from app.web.json import parse
from tests.caller import Caller, error
from tests.processes import free_port

HEADERS = [
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Access-Control-Request-Headers",
    "Access-Control-Request-Method",
    "Authorization",
    "Baggage",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "Cookie",
    "Date",
    "Expect",
    "Forwarded",
    "Host",
    "Idempotency-Key",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Origin",
    "Range",
    "Referer",
    "Stripe-Signature",
    "Traceparent",
    "Tracestate",
    "Transfer-Encoding",
    "User-Agent",
    "X-Account-Id",
    "X-Change-Reason",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-HTTP-Method-Override",
    "X-Request-ID",
]
VALUES = [
    "",
    " ",
    ",",
    ";",
    "=",
    "*",
    '"',
    "\xe9",
    "\xff\xfe",
    "\x7f",
    "\x80abc",
    "%",
    "%00",
    "%FF",
    "-1",
    "0",
    "1e400",
    "9" * 4300,
    "9" * 5000,
    "x" * 16_000,
    "a,b;c=d",
    "t=1,v1=\xe9",
    "t=\xb2,v1=1",
    "t=,v1=",
    "t=1,t=2,v1=a,v1=b",
    "t=" + "9" * 5000 + ",v1=1",
    "t=1e5,v1=00",
    "t=99999999999999999999,v1=00",
    "Bearer",
    "Bearer \xe9.\xe9.\xe9",
    "Bearer a.b.c",
    "Bearer ..",
    "Bearer e30.e30.",
    "Bearer " + "x" * 20_000,
    "Basic \xe9",
    "bytes=0-,1-,2-",
    "bytes=" + "9" * 5000 + "-",
    "bytes=-\xb2",
    "application/json; charset=\xe9",
    "application/json; charset=no-such",
    'application/json; charset="utf-8',
    "application/json; charset*=utf-8''%FF",
    "multipart/form-data",
    "text/html;q=x, */*;q=1e400",
    "gzip, deflate, br;q=\xb2",
    "chunked",
    "00-" + "0" * 32 + "-" + "0" * 16 + "-01",
    "00-\xe9-\xe9-\xe9",
    "null",
    "http://[::1",
    "http://[::1]:99999",
    "[::1",
    "::ffff:127.0.0.1, \xe9",
    "127.0.0.1:99999999",
    "Thu, 32 Foo 99999 25:61:61 GMT",
    'W/"\xe9", "',
    "a=b; c=\xe9; \x7f",
]
REQUESTS = [
    ("GET", "/v6/clients", None),
    ("POST", "/v6/clients", b'{"name": "x"}'),
    ("GET", "/v1/account/settings/", None),
    ("POST", "/v1/billing/webhooks/stripe/", b'{"id": "evt_1"}'),
    ("GET", "/docs/assets/swagger-ui.css", None),
    ("GET", "/", None),
    ("GET", "/nowhere", None),
    ("OPTIONS", "/v6/clients", None),
    ("POST", "/v6/work-period-payments/bulk", b"[{}]"),
]
SEED = 13

CLAIMS = ["sub", "userId", "user_id", "azp", "client_id", "handle", "nickname", "email", "email_verified", "given_name"]
CLAIMS += [
    "last_name",
    "account_id",
    "roles",
    "role",
    "scope",
    "scopes",
    "iss",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "gty",
]
CLAIMS += ["gty", "https://example.com/roles", "https://example.com/userId"]
CLAIMS += ["https://example.com/email_verified", "/", ""]
ODD: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1.5,
    float("inf"),
    float("-inf"),
    float("nan"),
    10**18,
    10**400,
    "",
    " ",
    "\x00",
    "\u200b",
    "a\u202eb",
    "é",
    "\ud800",
    "x" * 5000,
    [],
    [[]],
    [None],
    ["administrator", 1, {}],
    {},
    {"a": 1},
    {"administrator": True},
    "2025-01-01",
    "1e400",
    "9" * 5000,
]


@pytest.fixture
def taking_cards(app_with: Callable[..., Flask]) -> Flask:
    """The application behind proxies, open to browsers, with a key for events of Stripe."""
    return app_with(stripe_webhook_secret="whsec_x", cors_origins=("https://admin.example.com",))


class TestHeaders:
    @pytest.mark.parametrize("name", HEADERS)
    def test_no_value_crashes_the_service(self, taking_cards: Flask, token: Callable[..., str], name: str) -> None:
        client, bearer = taking_cards.test_client(), f"Bearer {token()}"
        variable = name.upper().replace("-", "_")
        key = variable if name in {"Content-Length", "Content-Type"} else f"HTTP_{variable}"
        for method, path, body in REQUESTS:
            for value in VALUES:
                environ = {"HTTP_AUTHORIZATION": bearer, key: value}
                answer = client.open(
                    path, method=method, data=body, content_type="application/json", environ_overrides=environ
                )
                assert answer.status_code < 500, (method, path, name, value)
                answer.close()

    def test_no_mixture_of_them_does(self, taking_cards: Flask, token: Callable[..., str]) -> None:
        client, dice = taking_cards.test_client(), random.Random(SEED)
        bearer = f"Bearer {token()}"
        for _ in range(600):
            method, path, body = dice.choice(REQUESTS)
            headers = {
                f"HTTP_{name.upper().replace('-', '_')}": dice.choice(VALUES)
                for name in dice.sample(HEADERS, 5)
                if name not in {"Content-Length", "Content-Type"}
            }
            environ = {"HTTP_AUTHORIZATION": bearer, **headers}
            answer = client.open(
                path, method=method, data=body, content_type="application/json", environ_overrides=environ
            )
            assert answer.status_code < 500, (method, path, headers)
            answer.close()


class TestClaims:
    @pytest.mark.parametrize("claim", CLAIMS)
    def test_no_type_crashes_the_service(self, app: Flask, settings: Settings, claim: str) -> None:
        for value in ODD:
            self._try(app, settings, {claim: value})

    def test_no_mixture_of_them_does(self, app: Flask, settings: Settings) -> None:
        dice = random.Random(SEED)
        for _ in range(300):
            self._try(app, settings, {name: dice.choice(ODD) for name in dice.sample(CLAIMS, 6)})

    @staticmethod
    def _try(app: Flask, settings: Settings, odd: dict[str, Any]) -> None:
        claims = {"sub": "ann", "roles": ["administrator"], "exp": 4_000_000_000, **odd}
        # Signed as bytes: the library's own way refuses to make some of them.
        token = jwt.PyJWS().encode(json.dumps(claims).encode(), settings.auth_secrets[0], algorithm="HS256")
        caller = Caller(app, token)
        for method, path, body in (
            ("GET", "/v6/clients", None),
            ("GET", "/v1/billing/credits/balance/", None),
            ("POST", "/v1/account/", {"name": ""}),
            ("GET", "/nowhere", None),
        ):
            answer = caller.call(method, path, body)
            assert answer.status_code < 500, (odd, parse(answer.get_data()))

    @pytest.mark.parametrize("claim", ["sub", "email"])
    @pytest.mark.parametrize("text", ["a\u200bb", "a\nb", "a\u202eb"])
    def test_an_identifier_that_is_partly_invisible_is_refused(
        self, as_caller: Callable[..., Caller], claim: str, text: str
    ) -> None:
        odd = {"user" if claim == "sub" else claim: text}
        refused = error(as_caller(roles=("administrator",), **odd).get("/v6/clients"), 401, "unauthorized")
        assert "zero-width" in refused["message"]


class TestUnavailableIdentityProvider:
    def test_an_unknown_address_is_still_not_found(self, app_with: Callable[..., Flask]) -> None:
        app = app_with(auth_jwks_url=f"http://127.0.0.1:{free_port()}/keys", valid_issuers=("https://issuer.example/",))
        header, claims = (
            base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
            for part in ({"alg": "RS256", "kid": "k"}, {"sub": "ann"})
        )
        caller = Caller(app, f"{header}.{claims}.c2lnbmF0dXJl")
        error(caller.get("/v6/clients"), 503, "identity_provider_unavailable")
        error(caller.get("/nowhere"), 404, "not_found")
