"""Events as Stripe sends and signs them."""

import hashlib
import hmac
import json
import time
from typing import Any

from flask import Flask

from tests.caller import Caller

PATH = "/v1/billing/webhooks/stripe/"


class Stripe:
    """Sends events as Stripe does."""

    def __init__(self, app: Flask) -> None:
        self._caller = Caller(app, None)
        self._secret = app.config["SETTINGS"].stripe_webhook_secret

    def sign(self, body: bytes, secret: str | None = None, age: int = 0) -> str:
        """The signature of a body, made so many seconds ago."""
        at = int(time.time()) - age
        signature = hmac.new((secret or self._secret).encode(), b"%d.%s" % (at, body), hashlib.sha256).hexdigest()
        return f"t={at},v1={signature}"

    def send(self, event: Any, **signing: Any) -> Any:
        """The answer to a signed event."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        return self._caller.post(PATH, body, Stripe_Signature=self.sign(body, **signing))

    def send_with(self, signature: str | None, event: Any) -> Any:
        """The answer to an event with this signature."""
        headers = {} if signature is None else {"Stripe_Signature": signature}
        return self._caller.post(PATH, json.dumps(event).encode(), **headers)


def event(kind: str, event_id: str = "evt_1", created: int | None = None, **about: Any) -> dict[str, Any]:
    """An event about an object in US dollars."""
    when = {} if created is None else {"created": created}
    return {"id": event_id, "type": kind, **when, "data": {"object": {"currency": "usd", **about}}}
