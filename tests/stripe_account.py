"""A Stripe that runs on this machine: localstripe, which speaks Stripe's wire protocol, as a process of its own.

python -m tests.stripe_account PORT
"""

import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import requests

from tests.processes import finish, free_port, start, until

KEY = "sk_test_a_key"


class StripePeer:
    """What payers and Stripe's own pages do at Stripe."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def call(self, method: str, path: str, **values: Any) -> Any:
        """Stripe's answer to one request."""
        answer = requests.request(method, self.url + path, auth=(KEY, ""), data=values, timeout=10)
        return answer.json() if answer.content else None

    def intents(self) -> list[dict[str, Any]]:
        """All PaymentIntents."""
        found: list[dict[str, Any]] = self.call("GET", "/v1/payment_intents")["data"]
        return found

    def refunds(self) -> list[dict[str, Any]]:
        """All refunds."""
        found: list[dict[str, Any]] = self.call("GET", "/v1/refunds")["data"]
        return found

    def pay(self, intent_id: str, card: str = "4242424242424242") -> Any:
        """Confirm an intent with a card; the intent, or the error."""
        details = {"card[number]": card, "card[exp_month]": "12", "card[exp_year]": "2099", "card[cvc]": "123"}
        method = self.call("POST", "/v1/payment_methods", type="card", **details)
        self.call("POST", f"/v1/payment_intents/{intent_id}", payment_method=method["id"])
        return self.call("POST", f"/v1/payment_intents/{intent_id}/confirm")

    def send_events_to(self, url: str, secret: str) -> None:
        """Send every event from here on."""
        self.call("POST", "/_config/webhooks/service", url=url, secret=secret)

    @contextmanager
    def without_funds(self) -> Iterator[None]:
        """Refuse refunds while the block runs."""
        self.call("POST", "/_config/funds?there=no")
        try:
            yield
        finally:
            self.call("POST", "/_config/funds?there=yes")

    def clear(self) -> None:
        """Forget everything."""
        self.call("DELETE", "/_config/data")


@contextmanager
def running() -> Iterator[StripePeer]:
    """Stripe, while the block runs."""
    port = free_port()
    process = start(sys.executable, "-m", "tests.stripe_account", str(port))

    def answers() -> bool:
        with closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        until(answers, "localstripe to listen")
        yield StripePeer(port)
    finally:
        process.terminate()
        finish(process)


def _serve(port: int) -> None:
    """Serve on the loopback interface; the package's own command listens on all."""
    from aiohttp import web  # noqa: PLC0415 - needed in this process only
    from localstripe.resources import Store  # noqa: PLC0415
    from localstripe.server import app  # noqa: PLC0415

    # It would write to a file that all copies on this machine share.
    Store.dump_to_disk = lambda _: None
    answered: dict[str, tuple[int, Any]] = {}
    funds = {"there": True}

    @web.middleware
    async def repeat(request: web.Request, handler: Any) -> Any:
        """Answer a key as it was answered first, refusals too: Stripe does, and the package knows of no keys."""
        key = request.headers.get("Idempotency-Key")
        if key is None or request.method != "POST":
            return await handler(request)
        if key not in answered:
            answer = await handler(request)
            answered[key] = (answer.status, answer.body)
        status, body = answered[key]
        return web.Response(status=status, body=body, content_type="application/json")

    @web.middleware
    async def refuse(request: web.Request, handler: Any) -> Any:
        """Refund nothing while there are no funds, which the package always has."""
        if request.path == "/_config/funds":
            funds["there"] = request.query["there"] == "yes"
            return web.json_response({})
        if request.path == "/v1/refunds" and request.method == "POST" and not funds["there"]:
            problem = {"type": "invalid_request_error", "message": "Insufficient funds in your Stripe balance."}
            return web.json_response({"error": problem}, status=400)
        return await handler(request)

    app.middlewares[:0] = [repeat, refuse]
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
