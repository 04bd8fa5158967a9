"""Calling the service as its users do."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson
from flask import Flask
from werkzeug.test import TestResponse

from app.web.json import parse
from tests.described import undescribed

ACCOUNTS = "/v6/billing-accounts"
# The life of a token in hours, for tests that move the clock.
TEN_YEARS = 10 * 365 * 24
# A number of a response: what has no point is read as an integer.
Amount = Decimal | int
# What the fixture `open_account` yields.
Open = Callable[..., int]


class Caller:
    """Somebody with a token. Answers are checked to be in the envelope, and to be those the document describes."""

    def __init__(self, app: Flask, token: str | None) -> None:
        self._client = app.test_client()
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """The answer to one request; header names are written with underscores."""
        answer = self._open(method, path, body, headers, buffered=True)
        if answer.is_json and answer.get_data():
            surprise = undescribed(method, path.partition("?")[0], answer.status_code, answer.get_data())
            assert surprise is None, surprise
        return answer

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """As `call`, without a look at what is answered: a stream is still to be read, and closed."""
        return self._open(method, path, body, headers, buffered=False)

    def _open(self, method: str, path: str, body: Any, headers: dict[str, str], *, buffered: bool) -> TestResponse:
        sent = {**self._headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        options: dict[str, Any] = {}
        if body is not None:
            options = {"data": body if isinstance(body, bytes) else orjson.dumps(body, _exact)}
            sent.setdefault("Content-Type", "application/json")
        return self._client.open(path, method=method, headers=sent, buffered=buffered, **options)

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any, **headers: str) -> TestResponse:
        return self.call("POST", path, body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> TestResponse:
        return self.call("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> TestResponse:
        return self.call("DELETE", path, **headers)


def _exact(value: Any) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(type(value).__name__)


def data(answer: TestResponse, status: int = 200) -> Any:
    """What a success carries; fails the test for any other answer."""
    body = parse(answer.get_data())
    assert answer.status_code == status, body
    assert body.keys() == {"success", "data"}
    assert body["success"] is True
    return body["data"]


def error(answer: TestResponse, status: int, reason: str | None = None) -> Any:
    """The error of a failure; fails the test for any other answer."""
    body = parse(answer.get_data())
    assert answer.status_code == status, body
    assert body.keys() == {"success", "error"}
    assert body["success"] is False
    assert body["error"]["code"] == status
    assert reason is None or body["error"]["reason"] == reason, body
    return body["error"]
