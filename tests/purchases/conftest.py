"""Purchases against a Stripe that runs on this machine."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from tests.caller import TEN_YEARS, Caller, data
from tests.stripe_account import KEY, StripePeer, running

WEBHOOK_SECRET = "whsec_a_secret"
PACKAGES = "/v1/billing/credit-packages/"


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
    return {package["name"]: package["id"] for package in data(customer.get(PACKAGES))["results"]}


@pytest.fixture
def buy(customer: Caller, packages: dict[str, int]) -> Callable[..., Any]:
    """Buys the Starter Pack by bank transfer: `buy()`, `buy(package="Growth Pack")`."""

    def act(package: str = "Starter Pack", **headers: str) -> Any:
        body = {"payment_method": "manual"}
        return data(customer.post(f"{PACKAGES}{packages[package]}/purchase/", body, **headers), 201)

    return act


@pytest.fixture
def payer(stripe_app: Flask, customer: Caller, token: Callable[..., str]) -> Caller:  # noqa: ARG001 - its account
    """The customer, calling the application that has Stripe."""
    return Caller(stripe_app, token(roles=(), user="owner", hours=TEN_YEARS))


@pytest.fixture
def staff(stripe_app: Flask, token: Callable[..., str]) -> Caller:
    """An administrator, calling the application that has Stripe."""
    return Caller(stripe_app, token())


@pytest.fixture
def buy_by_card(payer: Caller, packages: dict[str, int]) -> Callable[..., Any]:
    """Begins a purchase of the Starter Pack by card."""

    def act(**headers: str) -> Any:
        body = {"payment_method": "stripe"}
        return data(payer.post(f"{PACKAGES}{packages['Starter Pack']}/purchase/", body, **headers), 201)

    return act
