"""What the proxy makes of a request before the service sees it, and of the service when it does not answer."""

import gzip
import json
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests import proxy
from tests.edge.conftest import envelope
from tests.edge.wire import Response, Target, read, send
from tests.processes import Service, free_port, until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"
pytestmark = pytest.mark.nginx

POST = "POST /v6/clients HTTP/1.1"


class Upstream(threading.Thread):
    """A service that keeps the heads it is sent and answers with the given bytes, or hangs up for want of any."""

    def __init__(self, answer: bytes) -> None:
        super().__init__(daemon=True)
        self.heads: list[str] = []
        self.answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            got = b""
            while more := connection.recv(65536):
                got += more
                head, end, _ = got.partition(b"\r\n\r\n")
                if end:
                    self.heads.append(head.decode("latin-1"))
                    if not self.answer:
                        return
                    connection.sendall(self.answer)
                    got = b""

    def end(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.join()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    made = Upstream(OK)
    made.start()
    yield made
    made.end()


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="billing-nginx-") as name:
        yield Path(name)


@pytest.fixture
def before(upstream: Upstream, directory: Path) -> Iterator[Target]:
    """The proxy in front of `upstream`."""
    with proxy.running(directory, upstream.port) as nginx:
        yield Target(nginx.port, "a-token")


def after_one(before: Target, upstream: Upstream, request: bytes) -> Response:
    """The response when the service hangs up on a request, on the connection that one before it was answered on."""
    with before.connected() as connection:
        send(connection, before.head("GET / HTTP/1.1"))
        assert read(connection).status == 200
        upstream.answer = b""
        send(connection, request)
        return read(connection)


class TestPassingOn:
    @pytest.mark.parametrize(
        "path",
        [
            "/v6/x/samlp%7Ccorp%2Fann",
            "//v6//clients",
            "/v6/clients/?a=%20&b=+",
            "/v6/%41%2e",
            "/v6/a;b=c",
            "/v6/x%252F",
        ],
    )
    def test_the_address_goes_on_as_it_was_sent(self, before: Target, upstream: Upstream, path: str) -> None:
        assert before.get(path).status == 200
        assert upstream.heads[0].split("\r\n")[0] == f"GET {path} HTTP/1.1"

    def test_the_service_is_told_who_asks(self, before: Target, upstream: Upstream) -> None:
        forged = (
            "X-Forwarded-For: 203.0.113.9",
            "X-Forwarded-Proto: https",
            "X-Request-ID: mine",
            "Idempotency-Key: k",
        )
        before.get("/", *forged)
        lines = upstream.heads[0].split("\r\n")[1:]
        said = dict(line.split(": ", 1) for line in lines)
        # The last address counts with one trusted proxy.
        assert said["X-Forwarded-For"] == "203.0.113.9, 127.0.0.1"
        assert (said["X-Forwarded-Proto"], said["X-Request-ID"], said["Host"]) == ("http", "mine", "here")
        assert (said["Authorization"], said["Idempotency-Key"]) == ("Bearer a-token", "k")
        assert len(said) == len(lines)

    @pytest.mark.parametrize("given", [(), ("X-Request-ID: " + "x" * 129,), ("X-Request-ID: two words",)])
    def test_a_request_without_a_good_id_gets_one(self, before: Target, upstream: Upstream, given: tuple[str]) -> None:
        before.get("/", *given)
        [made] = [line for line in upstream.heads[0].split("\r\n") if line.startswith("X-Request-ID: ")]
        assert len(made.removeprefix("X-Request-ID: ")) == 32

    def test_connections_to_the_service_are_kept(self, before: Target, upstream: Upstream) -> None:
        for _ in range(5):
            before.get("/")
        assert all("connection:" not in head.lower() for head in upstream.heads)

    @pytest.mark.parametrize("line", [POST, "PATCH /v6/clients/1 HTTP/1.1"])
    def test_a_write_that_was_sent_is_never_sent_again(
        self, before: Target, upstream: Upstream, directory: Path, line: str
    ) -> None:
        answer = after_one(before, upstream, before.head(line, "Content-Length: 2") + b"{}")
        assert envelope(answer) == (502, "service_unavailable")
        assert [head.split(" ")[0] for head in upstream.heads] == ["GET", line.split(" ", maxsplit=1)[0]]
        assert "a-token" not in (directory / "access.log").read_text()

    @pytest.mark.parametrize("line", [POST, "PATCH /v6/%41%2Fb?c=%20 HTTP/1.1"])
    def test_a_write_with_a_key_is_sent_once_more(self, before: Target, upstream: Upstream, line: str) -> None:
        request = before.head(line, "Content-Length: 2", "Idempotency-Key: k") + b"{}"
        assert envelope(after_one(before, upstream, request)) == (502, "service_unavailable")
        assert [head.split("\r\n")[0] for head in upstream.heads[1:]] == [line, line]

    def test_a_key_without_a_caller_lets_nothing_be_sent_again(self, before: Target, upstream: Upstream) -> None:
        request = f"{POST}\r\nHost: here\r\nContent-Length: 2\r\nIdempotency-Key: k\r\n\r\n{{}}".encode()
        assert envelope(after_one(before, upstream, request)) == (502, "service_unavailable")
        assert len(upstream.heads) == 2

    def test_a_read_is_sent_again_when_a_kept_connection_breaks(self, before: Target, upstream: Upstream) -> None:
        answer = after_one(before, upstream, before.head("GET / HTTP/1.1"))
        assert envelope(answer) == (502, "service_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert len(upstream.heads) == 3

    def test_long_headers_of_the_service_are_passed_on(self, before: Target, upstream: Upstream) -> None:
        """A list repeats its address in `Link` four times."""
        upstream.answer = OK.replace(b"\r\n\r\n", b"\r\nLink: " + b"x" * 33_000 + b"\r\n\r\n")
        assert len(before.get("/").headers["link"]) == 33_000


class TestSilence:
    def test_a_service_that_is_down_is_said_to_be(self, directory: Path) -> None:
        with proxy.running(directory, free_port()) as nginx:
            answer = Target(nginx.port, "none").get("/v6/clients", "X-Request-ID: lost")
        assert envelope(answer) == (502, "service_unavailable")
        assert answer.headers["x-request-id"] == "lost"
        assert int(answer.headers["retry-after"]) > 0

    def test_a_service_that_does_not_answer_in_time_is_given_up(self, directory: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            changed = [("proxy_read_timeout 65s;", "proxy_read_timeout 1s;")]
            with proxy.running(directory, silent.getsockname()[1], changed=changed) as nginx:
                assert envelope(Target(nginx.port, "none").get("/v6/clients")) == (504, "gateway_timeout")


class TestLimits:
    def test_requests_without_a_token_are_limited_by_address(self, directory: Path, service: Service) -> None:
        raw = b"GET /health/live HTTP/1.1\r\nHost: here\r\n\r\n"

        def several(target: Target) -> list[Response]:
            with target.connected() as connection:
                answers = []
                for _ in range(100):
                    send(connection, raw)
                    answers.append(read(connection))
                return answers

        with proxy.running(directory, service.port) as nginx, ThreadPoolExecutor(8) as pool:
            target = Target(nginx.port, service.token)
            answers = [each for found in pool.map(several, [target] * 8) for each in found]
            refused = [each for each in answers if each.status != 200]
            assert len(answers) - len(refused) >= 200
            assert {envelope(each) for each in refused} == {(429, "rate_limited")}
            assert {each.headers["retry-after"] for each in refused} == {"1"}
            assert target.get("/health/live").status == 200, "callers with a token are the service's to limit"

    def test_requests_at_once_are_limited_by_address(self, directory: Path) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=1000) as silent, ExitStack() as stack:
            nginx = stack.enter_context(proxy.running(directory, silent.getsockname()[1]))
            target = Target(nginx.port, "none")
            for _ in range(256):
                send(stack.enter_context(target.connected()), target.head("GET / HTTP/1.1"))
            answers: list[Response] = []

            def limited() -> bool:
                answers.extend(_now(target))
                return answers != []

            until(limited, "the limit to be reached")
            assert envelope(answers[-1]) == (429, "rate_limited")


def _now(target: Target) -> list[Response]:
    """The response, if it comes at once."""
    try:
        return [target.ask(target.head("GET / HTTP/1.1"), timeout=1)]
    except TimeoutError:
        return []


class TestThroughToTheService:
    @pytest.mark.parametrize(
        "path",
        [
            "/metrics",
            "/metrics/",
            "/%6detrics",
            "/metrics%2F",
            "/x/../metrics",
            "/metrics?a=b",
            "/./metrics",
            "//metrics",
            "///metrics//",
        ],
    )
    def test_metrics_are_not_public(self, front: Target, direct: Target, path: str) -> None:
        assert envelope(front.get(path)) == (404, "not_found")
        assert b"# TYPE billing_" in direct.get("/metrics").body

    def test_ids_with_slashes_reach_the_service(self, front: Target) -> None:
        answer = front.get("/v6/billing-accounts/users/samlp%7Ccorp%2Fann")
        assert (answer.status, json.loads(answer.body)["data"]["count"]) == (200, 0)

    def test_large_answers_are_compressed(self, front: Target) -> None:
        answer = front.get("/openapi.json", "Accept-Encoding: gzip")
        assert answer.headers["content-encoding"] == "gzip"
        assert gzip.decompress(answer.body) == front.get("/openapi.json").body

    def test_a_line_of_the_log_has_the_request_id_and_no_query(self, front: Target, nginx: proxy.Proxy) -> None:
        front.get("/v6/clients?name=Private", "X-Request-ID: find-me")
        until(lambda: "find-me" in nginx.log, "the line to be written")
        [line] = [each for each in nginx.log.splitlines() if "find-me" in each]
        said = json.loads(line)
        assert (said["method"], said["path"], said["status"]) == ("GET", "/v6/clients", 200)
        assert "Private" not in nginx.log
        assert front.token not in nginx.log

    @pytest.mark.parametrize("path", ["/v6/%DF%22%0A", "/v6/\xdf\xff"])
    def test_a_line_of_the_log_is_json_whatever_the_address_decodes_to(
        self, front: Target, nginx: proxy.Proxy, path: str
    ) -> None:
        name = f"bytes-{len(path)}"
        front.sent_raw(front.head(f"GET {path} HTTP/1.1", f"X-Request-ID: {name}"))
        until(lambda: name in nginx.log, "the line to be written")
        [line] = [each for each in nginx.log.splitlines() if name in each]
        assert json.loads(line)["path"] in path


class TestTls:
    @pytest.fixture
    def certificate(self, directory: Path) -> Path:
        """A certificate of the name localhost and its key, signed by themselves, in the proxy's directory."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(key, hashes.SHA256())
        )
        path = directory / "fullchain.pem"
        path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        kinds = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (directory / "privkey.pem").write_bytes(key.private_bytes(*kinds))
        return path

    def test_it_is_terminated_and_nothing_is_answered_without_it(
        self, directory: Path, certificate: Path, upstream: Upstream
    ) -> None:
        port = free_port()
        with proxy.running(directory, upstream.port, tls=port) as nginx:
            secure = Target(port, "a-token")
            context = ssl.create_default_context(cafile=str(certificate))
            with secure.connected() as plain, context.wrap_socket(plain, server_hostname="localhost") as connection:
                send(connection, secure.head("GET /v6/clients HTTP/1.1"))
                answer = read(connection)
            assert answer.status == 200
            assert "max-age" in answer.headers["strict-transport-security"]
            assert "X-Forwarded-Proto: https" in upstream.heads[0]
            assert envelope(Target(nginx.port, "a-token").get("/v6/clients")) == (403, "forbidden")
            assert envelope(secure.get("/v6/clients")) == (400, "invalid_input")
            assert len(upstream.heads) == 1
