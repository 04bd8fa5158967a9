"""The Python of docs/clients-backend.md, run as it stands against a service and against what may happen on the way."""

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from app.auth import permissions
from tests.processes import ROOT, Service, command

PAGE = ROOT / "docs" / "clients-backend.md"
SCOPES = ("read:billing-account", "update:billing-account")
CONSUME = "/v6/billing-accounts/5/consume-amount"
# What a proxy answers instead of the service: a status, or no response, before or after the service heard the request.
Fault = tuple[int, str, dict[str, str]] | str


def failure(status: int, reason: str, **headers: str) -> Fault:
    body = {"success": False, "error": {"code": status, "reason": reason, "message": "Not now"}}
    return status, json.dumps(body), headers


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="billing-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def service(directory: Path) -> Iterator[Service]:
    service = Service(directory)
    code, _, err = command("demo", VAR_DIR=str(directory))
    assert code == 0, err
    yield service
    service.stop()


@pytest.fixture(scope="module")
def token(service: Service, directory: Path) -> str:  # noqa: ARG001 - it has made the secret
    options = [word for scope in SCOPES for word in ("--scope", scope)]
    code, out, err = command("token", "--user", "challenges", *options, VAR_DIR=str(directory))
    assert code == 0, err
    return out.strip()


@pytest.fixture
def proxied(service: Service) -> Iterator[Callable[..., SimpleNamespace]]:
    """Makes a proxy in front of the service that meets the first requests with faults: its port, and what it saw."""
    servers = []

    def make(*faults: Fault) -> SimpleNamespace:
        left, seen = list(faults), []

        class Proxy(BaseHTTPRequestHandler):
            def do_PATCH(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                seen.append(self.headers["Idempotency-Key"])
                fault = left.pop(0) if left else "passed"
                if fault == "lost":
                    return
                if isinstance(fault, tuple):
                    self.answer(*fault)
                    return
                url = f"http://127.0.0.1:{service.port}{self.path}"
                answer = requests.request(self.command, url, headers=dict(self.headers), data=body, timeout=30)
                if fault == "unheard":
                    return
                self.answer(answer.status_code, answer.text, {})

            do_GET = do_DELETE = do_PATCH  # noqa: N815 - the names are http.server's

            def answer(self, status: int, text: str, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
        Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return SimpleNamespace(port=server.server_port, seen=seen)

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


def run(blocks: list[str], port: int, token: str) -> dict[str, Any]:
    """The names that the blocks leave; every `value  # → expected` in them is asserted."""
    code = "\n".join(blocks).replace("127.0.0.1:3000", f"127.0.0.1:{port}")
    code = re.sub(r"^(.+?)  # → (.+)$", r"same(\1, \2)", code, flags=re.MULTILINE)

    def same(actual: Any, expected: Any) -> None:
        assert (actual, type(actual)) == (expected, type(expected))

    names: dict[str, Any] = {"token": token, "requests": requests, "same": same}
    exec(compile(code, str(PAGE), "exec"), names)  # noqa: S102 - the page's own code
    return names


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def call_through(port: int, token: str) -> dict[str, Any]:
    """The names of the page's client, calling `port`, with pauses that do not keep a test waiting."""
    [client] = [block for block in blocks() if "def call(" in block]
    return run([client.replace("0.25 * 2**attempt", "0.001")], port, token)


def spend(names: dict[str, Any], reference: str) -> Any:
    body = {"externalType": "ENGAGEMENT", "externalId": reference, "amount": 10}
    return names["call"]("PATCH", CONSUME, json=body)


def consumed(service: Service, reference: str) -> list[float]:
    lines = service.get("/v6/billing-accounts/5")["consumedAmounts"]
    return [line["amount"] for line in lines if line["externalId"] == reference]


def test_the_page_does_what_it_says(service: Service, token: str) -> None:
    shown = blocks()
    assert sum(block.count("# →") for block in shown) >= 8
    run(shown, service.port, token)


@pytest.mark.parametrize(
    "fault",
    [
        "lost",
        "unheard",
        failure(503, "database_unavailable", **{"Retry-After": "0"}),
        failure(429, "rate_limited", **{"Retry-After": "0"}),
        failure(409, "idempotency_in_progress"),
        failure(408, "request_timeout"),
        (502, "<h1>Bad gateway</h1>", {}),
    ],
)
def test_a_temporary_failure_is_repeated_with_one_key_and_happens_once(
    fault: Fault, service: Service, token: str, proxied: Callable[..., SimpleNamespace], request: pytest.FixtureRequest
) -> None:
    proxy = proxied(fault, fault)
    reference = request.node.name
    spend(call_through(proxy.port, token), reference)
    assert len(proxy.seen) == 3
    assert len(set(proxy.seen)) == 1
    assert consumed(service, reference) == [10]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "insufficient_funds"),
        (402, "insufficient_credits"),
        (409, "conflict"),
        (422, "idempotency_key_reused"),
        (500, "internal_error"),
    ],
)
def test_a_final_failure_is_raised_at_once(
    status: int, reason: str, token: str, proxied: Callable[..., SimpleNamespace]
) -> None:
    proxy = proxied(failure(status, reason))
    names = call_through(proxy.port, token)
    with pytest.raises(names["ServiceError"], match="Not now") as raised:
        spend(names, "never")
    assert (raised.value.status, raised.value.reason) == (status, reason)
    assert len(proxy.seen) == 1


def test_attempts_and_pauses_are_bounded(token: str, proxied: Callable[..., SimpleNamespace]) -> None:
    for fault, attempts in (
        (failure(503, "database_unavailable"), 4),
        (failure(429, "rate_limited", **{"Retry-After": "31"}), 1),
    ):
        proxy = proxied(*[fault] * 9)
        names = call_through(proxy.port, token)
        with pytest.raises(names["ServiceError"]):
            spend(names, "never")
        assert len(proxy.seen) == attempts


def test_a_delete_is_not_repeated(token: str, proxied: Callable[..., SimpleNamespace]) -> None:
    proxy = proxied("unheard")
    names = call_through(proxy.port, token)
    with pytest.raises(requests.RequestException):
        names["call"]("DELETE", "/v6/billing-accounts/5/users/nobody")
    assert proxy.seen == [None]


def test_every_scope_of_the_page_is_one() -> None:
    table = PAGE.read_text().split("## Scopes")[1].split("\n## ")[0]
    named = set(re.findall(r"`([a-z…]+:[\w-]+)`", table))
    assert {scope for scope in named if "…" not in scope} <= set(permissions.SCOPES)
