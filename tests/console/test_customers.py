"""Customers: found, looked into, and what staff do with them."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.caller import Caller, data, error
from tests.console.conftest import Browsers
from tests.console.web import Form, Page, sent
from tests.factories.customers import grant, invite, open_customer, spend
from tests.factories.purchases import approve, buy

ACCOUNTS = "/v1/admin/accounts/"
As = Callable[..., Caller]


@pytest.fixture
def owner(as_caller: As) -> Caller:
    return as_caller(user="owner-1", email="owner-1@harbour.example")


@pytest.fixture
def account_id(owner: Caller) -> int:
    return int(open_customer(owner)["id"])


def problem_of(page: Page, field: str) -> str:
    return page.find(id=f"field-{field}-problem").get_text()


def outcome_of(page: Page) -> dict[str, str]:
    facts = page.find(class_="warn").find_all("div")
    return {each.find("dt").get_text(): each.find("dd").get_text(" ", strip=True) for each in facts}


def with_reason(form: Form, reason: str = "Invoices unpaid since March") -> Form:
    form["reason"] = reason
    return form


def test_the_list_shows_and_finds_customers(browser: Browsers, account_id: int, as_caller: As) -> None:
    open_customer(as_caller(user="owner-2", email="owner-2@quay.example"), "Quay Works")
    web = browser()
    page = web.get("/console/customers?search=harbour")
    assert [row[:6] for row in page.cells()] == [["Harbour Studio", str(account_id), "active", "Free", "100", "100"]]
    assert f"/console/customers/{account_id}" in page.links()
    assert [row[0] for row in web.get("/console/customers").cells()] == ["Quay Works", "Harbour Studio"]
    assert web.get("/console/customers?format=csv").response.mimetype == "text/csv"


def test_the_overview_shows_the_credits(browser: Browsers, owner: Caller, account_id: int, messages: list[Any]) -> None:
    hold = {"operation_type": "search", "amount": 30, "reference": "job-1"}
    data(owner.post("/v1/billing/credits/holds/", hold), 201)
    web = browser()
    web.get(f"/console/customers/{account_id}")
    messages.clear()
    page = web.get(f"/console/customers/{account_id}")
    assert sent(messages) <= 4
    assert [each.get_text(" ", strip=True) for each in page.html.find_all(class_="figure")] == [
        "70 credits",
        "100 credits",
        "30 credits",
        "0 credits",
    ]


def test_each_tab_shows_what_the_api_lists(
    browser: Browsers, admin: Caller, owner: Caller, account_id: int, messages: list[Any]
) -> None:
    spend(owner, 5)
    invite(owner, "kim@harbour.example")
    payment_id = buy(owner)["payment"]["id"]
    approve(admin, payment_id)
    hold = {"operation_type": "search", "amount": 30, "reference": "job-1"}
    data(owner.post("/v1/billing/credits/holds/", hold), 201)
    web = browser()
    home = web.get(f"/console/customers/{account_id}")
    tabs = [link for link in home.links() if link.startswith(f"/console/customers/{account_id}/")]
    rows = {}
    for tab in ("lots", "holds", "transactions", "usage", "purchases", "invoices", "team", "history"):
        assert f"/console/customers/{account_id}/{tab}" in tabs
        messages.clear()
        page = web.get(f"/console/customers/{account_id}/{tab}")
        assert sent(messages) <= 4, tab
        assert page.title == "Harbour Studio"
        rows[tab] = page.cells()
    assert [len(each) for each in rows.values()] == [2, 1, 3, 1, 1, 1, 2, 4]
    (invoice,) = data(admin.get(f"{ACCOUNTS}{account_id}/invoices/"))["results"]
    assert f"/console/invoices/{invoice['id']}/pdf" in web.get(f"/console/customers/{account_id}/invoices").links()
    lots = web.get(f"/console/customers/{account_id}/lots")
    assert len(lots.find("svg", class_="chart").find_all("rect", class_="rest")) == 2
    exported = web.get(f"/console/customers/{account_id}/export").response
    assert exported.headers["Content-Disposition"] == f'attachment; filename="customer-{account_id}.json"'
    assert data(exported)["account"]["id"] == account_id


def test_credits_are_granted_once(browser: Browsers, owner: Caller, account_id: int) -> None:
    form = browser().get(f"/console/customers/{account_id}/grant").form()
    form["amount"], form["description"], form["expires_at"] = "250", "Goodwill", "2999-12-31"
    assert form.submit().follow().cells()[0][2:6] == ["grant", "250", "350", "Goodwill"]
    form.submit()
    assert data(owner.get("/v1/billing/credits/balance/"))["credits"] == 350


def test_a_refused_grant_stands_beside_its_field(browser: Browsers, admin: Caller, account_id: int) -> None:
    form = browser().get(f"/console/customers/{account_id}/grant").form()
    form["amount"], form["description"] = "many", "Goodwill"
    body = {"account_id": account_id, "amount": "many", "transaction_type": "grant", "description": "Goodwill"}
    refused = error(admin.post("/v1/billing/credits/grant/", body), 400)
    assert problem_of(form.submit(400), "amount") == refused["details"]["json"]["amount"][0]


def test_a_lot_is_voided_once_its_outcome_was_seen(
    browser: Browsers, admin: Caller, owner: Caller, account_id: int
) -> None:
    lot_id = grant(admin, account_id, 50)["id"] and data(owner.get("/v1/billing/credits/lots/"))["results"][0]["id"]
    shown = with_reason(browser().get(f"/console/customers/{account_id}/lots/{lot_id}/void").form()).submit(200)
    assert outcome_of(shown)["Remaining afterwards"] == "0"
    assert data(owner.get("/v1/billing/credits/balance/"))["credits"] == 150
    assert shown.form().submit().follow().said == "The lot was voided."
    assert data(owner.get("/v1/billing/credits/balance/"))["credits"] == 100


def test_the_life_of_a_customer(browser: Browsers, admin: Caller, account_id: int) -> None:
    web, home = browser(), f"/console/customers/{account_id}"
    for does, status in (("suspend", "suspended"), ("resume", "active"), ("close", "closed"), ("erase", "closed")):
        assert f"{home}/{does}" in web.get(home).links()
        before = data(admin.get(f"{ACCOUNTS}{account_id}/"))["status"]
        shown = with_reason(web.get(f"{home}/{does}").form()).submit(200)
        assert outcome_of(shown)["Status"] == status
        assert data(admin.get(f"{ACCOUNTS}{account_id}/"))["status"] == before
        shown.form().submit()
        assert data(admin.get(f"{ACCOUNTS}{account_id}/"))["status"] == status
    assert f"{home}/grant" not in web.get(home).links()


def test_an_open_hold_keeps_a_customer_open(browser: Browsers, owner: Caller, account_id: int) -> None:
    hold = {"operation_type": "search", "amount": 30, "reference": "job-1"}
    data(owner.post("/v1/billing/credits/holds/", hold), 201)
    page = with_reason(browser().get(f"/console/customers/{account_id}/close").form()).submit(409)
    assert "1 holds" in page.alert


def test_a_plan_is_assigned(browser: Browsers, admin: Caller, account_id: int) -> None:
    plan = {"name": "Team", "credits_per_month": 5000, "price_per_credit": "0.015"}
    data(admin.post("/v1/admin/plans/", plan), 201)
    form = with_reason(browser().get(f"/console/customers/{account_id}/plan").form())
    form["plan"], form["from"] = "Team", "now"
    shown = form.submit(200)
    assert outcome_of(shown)["Balance"] == "5000"
    assert data(admin.get(f"{ACCOUNTS}{account_id}/"))["plan"] == "Free"
    shown.form().submit()
    assert data(admin.get(f"{ACCOUNTS}{account_id}/"))["plan"] == "Team"


def test_an_unknown_customer_is_not_found(browser: Browsers) -> None:
    browser().get("/console/customers/4711", 404)
