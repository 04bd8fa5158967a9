"""Clients that mean harm keep nobody else waiting behind the proxy, and end no process without it."""

import re
import socket
from contextlib import ExitStack

import pytest

from tests.edge import attack
from tests.edge.attack import ATTACKS, Attack, unanswered
from tests.edge.wire import Target, drain, read, send

pytestmark = pytest.mark.usefixtures("workers")

BODY = b'{"name": 1}'
POST = "POST /v6/clients HTTP/1.1"
JSON = "Content-Type: application/json"


@pytest.mark.parametrize("attacked", ATTACKS, ids=lambda each: each.__name__)
def test_an_ordinary_caller_is_answered_meanwhile(front: Target, attacked: Attack) -> None:
    with attacked(front.port):
        assert unanswered(front, "/v6/clients") == 0


def test_all_of_them_at_once_keep_nobody_waiting(front: Target) -> None:
    with ExitStack() as stack:
        for each in ATTACKS:
            stack.enter_context(each(front.port))
        assert unanswered(front, "/v6/clients") == 0


def test_an_ordinary_caller_would_not_be_answered_without_the_proxy(
    direct: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attack, "PATIENCE_SECONDS", 1)
    with attack.slow_bodies(direct.port):
        assert unanswered(direct, "/v6/clients", asked=2) > 0


@pytest.mark.parametrize("sent", [b"GET /", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\n"])
def test_a_head_without_end_ends_no_process(direct: Target, sent: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(2):
            connection = stack.enter_context(direct.connected())
            send(connection, sent + b"x: y\r\n" * 100_000 if sent.endswith(b"\n") else sent + b"x" * 2_000_000)
        assert unanswered(direct, "/v6/clients") == 0


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (f"Content-Length: {len(BODY)}", BODY),
        ("Transfer-Encoding: chunked", b"4\r\n%s\r\n7;some=extension\r\n%s\r\n0\r\n\r\n" % (BODY[:4], BODY[4:])),
        ("Transfer-Encoding: chunked", b"b\r\n%s\r\n0\r\nX-After: all\r\n\r\n" % BODY),
    ],
)
def test_a_request_in_single_bytes_is_answered(front: Target, header: str, body: bytes) -> None:
    with front.connected() as connection:
        for byte in front.head(POST, JSON, header) + body:
            connection.sendall(bytes([byte]))
        assert b'"name"' in read(connection).body
        send(connection, front.head("GET /health/live HTTP/1.1"))
        assert read(connection).status == 200, "the connection is good for another"


@pytest.mark.parametrize("name", ["direct", "front"])
def test_requests_sent_ahead_are_answered_in_order(request: pytest.FixtureRequest, name: str) -> None:
    target: Target = request.getfixturevalue(name)
    post = target.head(POST, JSON, f"Content-Length: {len(BODY)}") + BODY
    get = target.head("GET /v6/clients/unknown HTTP/1.1")
    last = target.head("GET /health/live HTTP/1.1", "Connection: close")
    with target.connected() as connection:
        send(connection, post + get + post + last)
        got = drain(connection)
    assert re.findall(rb"HTTP/1\.1 (\d{3}) ", got) == [b"400", b"404", b"400", b"200"]


def test_a_caller_with_no_more_to_say_is_answered(front: Target) -> None:
    with front.connected() as connection:
        send(connection, front.head("GET /v6/clients HTTP/1.1"))
        connection.shutdown(socket.SHUT_WR)
        assert read(connection).status == 200
