"""What is refused, and by whom: always in the envelope behind the proxy, and where it can be without it."""

import json
import re

import pytest
import yaml

from app import MAX_BODY_BYTES
from app.errors import Reason
from app.web.requests import MAX_ADDRESS_BYTES
from tests.edge.conftest import envelope
from tests.edge.wire import Target, read, send
from tests.processes import ROOT
from tests.proxy import SHIPPED

pytestmark = pytest.mark.usefixtures("workers")

LIST = "/v6/clients?name="
POST = "POST /v6/clients HTTP/1.1"
JSON = "Content-Type: application/json"
# As the documents count: with the scheme and the host.
ORIGIN = "http://here"
MAX_TOKEN_BYTES = 16 * 1024


def chunked(front: Target, body: bytes) -> bytes:
    return front.head(POST, JSON, "Transfer-Encoding: chunked") + body


@pytest.fixture(params=["direct", "front"])
def either(request: pytest.FixtureRequest) -> Target:
    """gunicorn and the proxy in turn."""
    found: Target = request.getfixturevalue(request.param)
    return found


class TestSizes:
    def test_an_address_of_eight_kilobytes_is_answered(self, either: Target) -> None:
        path = LIST + "x" * (MAX_ADDRESS_BYTES - len(LIST))
        assert len(path) == MAX_ADDRESS_BYTES
        # The application read it: this one is longer than a name may be.
        assert envelope(either.get(path)) == (400, "invalid_input")
        ids = ",".join(f"0199a3f0-0000-7000-8000-{number:012d}" for number in range(120))
        assert either.get(f"/v6/work-period-payments?workPeriodIds={ids}").status == 200

    @pytest.mark.parametrize("extra", [1, 8 * 1024, 9 * 1024])
    def test_a_longer_address_is_refused(self, either: Target, extra: int) -> None:
        path = LIST + "x" * (MAX_ADDRESS_BYTES - len(LIST) + extra)
        assert envelope(either.get(path)) == (414, "uri_too_long")

    def test_an_address_beyond_every_buffer_is_refused(self, front: Target) -> None:
        assert envelope(front.get("/" + "x" * 100_000)) == (414, "uri_too_long")

    def test_a_token_of_sixteen_kilobytes_is_read(self, either: Target) -> None:
        head = Target(either.port, "x" * MAX_TOKEN_BYTES)
        assert envelope(head.get("/v6/clients")) == (401, "unauthorized")

    @pytest.mark.parametrize("size", [MAX_TOKEN_BYTES + 100, 2 * MAX_TOKEN_BYTES, 60_000])
    def test_a_larger_token_is_refused(self, either: Target, size: int) -> None:
        head = Target(either.port, "x" * size)
        assert envelope(head.get("/v6/clients")) == (431, "headers_too_large")

    def test_headers_beyond_every_buffer_are_refused(self, front: Target) -> None:
        many = [f"X-{number}: {'x' * 8000}" for number in range(30)]
        assert envelope(front.get("/v6/clients", *many)) == (431, "headers_too_large")

    @pytest.mark.parametrize("headers", [(), ("Expect: 100-continue",)])
    def test_a_larger_body_is_refused_by_its_length(self, either: Target, headers: tuple[str, ...]) -> None:
        head = either.head(POST, JSON, f"Content-Length: {MAX_BODY_BYTES + 1}", *headers)
        assert envelope(either.ask(head)) == (413, "payload_too_large")

    def test_a_larger_body_in_chunks_is_refused(self, either: Target) -> None:
        chunk = b"100000\r\n%s\r\n" % b"{}".ljust(0x100000)
        assert envelope(either.ask(chunked(either, chunk * 5 + b"0\r\n\r\n"))) == (413, "payload_too_large")

    def test_the_largest_body_is_taken(self, either: Target) -> None:
        body = b"[]".ljust(MAX_BODY_BYTES)
        head = either.head(POST, JSON, f"Content-Length: {len(body)}")
        assert envelope(either.ask(head + body)) == (400, "invalid_input")

    def test_the_proxy_takes_bodies_as_large_as_the_service_does(self) -> None:
        assert f"client_max_body_size {MAX_BODY_BYTES // 2**20}m;" in (SHIPPED / "nginx.conf").read_text()


class TestMalformed:
    @pytest.mark.parametrize(
        "sent",
        [
            b"nonsense\r\n\r\n",
            b"GET /v6/clients HTTP/1.1\r\nHost: here\r\nHost: there\r\n\r\n",
            b"GET /v6/clients HTTP/1.1\r\n\r\n",
            b"GET /v6/clients HTTP/1.1\r\nHost: he re\r\n\r\n",
            b"GET /v6/cli\xc3\xa9nts HTTP/1.1\r\nHost: here\r\n\r\n",
            b"GET /v6/clients?name=\xff HTTP/1.1\r\nHost: here\r\n\r\n",
            b"GET /v6/clients\x01 HTTP/1.1\r\nHost: here\r\n\r\n",
            b"GET /%00 HTTP/1.1\r\nHost: here\r\n\r\n",
            b"GET /../../etc/passwd HTTP/1.1\r\nHost: here\r\n\r\n",
            b"GET /v6/clients HTTP/1.1\r\nHost: here\r\nIdempotency-Key: a\x01b\r\n\r\n",
            b"GET /v6/clients HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer \x7f\r\n\r\n",
            b"POST /v6/clients HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            b"POST /v6/clients HTTP/1.1\r\nHost: here\r\nContent-Length: -5\r\n\r\n",
            b"POST /v6/clients HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        ],
    )
    def test_it_is_refused_in_the_envelope(self, front: Target, sent: bytes) -> None:
        assert envelope(front.ask(sent)) == (400, "invalid_input")

    @pytest.mark.parametrize("method", ["TRACE", "CONNECT", "INVENTED", "A", "M_SEARCH"])
    def test_a_method_nobody_answers_is_refused(self, front: Target, method: str) -> None:
        assert envelope(front.ask(front.head(f"{method} / HTTP/1.1"))) == (405, "method_not_allowed")

    def test_an_unknown_coding_is_refused(self, front: Target) -> None:
        assert envelope(front.ask(front.head(POST, "Transfer-Encoding: rot13"))) == (501, "http_error")

    def test_an_unknown_version_is_refused(self, front: Target) -> None:
        assert envelope(front.ask(front.head("GET / HTTP/3.0"))) == (505, "http_error")

    @pytest.mark.parametrize(
        "chunks",
        [
            b"-5\r\n",
            b"\r\n",
            b"0x5\r\n",
            b"4\r\n{}{}x\r\n0\r\n\r\n",
            b"g\r\n",
            b" 2\r\n{}\r\n0\r\n\r\n",
            b"2\r{}\r\n0\r\n\r\n",
        ],
    )
    def test_chunks_that_are_none_are_refused(self, either: Target, chunks: bytes) -> None:
        assert envelope(either.ask(chunked(either, chunks))) == (400, "invalid_input")

    @pytest.mark.parametrize("size", [b"7FFFFFFFFFFFFFFF", b"8000000000000000", b"F" * 200])
    def test_a_chunk_beyond_every_number_is_refused(self, front: Target, size: bytes) -> None:
        assert envelope(front.ask(chunked(front, size + b"\r\n"))) == (400, "invalid_input")

    @pytest.mark.parametrize("size", [b"7FFFFFFF", b"400001"])
    def test_a_chunk_beyond_the_limit_is_too_large(self, either: Target, size: bytes) -> None:
        sent = chunked(either, size + b"\r\n" + b"{}".ljust(MAX_BODY_BYTES + 1))
        assert envelope(either.ask(sent)) == (413, "payload_too_large")

    @pytest.mark.parametrize("trailer", [b": x", b"Transfer-Encoding: chunked", b"Bad name: x", b"X: \x01"])
    def test_a_trailer_that_is_none_is_the_callers_mistake(self, direct: Target, trailer: bytes) -> None:
        answer = direct.ask(chunked(direct, b"2\r\n{}\r\n0\r\n" + trailer + b"\r\n\r\n"))
        assert envelope(answer) == (400, "invalid_input")


class TestSayings:
    def test_every_reason_is_one_of_ours(self) -> None:
        text = (SHIPPED / "nginx.conf").read_text()
        [block] = re.findall(r"map \$status \$billing_reason \{(.*?)\}", text, re.DOTALL)
        said = dict(re.findall(r"(\S+) (\w+);", block))
        assert set(said.values()) <= {str(reason) for reason in Reason}
        [listed] = re.findall(r"error_page ([\d ]+) /~refused;", text)
        assert set(said) - {"default", "431"} <= set(listed.split())

    def test_every_reason_is_explained(self) -> None:
        page = (ROOT / "docs" / "errors.md").read_text()
        assert [reason for reason in Reason if f"| `{reason}` |" not in page] == []

    def test_it_is_not_kept_and_not_guessed_at(self, front: Target) -> None:
        answer = front.ask(b"nonsense\r\n\r\n")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers or answer.headers["server"] == "nginx"

    def test_the_request_id_of_the_caller_is_kept(self, front: Target) -> None:
        path = "/" + "x" * 100_000
        assert front.get("/v6/clients?name=\x80", "X-Request-ID: mine-1").headers["x-request-id"] == "mine-1"
        assert len(front.get(path, "X-Request-ID: mine-2").headers["x-request-id"]) == 32

    def test_the_manifest_of_kubernetes_says_the_same_sizes(self) -> None:
        manifest = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "ingress.yaml").read_text())
        annotations = manifest["metadata"]["annotations"]
        assert annotations["nginx.ingress.kubernetes.io/proxy-body-size"] == f"{MAX_BODY_BYTES // 2**20}m"


def test_what_follows_a_refused_body_is_no_request(either: Target) -> None:
    """A request that hides in the body of another is never answered."""
    hidden = either.head("GET /v6/clients/hidden HTTP/1.1")
    sent = chunked(either, b"2\r\n{}x\r\n0\r\n\r\n") + hidden
    assert either.sent_raw(sent).count(b"HTTP/1.1 ") == 1


def test_a_request_that_waits_to_be_asked_is_told_once(either: Target) -> None:
    body = b"[]"
    with either.connected() as connection:
        send(connection, either.head(POST, JSON, f"Content-Length: {len(body)}", "Expect: 100-continue"))
        got = b""
        while not got.endswith(b"\r\n\r\n"):
            got += connection.recv(1)
        assert got == b"HTTP/1.1 100 Continue\r\n\r\n"
        send(connection, body)
        assert json.loads(read(connection).body)["error"]["code"] == 400
