"""A purchase by card from end to end: gunicorn, Stripe's stand-in, and the event it sends by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import Service, command
from tests.processes import until as wait_until
from tests.stripe_account import KEY, StripePeer, running

WEBHOOK_SECRET = "whsec_end_to_end"


@pytest.fixture
def stripe() -> Iterator[StripePeer]:
    with running() as peer:
        yield peer


@pytest.fixture
def service(var_dir: Path, stripe: StripePeer) -> Iterator[Service]:
    made = Service(var_dir, STRIPE_SECRET_KEY=KEY, STRIPE_WEBHOOK_SECRET=WEBHOOK_SECRET, STRIPE_API_BASE=stripe.url)
    stripe.send_events_to(f"http://127.0.0.1:{made.port}/v1/billing/webhooks/stripe/", WEBHOOK_SECRET)
    yield made
    made.stop()


def test_credits_arrive_with_stripes_event(service: Service, stripe: StripePeer, var_dir: Path) -> None:
    def said(*words: str) -> str:
        code, out, err = command(*words, VAR_DIR=str(var_dir))
        assert (code, err) == (0, "")
        return out.strip()

    service.token = said("token", "--user", "owner")
    status, account = service.call("POST", "/v1/account/", {"name": "Harbour Studio"})
    assert (status, account["credit_balance"]) == (201, 100)
    package = service.get("/v1/billing/credit-packages/")["results"][0]
    path = f"/v1/billing/credit-packages/{package['id']}/purchase/"
    status, bought = service.call("POST", path, {"payment_method": "stripe"})
    assert status == 201, bought
    stripe.pay(bought["payment"]["gateway_reference"])
    wait_until(lambda: service.get("/v1/billing/credits/balance/")["credits"] == 600, "Stripe's event to arrive")
    assert service.get("/v1/billing/payments/")["results"][0]["status"] == "succeeded"
    assert said("ledger", "verify").splitlines()[-1] == "Every stored total equals its rows."
