"""Signing in by a link, being signed in, and signing out."""

from datetime import timedelta

import pytest
from flask import Flask
from freezegun import freeze_time

from app.clock import utc_now
from tests.console.conftest import Browsers, Links
from tests.console.web import Form, Web


def test_a_stranger_is_asked_to_sign_in(app: Flask) -> None:
    page = Web(app).get("/console/clients", 401)
    assert page.title == "Sign in"
    assert page.response.mimetype == "text/html"


def test_a_link_signs_in_once(app: Flask, offered: Links) -> None:
    address = offered()
    web = Web(app)
    assert web.get(address, 303).response.location == "/console"
    assert web.get("/console").title == "Search"
    other = Web(app)
    assert "used before" in other.get(address, 401).alert
    other.get("/console", 401)


def test_a_link_expires(app: Flask, offered: Links) -> None:
    address = offered()
    with freeze_time(utc_now() + timedelta(hours=1, seconds=1)):
        Web(app).get(address, 401)


def test_a_session_expires(browser: Browsers) -> None:
    web = browser()
    with freeze_time(utc_now() + timedelta(hours=7, minutes=59)):
        web.get("/console")
    with freeze_time(utc_now() + timedelta(hours=8, seconds=1)):
        web.get("/console", 401)


def test_signing_out_ends_the_session_of_a_copied_cookie(app: Flask, browser: Browsers) -> None:
    web, copy = browser(), Web(app)
    cookie = web.client.get_cookie("billing-session")
    assert cookie is not None
    copy.client.set_cookie("billing-session", cookie.value)
    copy.get("/console")
    form = Form(web, "", web.get("/console").find("form", action="/console/sign-out"))
    assert form.submit().response.location == "/console/sign-in"
    web.get("/console", 401)
    copy.get("/console", 401)


@pytest.mark.parametrize(("scheme", "name"), [("http", "billing-session"), ("https", "__Host-billing-session")])
def test_the_cookie_is_protected(app: Flask, offered: Links, scheme: str, name: str) -> None:
    answer = Web(app, **{"wsgi.url_scheme": scheme}).get(offered(), 303).response
    cookie, *attributes = (part.strip() for part in answer.headers["Set-Cookie"].split(";"))
    assert cookie.startswith(f"{name}=")
    assert set(attributes) == {"HttpOnly", "Path=/", "SameSite=Lax"} | ({"Secure"} if scheme == "https" else set())


def test_requests_of_the_api_have_no_session(browser: Browsers) -> None:
    web = browser()
    answer = web.client.get("/v6/clients")
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers


def test_a_customer_is_led_to_the_portal(app: Flask, offered: Links) -> None:
    assert Web(app).get(offered(roles=(), user="7"), 303).response.location == "/portal"


def test_pages_name_everything_they_may_load(browser: Browsers) -> None:
    policy = browser().get("/console").response.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
