"""People at a browser."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app.config import Settings
from cli.token import link
from tests.caller import Caller
from tests.console.web import Web
from tests.factories.desk import Customer, two_customers

Browsers = Callable[..., Web]
Links = Callable[..., str]


@pytest.fixture
def offered(app: Flask, settings: Settings) -> Links:
    """Makes links that sign in: `offered()` an administrator, `offered(roles=(), user="7")` a customer."""

    def make(**person: Any) -> str:
        with app.app_context():
            return link(settings, **person).removeprefix(settings.address)

    return make


@pytest.fixture
def browser(app: Flask, offered: Links) -> Browsers:
    """Makes browsers in which a person is signed in, who is described as for `offered`."""

    def make(**person: Any) -> Web:
        web = Web(app)
        web.get(offered(**person), status=303)
        return web

    return make


@pytest.fixture
def customers(admin: Caller, as_caller: Callable[..., Caller]) -> list[Customer]:
    return two_customers(admin, as_caller)
