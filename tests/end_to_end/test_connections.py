"""What the service makes of bytes as they come: slowly, in pieces, too many, or not at all."""

import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest

from app import MAX_BODY_BYTES, THREADS_PER_WORKER
from cli.serve import GRACEFUL_STOP_SECONDS
from tests.processes import Service, finish, interrupt, until

BODY = b'{"name": "Acme"}'
CHUNKED = b"4\r\n" + BODY[:4] + b"\r\nC;some=extension\r\n" + BODY[4:] + b"\r\n0\r\n"
# Enough to hold all threads of all workers, if they could.
WORKERS = 2
MANY = 3 * WORKERS * THREADS_PER_WORKER
# Far less than any of them would be waited for, far more than an answer takes.
PROMPT_SECONDS = 4


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with tempfile.TemporaryDirectory(prefix="billing-") as directory:
        running = Service(Path(directory), workers=WORKERS)
        yield running
        _, _, err = interrupt(running.process)
        assert "Traceback" not in err


def head(service: Service, *headers: str, line: str = "POST /v6/clients HTTP/1.1") -> bytes:
    more = (f"Authorization: Bearer {service.token}", "Content-Type: application/json", *headers)
    return "\r\n".join([line, "Host: here", *more, "", ""]).encode()


@pytest.fixture
def connect(service: Service) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        yield connection


def received(connection: socket.socket, end: bytes) -> bytes:
    """What comes until `end` does, or until nothing more comes."""
    got = b""
    while end not in got and (more := connection.recv(65536)):
        got += more
    return got


def promptly(service: Service) -> None:
    """Somebody else is answered."""
    begun = time.monotonic()
    for _ in range(5):
        assert service.get("/health/live") == {"status": "ok"}
    assert time.monotonic() - begun < PROMPT_SECONDS


def test_connections_that_come_at_once_are_shared_by_the_workers(service: Service) -> None:
    server = psutil.Process(service.process.pid)

    def taken() -> list[int]:
        return [sum(each.status == "ESTABLISHED" for each in one.net_connections("tcp")) for one in server.children()]

    until(lambda: len(server.children()) == WORKERS, "the workers to be there")
    promptly(service)
    with ExitStack() as opened:
        for _ in range(MANY):
            opened.enter_context(socket.create_connection(("127.0.0.1", service.port)))
        until(lambda: sum(taken()) >= MANY, "all of them to be taken")
        assert min(taken()) >= MANY // 4, taken()


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (f"Content-Length: {len(BODY)}", BODY),
        ("Transfer-Encoding: chunked", CHUNKED + b"\r\n"),
        ("Transfer-Encoding: chunked", CHUNKED + b"X-After: all\r\n\r\n"),
    ],
)
def test_a_request_in_single_bytes_is_answered(
    service: Service, connect: socket.socket, header: str, body: bytes
) -> None:
    connect.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in head(service, header) + body:
        connect.sendall(bytes([byte]))
    assert received(connect, b"Acme").startswith(b"HTTP/1.1 201 ")
    connect.sendall(head(service, line="GET /health/live HTTP/1.1"))
    assert received(connect, b'"ok"').startswith(b"HTTP/1.1 200 "), "the connection is good for another"


def test_requests_sent_ahead_are_answered_in_order(service: Service, connect: socket.socket) -> None:
    post = head(service, f"Content-Length: {len(BODY)}") + BODY
    get = head(service, line="GET /v6/clients/unknown HTTP/1.1")
    connect.sendall(post + get + post[:-5])
    first = received(connect, b'"not_found"')
    assert first.index(b"201 CREATED") < first.index(b"404 NOT FOUND")
    connect.sendall(post[-5:])
    assert b"201 CREATED" in received(connect, b"Acme")


def test_a_client_that_asks_before_it_sends_is_told_once(service: Service, connect: socket.socket) -> None:
    connect.sendall(head(service, f"Content-Length: {len(BODY)}", "Expect: 100-continue"))
    assert received(connect, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    connect.sendall(BODY)
    assert received(connect, b"Acme").startswith(b"HTTP/1.1 201 ")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([f"Content-Length: {MAX_BODY_BYTES + 1}"], 413),
        ([f"Content-Length: {MAX_BODY_BYTES + 1}", "Expect: 100-continue"], 413),
        (["Content-Length: 5", "Content-Length: 6"], 400),
        (["Content-Length: 5", "Transfer-Encoding: chunked"], 400),
        (["Bare: line\nfeed"], 400),
        (["Long: " + "x" * 9000], 431),
    ],
)
def test_what_is_refused_by_its_head_is_refused_at_once(
    service: Service, connect: socket.socket, headers: list[str], status: int
) -> None:
    begun = time.monotonic()
    connect.sendall(head(service, *headers))
    answer = received(connect, b"never")
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert time.monotonic() - begun < PROMPT_SECONDS, "and the connection is closed"


@pytest.mark.parametrize("chunks", [b"-5\r\n", b"4\r\n{}{}x\r\n0\r\n\r\n", b"2\r\n{}\r\n0\r\n: x\r\n\r\n", b"\r\n"])
def test_chunks_that_are_none_are_refused(service: Service, connect: socket.socket, chunks: bytes) -> None:
    connect.sendall(head(service, "Transfer-Encoding: chunked") + chunks)
    assert received(connect, b"never").startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("end", [b"", b"0\r\n\r\n"])
def test_chunks_beyond_the_limit_are_too_large(service: Service, connect: socket.socket, end: bytes) -> None:
    """Even when what is within the limit is sound."""
    chunk = b"100000\r\n%s\r\n" % BODY.ljust(0x100000)
    connect.sendall(
        head(service, "Transfer-Encoding: chunked") + chunk + b"100000\r\n%s\r\n" % (b" " * 0x100000) * 4 + end
    )
    assert received(connect, b"payload_too_large").startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param("", id="nothing"),
        pytest.param("GET /health/live HT", id="half a head"),
        pytest.param("POST /v6/clients HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n{", id="half a body"),
        pytest.param(
            "POST /v6/clients HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{", id="half a chunk"
        ),
        pytest.param("GET /health/live HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n", id="no hanging up"),
    ],
)
def test_clients_that_keep_the_service_waiting_keep_nobody_else(service: Service, sent: str) -> None:
    with ExitStack() as stack:
        for _ in range(MANY):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", service.port)))
            connection.sendall(sent.encode())
        promptly(service)


def test_orphaned_workers_leave_the_port_though_callers_go_on(var_dir: Path) -> None:
    service = Service(var_dir, workers=1)
    caller = HTTPConnection("127.0.0.1", service.port, timeout=20)
    caller.request("GET", "/health/live")
    caller.getresponse().read()
    service.process.send_signal(signal.SIGKILL)
    killed_at = time.monotonic()
    while caller.sock is not None:
        caller.request("GET", "/health/live")
        caller.getresponse().read()
        assert time.monotonic() - killed_at < GRACEFUL_STOP_SECONDS / 2
    finish(service.process)
    assert time.monotonic() - killed_at < GRACEFUL_STOP_SECONDS / 2
