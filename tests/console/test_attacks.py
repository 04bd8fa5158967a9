"""Forms and links that are not sent as the pages made them."""

from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import event

from app.clients.models import Client
from app.db.base import db
from app.db.transaction import transaction
from tests.caller import ACCOUNTS, Caller, data
from tests.console.conftest import Browsers, Links
from tests.console.web import Page, Web
from tests.factories.customers import Callers, accept, invite, open_customer

CLIENTS, TEAM = "/v6/clients", "/v1/account/team/"


@pytest.fixture
def owner(browser: Browsers, customer: Caller) -> Web:  # noqa: ARG001 - their account
    """The owner of the customer's account at a browser."""
    return browser(roles=(), user="owner", email="owner@harbour.example")


def add_client(app: Flask, client_id: str) -> None:
    """A client as an import brings it, with the id that it had."""
    with app.app_context(), transaction():
        db.session.add(Client(id=client_id, name=f"Client {client_id}"))


def link_to(page: Page, part: str, identifier: str) -> str:
    """The link of a page whose last segment, after `part`, is an identifier."""
    [link] = [each for each in page.links() if each.endswith(f"{part}/{quote(identifier, safe='')}")]
    return link


class TestForms:
    def test_a_get_with_a_body_confirms_nothing(self, owner: Web, customer: Caller) -> None:
        """Its address is that of the form, but no token of the session is asked for."""
        invited = invite(customer, "kim@harbour.example")
        answer = owner.client.get(
            f"/portal/team/{invited['id']}/remove", data={"confirmed": "yes", "key": "k"}, buffered=True
        )
        assert answer.status_code == 200
        assert "kim@harbour.example" in [each["email"] for each in data(customer.get(TEAM))["results"]]

    @pytest.mark.parametrize("name", ["key", "etag"])
    def test_a_line_break_in_a_hidden_field_is_refused(self, browser: Browsers, admin: Caller, name: str) -> None:
        web = browser()
        entries = {**web.get("/console/clients/new").form().entries, "name": "Acme", name: 'a"\r\nX-Account-Id: 7'}
        web.send("/console/clients/new", entries, 400)
        assert data(admin.get(CLIENTS))["count"] == 0

    def test_a_form_is_about_the_account_that_it_was_made_for(
        self, owner: Web, customer: Caller, customer_id: int, as_caller: Callers
    ) -> None:
        other = as_caller(user="quay", email="quay@quay.example")
        other_id = open_customer(other, "Quay Works")["id"]
        accept(customer, invite(other, "owner@harbour.example", "admin")["id"])
        choices = {
            each: owner.get("/portal/accounts").form(f"Open {each}") for each in ("Harbour Studio", "Quay Works")
        }
        choices["Harbour Studio"].submit()
        invitation = owner.get("/portal/team/invite").form()
        invitation["email"] = "kim@harbour.example"
        # In another tab.
        choices["Quay Works"].submit()
        assert "another account" in invitation.submit(400).alert
        choices["Harbour Studio"].submit()
        invitation.submit()
        for account_id, count in ((customer_id, 2), (other_id, 2)):
            assert data(customer.get(TEAM, X_Account_Id=str(account_id)))["count"] == count


class TestIdentifiers:
    """Identifiers from a previous system have any characters."""

    @pytest.mark.parametrize("client_id", ["a/b", "a?b", "a#b", "a%2Fb", "edit/a", "a/"])
    def test_the_form_of_a_client_changes_that_client(
        self, app: Flask, browser: Browsers, admin: Caller, client_id: str
    ) -> None:
        add_client(app, client_id)
        add_client(app, "a")
        web = browser()
        page = web.get(link_to(web.get("/console/clients"), "clients", client_id))
        assert page.title == f"Client {client_id}"
        form = web.get(link_to(page, "edit", client_id)).form()
        form["name"] = "Renamed"
        assert form.submit().follow().title == "Renamed"
        assert {each["id"]: each["name"] for each in data(admin.get(CLIENTS))["results"]} == {
            client_id: "Renamed",
            "a": "Client a",
        }

    @pytest.mark.parametrize("user_id", ["corp/ann", "corp?ann", "corp#ann"])
    def test_access_is_taken_from_the_user_who_is_named(
        self, browser: Browsers, admin: Caller, client_id: str, user_id: str
    ) -> None:
        account = {"name": "Acme", "budget": 10, "markup": 0.2, "clientId": client_id}
        address = f"{ACCOUNTS}/{data(admin.post(ACCOUNTS, account), 201)['id']}/users"
        for each in ("corp", user_id):
            data(admin.post(address, {"userId": each}), 201)
        web = browser()
        page = web.get(f"/console/billing-accounts/{address.split('/')[3]}/users")
        web.get(link_to(page, "revoke", user_id)).form("See what will happen").submit(200).form().submit()
        assert [each["userId"] for each in data(admin.get(address))["results"]] == ["corp"]


class TestLinks:
    @pytest.mark.parametrize(
        ("method", "headers"),
        [("HEAD", {}), ("GET", {"Sec-Purpose": "prefetch;prerender"}), ("GET", {"X-Moz": "prefetch"})],
    )
    def test_a_link_is_not_used_up_by_a_program_that_looks_at_it(
        self, app: Flask, offered: Links, method: str, headers: dict[str, str]
    ) -> None:
        address = offered()
        looked = Web(app).client.open(address, method=method, headers=headers)
        assert (looked.status_code, "Set-Cookie" in looked.headers) == (403, False)
        Web(app).get(address, 303)

    def test_signing_in_again_ends_the_session_before(self, app: Flask, browser: Browsers, offered: Links) -> None:
        web, copy = browser(), Web(app)
        cookie = web.client.get_cookie("billing-session")
        assert cookie is not None
        copy.client.set_cookie("billing-session", cookie.value)
        copy.get("/console")
        web.get(offered(roles=("copilot",), user="8"), 303)
        copy.get("/console", 401)


def test_a_page_holds_one_connection_at_a_time(app: Flask, browser: Browsers) -> None:
    """Pages that hold one while their calls wait for another could wait for each other."""
    web, held = browser(), []
    with app.app_context():
        pool: Any = db.engine.pool
    web.get("/console/clients")

    def note(*_: Any) -> None:
        held.append(pool.checkedout())

    event.listen(pool, "checkout", note)
    try:
        web.get("/console/clients")
    finally:
        event.remove(pool, "checkout", note)
    assert held == [1, 1]
