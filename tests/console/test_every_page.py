"""What holds for every page."""

import re
from typing import Any

from bs4 import BeautifulSoup
from flask import Flask

from app.config import Settings
from tests.caller import Caller
from tests.console.conftest import Browsers
from tests.console.web import Web, sent
from tests.factories.pages import INVITED, OWNER, pages_of_everything
from tests.routes import address, pages

STATEMENTS = 4
# Pages that show at once what would happen: the call is made, with the rules that it checks, and undone. The report of
# a month, which is three sums of one state of the database. And a file of all that a customer has, table by table.
MORE_STATEMENTS = {
    "/console/reports/credits": 6,
    "/portal/accounts/leave": 6,
    "/portal/limits/N/remove": 9,
    "/portal/team/N/remove": 9,
    "/console/customers/N/export": 26,
}


def test_no_page_is_open_to_strangers(app: Flask) -> None:
    web = Web(app)
    for rule, method in pages(app):
        response = web.client.open(address(rule), method=method)
        assert (response.status_code, response.mimetype) == (401, "text/html"), (method, rule.rule)


def test_no_form_is_taken_without_its_token(app: Flask, browser: Browsers) -> None:
    web = browser()
    forms = [rule for rule, method in pages(app) if method == "POST"]
    assert forms
    for rule in forms:
        assert "earlier session" in web.send(address(rule), {"key": "x"}, 400).alert, rule.rule


def test_no_page_fails(app: Flask, browser: Browsers) -> None:
    """Of things that do not exist, and for people without any role, there are pages that say so."""
    for web in (browser(), browser(roles=(), user="7"), browser(roles=("copilot",), user="8")):
        for rule, method in pages(app):
            if method == "GET":
                response = web.client.get(address(rule))
                assert response.status_code < 500, (rule.rule, response.get_data(as_text=True))
                assert response.status_code == 303 or response.mimetype in {"text/html", "text/csv"}, rule.rule


def test_every_section_leads_to_a_page(browser: Browsers, customer: Caller) -> None:  # noqa: ARG001 - with an account
    for web, start in ((browser(), "/console"), (browser(roles=(), user="owner"), "/portal")):
        for link in web.get(start).find("nav").find_all("a"):
            assert web.get(str(link["href"])).find("a", **{"aria-current": "page"}).get_text() == link.get_text()


def test_a_page_sends_few_statements(app: Flask, settings: Settings, browser: Browsers, messages: list[Any]) -> None:
    """Of everything that there is; and each has a title of its own."""
    staff, owner, invited = browser(), browser(**OWNER), browser(**INVITED)
    titles: dict[str, str] = {}
    for path in pages_of_everything(app, settings):
        web = invited if "/invitations/" in path else owner if path.startswith("/portal") else staff
        messages.clear()
        response = web.client.get(path, buffered=True)
        most = MORE_STATEMENTS.get(re.sub(r"\d+", "N", path), STATEMENTS)
        assert (response.status_code, sent(messages) <= most) in {(200, True), (409, True)}, (
            path,
            sent(messages),
            messages,
        )
        if response.mimetype == "text/html":
            title = BeautifulSoup(response.get_data(as_text=True), "html.parser").find("title")
            assert titles.setdefault(str(title), path) == path
    assert len(titles) > 100
