"""Purchases against a Stripe that runs on this machine."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from flask import Flask

from app.purchases import reconciliation
from tests import slow_gateway
from tests.caller import TEN_YEARS, Caller, data
from tests.factories import purchases
from tests.factories.customers import credits_of, spend
from tests.factories.purchases import packages_for_sale
from tests.slow_gateway import SlowGateway
from tests.stripe_account import KEY, StripePeer, running
from tests.stripe_events import Stripe

WEBHOOK_SECRET = "whsec_a_secret"


@pytest.fixture(scope="session")
def _stripe_process() -> Iterator[StripePeer]:
    with running() as peer:
        yield peer


@pytest.fixture
def stripe_peer(_stripe_process: StripePeer) -> StripePeer:
    """Stripe, with nothing in it."""
    _stripe_process.clear()
    return _stripe_process


@pytest.fixture
def stripe_app(app_with: Callable[..., Flask], stripe_peer: StripePeer) -> Flask:
    """The application with Stripe set up."""
    return app_with(stripe_secret_key=KEY, stripe_webhook_secret=WEBHOOK_SECRET, stripe_api_base=stripe_peer.url)


@pytest.fixture
def packages(customer: Caller) -> dict[str, int]:
    """The ids of the packages for sale, by name."""
    return packages_for_sale(customer)


@pytest.fixture
def buy(customer: Caller) -> Callable[..., Any]:
    """Buys the Starter Pack by bank transfer: `buy()`, `buy("Growth Pack")`."""
    return partial(purchases.buy, customer)


@pytest.fixture
def payer(stripe_app: Flask, customer: Caller, token: Callable[..., str]) -> Caller:  # noqa: ARG001 - its account
    """The customer, calling the application that has Stripe."""
    return Caller(stripe_app, token(roles=(), user="owner", hours=TEN_YEARS))


@pytest.fixture
def staff(stripe_app: Flask, token: Callable[..., str]) -> Caller:
    """An administrator, calling the application that has Stripe."""
    return Caller(stripe_app, token())


@pytest.fixture
def buy_by_card(payer: Caller) -> Callable[..., Any]:
    """Begins a purchase of the Starter Pack by card."""
    return partial(purchases.buy, payer, method="stripe")


@pytest.fixture
def gateway() -> Iterator[SlowGateway]:
    """A gateway whose refunds take their time or fail."""
    with slow_gateway.running() as found:
        yield found


class Bought:
    """A Starter Pack, paid by card at the slow gateway, with what is needed to see what becomes of it."""

    def __init__(self, gateway: SlowGateway, app: Flask, customer: Caller, staff: Caller, payer: Caller) -> None:
        self.gateway, self.app, self.customer, self.staff, self.payer = gateway, app, customer, staff, payer
        payment = purchases.buy(payer, method="stripe")["payment"]
        self.id, self.intent = payment["id"], payment["gateway_reference"]
        self.stripe = Stripe(app)

    def another(self) -> "Bought":
        """Another one, not paid as far as is known here."""
        return Bought(self.gateway, self.app, self.customer, self.staff, self.payer)

    def payment(self) -> Any:
        return data(self.customer.get(f"/v1/billing/payments/{self.id}/"))

    def invoice(self) -> Any:
        return data(self.customer.get(f"/v1/billing/invoices/{self.payment()['invoice_id']}/"))

    def status(self) -> tuple[str, int, str | None]:
        """Where the payment stands, the balance, and where the invoice stands, if there is one."""
        payment = self.payment()
        invoice = payment["invoice_id"] and self.invoice()["status"]
        return payment["status"], credits_of(self.customer), invoice

    def refund(self, terms: Any = None, **headers: str) -> Any:
        body = {"reason": "Not needed", **(terms or {})}
        return self.staff.post(f"/v1/billing/payments/{self.id}/refund/", body, **headers)

    def spend(self, credits: int) -> None:
        spend(self.customer, credits)

    def tell(self, event: Any) -> bool:
        """Send an event; whether it was applied."""
        return bool(data(self.stripe.send(event))["applied"])

    def reconcile(self) -> list[str]:
        with self.app.app_context():
            return [each.outcome for each in reconciliation.reconcile()]


@pytest.fixture
def bought(
    app_with: Callable[..., Flask],
    gateway: SlowGateway,
    customer: Caller,
    token: Callable[..., str],
) -> Bought:
    app = app_with(stripe_secret_key=KEY, stripe_webhook_secret=WEBHOOK_SECRET, stripe_api_base=gateway.url)
    payer = Caller(app, token(roles=(), user="owner", hours=TEN_YEARS))
    made = Bought(gateway, app, customer, Caller(app, token(hours=TEN_YEARS)), payer)
    assert made.reconcile() == ["succeeded"]
    return made
