"""A stand-in for Stripe whose refunds take their time or fail, over HTTP: what localstripe never does.

It knows PaymentIntents and refunds, answers a repeated idempotency key as it did first, cancels
intents that are not paid, and does what a test tells it.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit


class SlowGateway:
    """What the gateway knows. `refunds_are` is how it answers the next refunds, and
    `hides_disputes` whether the key may not list disputes."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.refunds_are = "succeeded"
        self.intents: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.disputes: dict[str, dict[str, Any]] = {}
        self.hides_disputes = False
        self.answered: dict[str, dict[str, Any]] = {}
        self.lock = Lock()
        # While it is not set, what is made is not answered.
        self.answering = Event()
        self.answering.set()
        # Is told of what is made, before whoever asked for it is answered.
        self.tells: Callable[[dict[str, Any]], None] | None = None

    def refund(self, intent: str, cents: int, status: str = "succeeded") -> dict[str, Any]:
        """A refund that somebody makes at the gateway itself."""
        with self.lock:
            return self.made("refunds", "re", payment_intent=intent, amount=cents, status=status, metadata={})

    def made(self, kind: str, prefix: str, **values: Any) -> dict[str, Any]:
        """A new object."""
        known: dict[str, dict[str, Any]] = getattr(self, kind)
        name = f"{prefix}_{len(known) + 1}"
        found = {"id": name, "object": kind.removesuffix("s"), "created": 1_900_000_000, "currency": "usd", **values}
        known[name] = found
        return found


class _Handler(BaseHTTPRequestHandler):
    gateway: ClassVar[SlowGateway]
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        form = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
        key = self.headers.get("Idempotency-Key", "")
        with self.gateway.lock:
            if self.path.endswith("/cancel"):
                self._cancel(self.gateway.intents[self.path.split("/")[3]])
                return
            if key not in self.gateway.answered:
                self.gateway.answered[key] = dict(self._make(form))
        if self.gateway.tells is not None:
            self.gateway.tells(self.gateway.answered[key])
        self.gateway.answering.wait(10)
        self._answer(self.gateway.answered[key])

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        _, _, kind, *names = address.path.split("/")
        known = {"refunds": self.gateway.refunds, "disputes": self.gateway.disputes}.get(kind, self.gateway.intents)
        if kind == "disputes" and self.gateway.hides_disputes:
            problem = {"type": "invalid_request_error", "message": "The key may not read disputes."}
            self._answer({"error": problem}, status=403)
            return
        with self.gateway.lock:
            if names:
                self._answer(known[names[0]])
                return
            intent = parse_qs(address.query).get("payment_intent", [None])[0]
            found = [each for each in known.values() if intent in {None, each.get("payment_intent")}]
            self._answer({"object": "list", "data": found[::-1], "has_more": False, "url": address.path})

    def _cancel(self, intent: dict[str, Any]) -> None:
        """Stripe refuses to cancel what is paid or cancelled."""
        if intent["status"] in {"succeeded", "canceled"}:
            problem = {"type": "invalid_request_error", "message": "It cannot be canceled."}
            self._answer({"error": problem}, status=400)
            return
        intent["status"] = "canceled"
        self._answer(intent)

    def _make(self, form: dict[str, str]) -> dict[str, Any]:
        metadata = {name[9:-1]: value for name, value in form.items() if name.startswith("metadata[")}
        amount = int(form["amount"])
        if urlsplit(self.path).path == "/v1/refunds":
            status = self.gateway.refunds_are
            reason = "lost_or_stolen_card" if status == "failed" else None
            return self.gateway.made(
                *("refunds", "re"),
                payment_intent=form["payment_intent"],
                amount=amount,
                status=status,
                failure_reason=reason,
                metadata=metadata,
            )
        return self.gateway.made(
            *("intents", "pi"), amount=amount, status="succeeded", client_secret="secret", metadata=metadata
        )

    def _answer(self, body: dict[str, Any], status: int = 200) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""


@contextmanager
def running() -> Iterator[SlowGateway]:
    """The gateway, while the block runs."""

    class Handler(_Handler):
        """The handler of this gateway."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Handler.gateway = SlowGateway(server.server_port)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Handler.gateway
    server.shutdown()
    thread.join()
    server.server_close()
