"""The portal: its pages show what the API answers, and its forms do what the API does, each as the member they are."""

import pytest
from bs4 import Tag
from flask import Flask

from tests.caller import Caller, data, error
from tests.console.conftest import Browsers
from tests.console.web import Page, Web
from tests.factories.customers import Callers, grant, invite, join, open_customer, spend
from tests.factories.purchases import approve, buy

PAGES = {
    "/portal": "Overview",
    "/portal/credits": "Credits",
    "/portal/credits/transactions": "Credits",
    "/portal/credits/holds": "Credits",
    "/portal/credits/statement": "Credits",
    "/portal/usage": "Usage",
    "/portal/usage/list": "Usage",
    "/portal/buy": "Buy credits",
    "/portal/payments": "Payments",
    "/portal/invoices": "Invoices",
    "/portal/credit-notes": "Credit notes",
    "/portal/team": "Team",
    "/portal/settings": "Settings",
    "/portal/accounts": "Your accounts",
}
OF_MANAGERS = {"/portal/limits": "Limits", "/portal/keys": "API keys", "/portal/history": "History"}
HOLD = {"amount": 30, "operation_type": "render", "reference": "r-1"}


@pytest.fixture
def owner(browser: Browsers, customer: Caller) -> Web:  # noqa: ARG001 - their account
    """The owner of the customer's account at a browser."""
    return browser(roles=(), user="owner", email="owner@harbour.example")


@pytest.fixture
def member(browser: Browsers, customer: Caller, as_caller: Callers) -> Web:
    """A member of the customer's account who is neither owner nor admin."""
    join(customer, as_caller, "ann")
    return browser(roles=(), user="ann", email="ann@harbour.example")


def facts(page: Page) -> dict[str, str]:
    """Facts of a page, by label."""
    found = page.find("main").find_all("dt")
    return {each.get_text(strip=True): each.find_next("dd").get_text(" ", strip=True) for each in found}


def values(page: Page, label: str) -> str:
    """The exact value beside a label."""
    found = page.find("dt", string=label).find_next("data")
    assert isinstance(found, Tag)
    return str(found["value"])


class TestPages:
    def test_each_has_its_title_and_leads_to_the_others(self, owner: Web) -> None:
        for address, title in {**PAGES, **OF_MANAGERS}.items():
            assert owner.get(address).title == title
        sections = owner.get("/portal").links()
        assert {"/portal/limits", "/portal/keys", "/portal/history", "/portal/buy"} <= set(sections)

    def test_a_member_sees_neither_links_nor_pages_of_managers(self, member: Web) -> None:
        for address in PAGES:
            links = member.get(address).links()
            assert not [each for each in links if each.startswith(tuple(OF_MANAGERS))]
            assert not {"/portal/team/invite", "/portal/settings/edit", "/portal/buy/1"} & set(links)
        # At the address of a form nothing is filled in for nothing.
        for address in (*OF_MANAGERS, "/portal/limits/set", "/portal/keys/new", "/portal/team/invite"):
            assert "Only an owner or an admin" in member.get(address, 403).alert

    def test_a_role_that_was_given_opens_its_forms_at_once(self, member: Web, customer: Caller) -> None:
        member.get("/portal/keys/new", 403)
        [row] = [each for each in data(customer.get("/v1/account/team/"))["results"] if each["role"] == "member"]
        data(customer.patch(f"/v1/account/team/{row['id']}/", {"role": "admin"}))
        assert member.get("/portal/keys/new").title == "New API key"

    def test_forms_show_the_sections_of_the_account_too(self, owner: Web) -> None:
        owner.get("/portal")
        assert {"/portal/keys", "/portal/team"} <= set(owner.get("/portal/keys/new").links())

    def test_a_role_that_was_taken_away_hides_its_sections_at_once(
        self, browser: Browsers, customer: Caller, as_caller: Callers
    ) -> None:
        join(customer, as_caller, "ann", "admin")
        web = browser(roles=(), user="ann")
        assert "/portal/keys" in web.get("/portal").links()
        [row] = [each for each in data(customer.get("/v1/account/team/"))["results"] if each["role"] == "admin"]
        data(customer.patch(f"/v1/account/team/{row['id']}/", {"role": "member"}))
        assert "/portal/keys" not in web.get("/portal/credits").links()


class TestOverview:
    def test_it_shows_the_balance(self, owner: Web, customer: Caller, admin: Caller, customer_id: int) -> None:
        grant(admin, customer_id, 50)
        data(customer.post("/v1/billing/credits/holds/", HOLD), 201)
        spend(customer, 20)
        page = owner.get("/portal")
        balance = data(customer.get("/v1/billing/credits/balance/"))
        assert values(page, "Balance") == str(balance["credits"]) == "130"
        assert values(page, "Held for work under way") == "30"
        assert values(page, "Used this month") == "20"
        assert str(page.find(attrs={"class": "figure"}).find("data")["value"]) == "100"  # type: ignore[index]

    def test_it_shows_what_expires(self, owner: Web, admin: Caller, customer_id: int) -> None:
        body = {
            "account_id": customer_id, "amount": 40, "transaction_type": "grant", "description": "Trial",
            "expires_at": "2099-01-01T00:00:00Z",
        }  # fmt: skip
        data(admin.post("/v1/billing/credits/grant/", body), 201)
        [row] = owner.get("/portal").cells()
        assert row == ["Jan 1, 2099, 12:00\u202fAM UTC", "40"]

    def test_a_suspended_account_says_so(self, owner: Web, admin: Caller, customer_id: int) -> None:
        data(admin.post(f"/v1/admin/accounts/{customer_id}/suspend/", {"reason": "Unpaid"}))
        assert "suspended" in owner.get("/portal").said
        assert not [each for each in owner.get("/portal/buy").links() if each.startswith("/portal/buy/")]


class TestUsage:
    def test_the_chart_has_a_bar_for_each_day(self, owner: Web, customer: Caller) -> None:
        spend(customer, 30)
        page = owner.get("/portal/usage", query={"days": "7"})
        bars = page.find("svg").find_all("rect")
        assert [float(bar["height"]) > 0 for bar in bars] == [False] * 6 + [True]
        assert values(page, "Spent") == "30"
        assert ["deduction", "-30", "1"] in page.cells(1)

    def test_an_unknown_period_is_refused(self, owner: Web) -> None:
        owner.get("/portal/usage", 400, query={"days": "400"})

    def test_the_list_is_filtered_and_downloaded(self, owner: Web, customer: Caller) -> None:
        spend(customer, 3, "search")
        spend(customer, 4, "render")
        page = owner.get("/portal/usage/list", query={"operation_type": "render"})
        assert [row[1:3] for row in page.cells()] == [["render", "4"]]
        answer = owner.client.get("/portal/usage/list?operation_type=render&format=csv")
        assert answer.mimetype == "text/csv"
        assert len(answer.get_data(as_text=True).splitlines()) == 3

    def test_a_filter_that_is_mistyped_is_mended_on_the_page(self, owner: Web) -> None:
        assert owner.get("/portal/usage/list", query={"start_date": "soon"}).alert


class TestCredits:
    def test_lots_and_transactions(self, owner: Web, customer: Caller) -> None:
        spend(customer, 20, description="Evening run")
        [lot] = owner.get("/portal/credits").cells()
        assert lot[1:6] == ["plan", "active", "80", "0", "100"]
        page = owner.get("/portal/credits/transactions")
        assert [row[1:5] for row in page.cells()] == [
            ["deduction", "-20", "80", "Evening run"], ["grant", "100", "100", page.cells()[1][4]],
        ]  # fmt: skip
        [address, _] = [each for each in page.links() if each.startswith("/portal/credits/transactions/")]
        assert owner.get(address).cells()[0][1:3] == ["plan", "20"]

    def test_a_statement_is_shown_and_downloaded(self, owner: Web, customer: Caller) -> None:
        spend(customer, 20)
        page = owner.get("/portal/credits/statement")
        assert (values(page, "At the start"), values(page, "At the end")) == ("0", "80")
        pdf, csv = [each for each in page.links() if "format=" in each]
        assert owner.client.get(pdf).data.startswith(b"%PDF")
        assert owner.client.get(csv).data.endswith(b"#end,4\r\n")

    def test_a_period_that_ends_before_it_begins_is_refused_on_the_page(self, owner: Web) -> None:
        page = owner.get("/portal/credits/statement", query={"from": "2026-02-01", "to": "2026-01-01"})
        assert page.alert


class TestSettings:
    def test_they_are_changed_once_the_version_is_that_which_was_seen(self, owner: Web, customer: Caller) -> None:
        first, second = (owner.get("/portal/settings/edit").form() for _ in range(2))
        first["billing_city"], second["billing_city"] = "Cork", "Galway"
        assert facts(first.submit().follow())["City"] == "Cork"
        assert ["City", "Galway", "Cork"] in second.submit(412).cells()
        assert data(customer.get("/v1/account/settings/"))["billing_city"] == "Cork"

    def test_a_refusal_stands_beside_its_field(self, owner: Web) -> None:
        form = owner.get("/portal/settings/edit").form()
        form["billing_email"] = "nobody"
        page = form.submit(400)
        assert "Not a valid email address." in page.find(id="field-billing_email-problem").get_text()


class TestTeam:
    def test_a_person_is_invited_and_the_invitation_withdrawn(self, owner: Web, customer: Caller) -> None:
        form = owner.get("/portal/team/invite").form()
        form["email"], form["role"] = "bob@harbour.example", "admin"
        page = form.submit().follow()
        assert page.cells()[0][:4] == ["bob@harbour.example", "", "admin", "invited"]
        [remove] = [each for each in page.links() if each.endswith("/remove")][:1]
        page = owner.get(remove)
        assert facts(page)["Who"] == "bob@harbour.example"
        assert len(data(customer.get("/v1/account/team/"))["results"]) == 2
        page.form().submit()
        assert len(data(customer.get("/v1/account/team/"))["results"]) == 1

    def test_a_role_is_changed(self, owner: Web, customer: Caller) -> None:
        row = invite(customer, "bob@harbour.example")
        form = owner.get(f"/portal/team/{row['id']}/role").form()
        assert form["role"] == "member"
        form["role"] = "admin"
        form.submit()
        assert data(customer.get(f"/v1/account/team/{row['id']}/"))["role"] == "admin"

    def test_the_last_owner_stays_in_the_words_of_the_api(self, owner: Web, customer: Caller) -> None:
        said = error(customer.post("/v1/account/leave/", None), 409, "last_owner")["message"]
        assert owner.get("/portal/accounts/leave", 409).alert == said

    def test_a_member_leaves_once_they_saw_what_it_means(self, member: Web) -> None:
        page = member.get("/portal/accounts/leave")
        assert facts(page)["You leave"] == "Harbour Studio"
        assert member.get("/portal").title == "Overview"
        assert page.form().submit().follow().said == "You left the account."
        assert member.get("/portal", 303).response.location == "/portal/accounts"


class TestAccounts:
    def test_a_person_without_one_is_led_to_open_one(self, browser: Browsers) -> None:
        web = browser(roles=(), user="new", email="new@pier.example")
        page = web.get("/portal", 303).follow()
        assert "do not belong to any account" in page.find(attrs={"class": "empty"}).get_text()
        form = web.get("/portal/accounts/open").form()
        form["name"] = "Pier"
        page = form.submit().follow()
        assert (page.title, facts(page)["Account"], facts(page)["Your role"]) == ("Overview", "Pier", "owner")

    def test_an_invited_person_accepts(self, browser: Browsers, customer: Caller) -> None:
        invite(customer, "bob@harbour.example")
        web = browser(roles=(), user="bob", email="bob@harbour.example")
        page = web.get("/portal", 303).follow()
        assert page.cells()[0][:2] == ["Harbour Studio", "member"]
        page = page.form("Accept").submit().follow()
        assert facts(page)["Your role"] == "member"

    def test_an_invited_person_declines(self, browser: Browsers, customer: Caller) -> None:
        invite(customer, "bob@harbour.example")
        web = browser(roles=(), user="bob", email="bob@harbour.example")
        form = web.get("/portal/accounts").form("Decline")
        assert form.submit().follow().said == "The invitation was declined."
        web.get("/portal", 303)

    def test_an_invitation_that_ended_is_refused_in_words(self, browser: Browsers, customer: Caller) -> None:
        row = invite(customer, "bob@harbour.example")
        web = browser(roles=(), user="bob", email="bob@harbour.example")
        form = web.get("/portal/accounts").form("Accept")
        data(customer.delete(f"/v1/account/team/{row['id']}/"))
        assert form.submit(409).alert == "The invitation was accepted, declined or withdrawn, or it has expired"

    def test_of_several_accounts_one_is_chosen(self, owner: Web, as_caller: Callers, customer: Caller) -> None:
        other = as_caller(user="other", email="other@pier.example")
        open_customer(other, "Pier")
        join(other, lambda **_: customer, "owner")
        page = owner.get("/portal/accounts").form("Open Pier").submit().follow()
        assert facts(page)["Account"] == "Pier"
        assert "Pier" in owner.get("/portal/team").find(attrs={"class": "account"}).get_text()

    def test_an_account_of_others_cannot_be_chosen(self, owner: Web, as_caller: Callers) -> None:
        stranger = open_customer(as_caller(user="other"), "Pier")["id"]
        form = owner.get("/portal/settings/edit").form()
        owner.send(f"/portal/accounts/choose/{stranger}", {"csrf_token": form["csrf_token"]}, 404)
        assert facts(owner.get("/portal"))["Account"] == "Harbour Studio"

    def test_one_that_was_chosen_and_left_leads_back_to_the_choice(
        self, browser: Browsers, customer: Caller, as_caller: Callers
    ) -> None:
        join(customer, as_caller, "ann")
        web = browser(roles=(), user="ann", email="ann@harbour.example")
        web.get("/portal/accounts").form("Open Harbour Studio").submit()
        [row, *_] = data(customer.get("/v1/account/team/"))["results"]
        data(customer.delete(f"/v1/account/team/{row['id']}/"))
        assert web.get("/portal/credits", 303).follow().title == "Your accounts"


class TestLimitsAndKeys:
    def test_a_limit_is_set_and_removed(self, owner: Web, customer: Caller) -> None:
        form = owner.get("/portal/limits/set").form()
        form["kind"], form["subject"], form["period"], form["credits"] = "operation", "search", "day", "50"
        page = form.submit().follow()
        spend(customer, 20)
        page = owner.get("/portal/limits")
        assert page.cells()[0][:5] == ["An operation", "search", "Each day", "20", "50"]
        [change, remove] = [each for each in page.links() if each.startswith("/portal/limits/")][1:]
        assert owner.get(change).form()["credits"] == "50"
        page = owner.get(remove)
        assert facts(page)["No longer limited"] == "An operation: search"
        page.form().submit()
        assert data(customer.get("/v1/account/caps/"))["count"] == 0

    def test_a_key_is_shown_once_rotated_and_revoked(self, owner: Web, app: Flask) -> None:
        form = owner.get("/portal/keys/new").form()
        form["name"], form["scopes"] = "Render farm", ["read:account", "spend:credits"]
        page = form.submit(200)
        first = str(page.find(attrs={"class": "secret"})["value"])
        assert data(Caller(app, first).get("/v1/billing/credits/balance/"))["credits"] == 100
        assert "shown before" in form.submit(200).said
        page = owner.get("/portal/keys")
        assert page.cells()[0][2] == "read:account, spend:credits"
        rotate, revoke = [each for each in page.links() if each.endswith(("/rotate", "/revoke"))]
        second = str(owner.get(rotate).form().submit(200).find(attrs={"class": "secret"})["value"])
        assert second != first
        form = owner.get(revoke).form()
        form["reason"] = "Replaced"
        page = form.submit(200)
        assert "Render farm" in facts(page)["Key"]
        assert page.form().submit().follow().cells()[0][3] == "revoked"

    def test_the_history_shows_who_changed_what(self, owner: Web) -> None:
        form = owner.get("/portal/settings/edit").form()
        form["billing_city"] = "Cork"
        form.submit()
        page = owner.get("/portal/history", query={"action": "updateAccountSettings"})
        assert page.cells()[0][1:3] == ["owner person", "updateAccountSettings"]
        assert "Cork" in page.cells()[0][3] or "Cork" in page.cells()[0][4]


class TestPayments:
    def test_a_pending_payment_is_cancelled_once_its_outcome_was_seen(self, owner: Web, customer: Caller) -> None:
        bought = buy(customer)["payment"]
        page = owner.get(f"/portal/payments/{bought['id']}")
        assert values(page, "Amount") == bought["amount"]
        page = owner.get(f"/portal/payments/{bought['id']}/cancel")
        assert values(page, "Credits that will not arrive") == "500"
        page = page.form().submit().follow()
        assert "cancelled" in page.find(attrs={"class": "badge"}).get_text()
        assert len(owner.get("/portal/credit-notes").cells()) == 1
        assert not [each for each in page.links() if each.endswith("/cancel")]

    def test_documents_are_downloaded(self, owner: Web, customer: Caller) -> None:
        bought = buy(customer)
        data(customer.post(f"/v1/billing/payments/{bought['payment']['id']}/cancel/", None))
        for address in ("/portal/invoices", "/portal/credit-notes"):
            [pdf] = [each for each in owner.get(address).links() if each.endswith("/pdf")]
            answer = owner.client.get(pdf)
            assert answer.mimetype == "application/pdf"
            assert answer.data.startswith(b"%PDF")

    def test_a_paid_invoice_does_not_ask_for_money(self, owner: Web, customer: Caller, admin: Caller) -> None:
        bought = buy(customer)
        address = f"/portal/invoices/{bought['invoice']['id']}"
        assert "How to pay" in owner.get(address).find("main").get_text()
        approve(admin, bought["payment"]["id"])
        assert "How to pay" not in owner.get(address).find("main").get_text()

    def test_those_of_another_account_are_unknown(
        self, browser: Browsers, customer: Caller, as_caller: Callers
    ) -> None:
        bought = buy(customer)
        open_customer(as_caller(user="other"), "Pier")
        web = browser(roles=(), user="other")
        web.get(f"/portal/payments/{bought['payment']['id']}", 404)
        web.get(f"/portal/invoices/{bought['invoice']['id']}/pdf", 404)
