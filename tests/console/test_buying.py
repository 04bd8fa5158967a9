"""Buying on the portal: by bank transfer always, by card where the gateway is set up."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bs4 import Tag
from flask import Flask

from tests import slow_gateway
from tests.caller import Caller, data
from tests.console.conftest import Browsers, Links
from tests.console.web import Form, Page, Web
from tests.factories.customers import Callers, join
from tests.factories.purchases import add_rate
from tests.stripe_account import KEY

OwnerOf = Callable[..., Web]

PAYMENTS = "/v1/billing/payments/"


@pytest.fixture
def owner(browser: Browsers, customer: Caller) -> Web:  # noqa: ARG001 - their account
    """The owner of the customer's account at a browser."""
    return browser(roles=(), user="owner")


@pytest.fixture
def owner_of(
    app_with: Callable[..., Flask],
    offered: Links,
    customer: Caller,  # noqa: ARG001 - their account
) -> Iterator[OwnerOf]:
    """The owner at a browser of the service with a gateway for cards: `owner_of(stripe_publishable_key="pk_1")`."""
    with slow_gateway.running() as gateway:

        def make(**settings: Any) -> Web:
            web = Web(app_with(stripe_secret_key=KEY, stripe_api_base=gateway.url, **settings))
            web.get(offered(roles=(), user="owner"), 303)
            return web

        yield make


def value(page: Page, label: str) -> str:
    """The exact value beside a label."""
    found = page.find("dt", string=label).find_next("data")
    assert isinstance(found, Tag)
    return str(found["value"])


def order_form(web: Web, package: str = "Starter Pack") -> Form:
    [address, *_] = [
        str(link["href"])
        for link in web.get("/portal/buy").html.find_all("a", href=True)
        if link.get_text(strip=True) == f"Buy {package}"
    ]
    return web.get(address).form()


def test_packages_are_shown_with_the_tax_of_this_customer(owner: Web, customer: Caller, admin: Caller) -> None:
    data(customer.patch("/v1/account/settings/", {"billing_country": "IE"}))
    add_rate(admin, "IE", "0.23")
    page = owner.get("/portal/buy")
    assert (value(page, "Price"), value(page, "Tax"), value(page, "Total")) == ("9.00", "2.07", "11.07")


def test_an_order_by_bank_transfer_says_how_to_pay(owner: Web, customer: Caller) -> None:
    page = order_form(owner).submit().follow()
    [payment] = data(customer.get(PAYMENTS))["results"]
    invoice = data(customer.get(f"/v1/billing/invoices/{payment['invoice_id']}/"))
    assert page.title == f"Invoice {invoice['invoice_number']}"
    assert value(page, "Transfer") == invoice["total_amount"] == "9.00"
    text = page.find("main").get_text()
    assert invoice["payment_reference"] in text
    due = page.find("dt", string="By").find_next("time")
    assert isinstance(due, Tag)
    assert due["datetime"] == invoice["due_date"]
    assert f"/portal/payments/{payment['id']}/cancel" in page.links()


def test_an_order_sent_twice_is_one(owner: Web, customer: Caller) -> None:
    form = order_form(owner)
    assert form.submit().response.location == form.submit().response.location
    assert data(customer.get(PAYMENTS))["count"] == 1


def test_a_price_that_changed_meanwhile_is_said_beside_the_new_one(owner: Web, customer: Caller, admin: Caller) -> None:
    data(customer.patch("/v1/account/settings/", {"billing_country": "IE"}))
    add_rate(admin, "DE", "0.19")
    form = order_form(owner)
    add_rate(admin, "IE", "0.23")
    page = form.submit(409)
    assert page.alert == "The total is 11.07, not 9.00"
    assert value(page, "Total") == "11.07"
    assert data(customer.get(PAYMENTS))["count"] == 0
    page.form().submit()
    [payment] = data(customer.get(PAYMENTS))["results"]
    assert payment["amount"] == "11.07"


def test_without_a_known_country_the_page_says_what_to_do(owner: Web, admin: Caller) -> None:
    add_rate(admin, "DE", "0.19")
    form = order_form(owner)
    page = form.submit(409)
    assert "/portal/settings/edit" in page.links()
    assert page.alert


def test_members_buy_only_where_the_account_lets_them(browser: Browsers, customer: Caller, as_caller: Callers) -> None:
    join(customer, as_caller, "ann")
    web = browser(roles=(), user="ann")
    assert "owners and admins" in web.get("/portal/buy").said
    [package, *_] = data(customer.get("/v1/billing/credit-packages/"))["results"]
    assert "members_may_buy" in web.get(f"/portal/buy/{package['id']}").form().submit(403).alert
    data(customer.patch("/v1/account/settings/", {"members_may_buy": True}))
    order_form(web).submit()


def test_a_package_that_is_not_for_sale_has_no_page(owner: Web) -> None:
    owner.get("/portal/buy/999", 404)


class TestByCard:
    @pytest.fixture
    def payer(self, owner_of: OwnerOf) -> Web:
        return owner_of(stripe_publishable_key="pk_test_key")

    def test_the_card_page_alone_may_load_what_is_the_gateways(self, payer: Web, customer: Caller) -> None:
        form = order_form(payer)
        form["payment_method"] = "stripe"
        page = form.submit().follow()
        [payment] = data(customer.get(PAYMENTS))["results"]
        fields = page.find(id="card")
        assert fields["data-publishable-key"] == "pk_test_key"
        assert fields["data-client-secret"] == "secret"
        assert fields["data-done"] == f"/portal/payments/{payment['id']}"
        policy = page.response.headers["Content-Security-Policy"]
        assert "script-src 'self' https://js.stripe.com;" in policy
        assert "frame-src https://js.stripe.com" in policy
        assert "unsafe" not in policy
        assert "stripe" not in payer.get("/portal/payments").response.headers["Content-Security-Policy"]

    def test_the_secret_stays_in_the_browser_that_ordered(
        self, payer: Web, customer: Caller, owner_of: OwnerOf
    ) -> None:
        form = order_form(payer)
        form["payment_method"] = "stripe"
        address = form.submit().response.location
        other = owner_of(stripe_publishable_key="pk_test_key")
        assert "another browser" in other.get(address).said
        assert data(customer.get(PAYMENTS))["results"][0]["status"] == "pending"

    def test_without_a_publishable_key_no_card_is_offered(self, owner_of: OwnerOf) -> None:
        web = owner_of()
        order_form(web)
        options = web.get("/portal/buy/1").find(id="field-payment_method").find_all("option")
        assert [each["value"] for each in options] == ["manual"]
