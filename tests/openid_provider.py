"""An OpenID provider on this machine: discovery, authorization, tokens and keys, over HTTP.

It signs one person in without asking, and refuses what a provider has to refuse: another client, another secret,
another address to return to, a code that was used, and a verifier that does not match the challenge.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from app.clock import utc_now
from tests.identity_provider import key_set, signed

CLIENT_ID, CLIENT_SECRET = "billing-console", "a secret of the client"
Answer = tuple[int, dict[str, str], Any]


class OpenIdProvider:
    """What the provider knows, and the ways in which a test has it go wrong."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        # The claims of the person, and changes of the ID token; None leaves a claim out.
        self.person: dict[str, Any] = {"sub": "7", "email": "ann@harbour.example", "email_verified": True}
        self.changes: dict[str, Any] = {}
        self.key = "new"
        self.metadata: Any = {}
        self.denies = False
        self.status = 200
        # What was asked for, by code.
        self.codes: dict[str, dict[str, str]] = {}

    def answer(self, path: str, query: dict[str, str], form: dict[str, str], authorization: str) -> Answer:
        """The answer to one request."""
        if self.status != 200:
            return self.status, {}, b"not now"
        routes: dict[str, Callable[[], Answer]] = {
            "/.well-known/openid-configuration": self._describe,
            "/jwks": lambda: (200, {}, key_set("new")),
            "/authorize": lambda: self._authorize(query),
            "/token": lambda: self._token(form, authorization),
        }
        return routes[path]()

    def _describe(self) -> Answer:
        known = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        return 200, {}, {**known, **self.metadata} if isinstance(self.metadata, dict) else self.metadata

    def _authorize(self, query: dict[str, str]) -> Answer:
        assert query["client_id"] == CLIENT_ID
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        back = {"state": query["state"]}
        if self.denies:
            back |= {"error": "access_denied", "error_description": "<b>Call 555</b>"}
        else:
            back["code"] = secrets.token_urlsafe(8)
            self.codes[back["code"]] = query
        return 302, {"Location": f"{query['redirect_uri']}?{urlencode(back)}"}, b""

    def _token(self, form: dict[str, str], authorization: str) -> Answer:
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if authorization != f"Basic {expected}":
            return 401, {}, {"error": "invalid_client"}
        asked = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            asked is None
            or asked["redirect_uri"] != form["redirect_uri"]
            or not secrets.compare_digest(asked["code_challenge"], challenge)
        ):
            return 400, {}, {"error": "invalid_grant"}
        now = utc_now()
        claims: dict[str, Any] = {"iss": self.issuer, "aud": CLIENT_ID, "nonce": asked["nonce"], "iat": now}
        claims |= {"exp": now + timedelta(minutes=5), **self.person, **self.changes}
        # What signs adds roles where there are none.
        known: dict[str, Any] = {"roles": [], **{name: value for name, value in claims.items() if value is not None}}
        id_token = signed(self.key, kid="new", **known)
        return 200, {}, {"access_token": "opaque", "token_type": "Bearer", "id_token": id_token}


@contextmanager
def running() -> Iterator[OpenIdProvider]:
    """The provider, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            self._reply(_first(parse_qs(body)))

        def _reply(self, form: dict[str, str]) -> None:
            address = urlsplit(self.path)
            status, headers, body = provider.answer(
                address.path, _first(parse_qs(address.query)), form, self.headers.get("Authorization", "")
            )
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json"}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider = OpenIdProvider(server.server_port)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()


def _first(values: dict[str, list[str]]) -> dict[str, str]:
    return {name: value for name, [value, *_] in values.items()}
