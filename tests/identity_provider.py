"""An identity provider on this machine: its keys, the tokens it signs, and a web server that publishes the keys."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from app.clock import utc_now

ISSUER = "https://auth.example.com/"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
KEYS: dict[str, tuple[PrivateKey, str]] = {
    "old": (rsa.generate_private_key(public_exponent=65537, key_size=2048), "RS256"),
    "new": (rsa.generate_private_key(public_exponent=65537, key_size=2048), "RS256"),
    "curve": (ec.generate_private_key(ec.SECP256R1()), "ES256"),
    "long": (ec.generate_private_key(ec.SECP384R1()), "ES384"),
}


def published(name: str, **changes: Any) -> dict[str, Any]:
    """A key as its provider publishes it."""
    key, _ = KEYS[name]
    if isinstance(key, rsa.RSAPrivateKey):
        public = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        public = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    values = {**public, "kid": name, "use": "sig", **changes}
    values.pop("key_ops", None)
    return {member: value for member, value in values.items() if value is not None}


def key_set(*keys: str | dict[str, Any]) -> dict[str, Any]:
    return {"keys": [published(key) if isinstance(key, str) else key for key in keys]}


def signed(name: str, *, kid: Any = ..., algorithm: str | None = None, **claims: Any) -> str:
    """A token signed with one of the keys."""
    key, usual = KEYS[name]
    values = {"sub": "7", "roles": ["administrator"], "iss": ISSUER, "exp": utc_now() + timedelta(hours=1), **claims}
    headers = {} if kid is None else {"kid": name if kid is ... else kid}
    return jwt.encode(values, key, algorithm or usual, headers)


class Provider:
    """What the server answers with, and how often it was asked."""

    def __init__(self, port: int, answer: Any) -> None:
        self.url = f"http://127.0.0.1:{port}/jwks.json"
        self.answer = answer
        self.status = 200
        self.asked = 0

    def body(self) -> bytes:
        return self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()


@contextmanager
def serving(answer: Any) -> Iterator[Provider]:
    """A provider that publishes `answer`, until the block ends; bytes are published as they are."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.asked += 1
            body = provider.body()
            self.send_response(provider.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider = Provider(server.server_port, answer)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()
