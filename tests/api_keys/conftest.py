"""Keys for tests, issued over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app.auth.api_keys import verification
from tests.caller import Caller, data

ADMIN_KEYS = "/v1/admin/api-keys/"
ACCOUNT_KEYS = "/v1/account/api-keys/"
# What the fixture `with_key` yields.
WithKey = Callable[[str], Caller]


def issue(issuer: Caller, *scopes: str, path: str = ADMIN_KEYS, **values: Any) -> Any:
    """A new key of these scopes."""
    return data(issuer.post(path, {"name": "Worker", "scopes": list(scopes), **values}), 201)


@pytest.fixture
def with_key(app: Flask) -> WithKey:
    """Makes the caller that has a secret."""
    return lambda secret: Caller(app, secret)


@pytest.fixture
def customer_key(customer: Caller) -> Any:
    """A key of `customer` that may do all that one can."""
    return issue(customer, "read:account", "spend:credits", path=ACCOUNT_KEYS)


@pytest.fixture
def worker(with_key: WithKey, customer_key: Any) -> Caller:
    """The machine that has `customer_key`."""
    return with_key(customer_key["key"])


@pytest.fixture
def always_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every request look its key up, as it does once what was found is no longer trusted."""
    monkeypatch.setattr(verification, "TRUSTED_SECONDS", 0)
