"""What holds for every page."""

from typing import Any

from flask import Flask

from tests.caller import Caller
from tests.console.conftest import Browsers
from tests.console.web import Web
from tests.routes import address, pages

STATEMENTS = 4


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


def test_a_page_sends_few_statements(browser: Browsers, messages: list[Any]) -> None:
    web = browser()
    for link in web.get("/console").find("nav").find_all("a"):
        web.get(str(link["href"]))
        messages.clear()
        web.get(str(link["href"]))
        assert len(messages) <= STATEMENTS, (link["href"], messages)
