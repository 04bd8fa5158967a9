from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from app.db.base import db
from tests.caller import Caller, data

ACCOUNTS = "/v6/billing-accounts"
Open = Callable[..., int]


@pytest.fixture
def client_id(admin: Caller) -> str:
    found: str = data(admin.post("/v6/clients", {"name": "Acme"}), 201)["id"]
    return found


@pytest.fixture
def open_account(admin: Caller, client_id: str) -> Open:
    """Makes an account: `open_account(budget=100)`."""

    def make(**values: Any) -> int:
        account = {"name": "Acme 2025", "budget": 100, "markup": 0.2, "clientId": client_id, **values}
        found: int = data(admin.post(ACCOUNTS, account), 201)["id"]
        return found

    return make


@pytest.fixture
def account_id(open_account: Open) -> int:
    """An account with a budget of 100."""
    return open_account()


@pytest.fixture
def path(account_id: int) -> str:
    """Where that account is."""
    return f"{ACCOUNTS}/{account_id}"


@pytest.fixture
def overspent(app: Flask, account_id: int, admin: Caller, path: str) -> str:
    """The account as history may leave it: 60 locked for c1, 80 consumed for c2, and a budget of 100."""
    data(admin.patch(path, {"budget": 140}))
    data(admin.patch(f"{path}/lock-amount", {"challengeId": "c1", "amount": 60}))
    data(admin.patch(f"{path}/consume-amount", {"challengeId": "c2", "amount": 80}))
    with app.app_context(), db.engine.begin() as connection:
        statement = text("UPDATE budgets SET amount = 100 WHERE billing_account_id = :account_id")
        connection.execute(statement, {"account_id": account_id})
    return path


def totals(caller: Caller, path: str) -> tuple[Any, Any]:
    """What is locked and consumed."""
    account = data(caller.get(path))
    return account["lockedBudget"], account["consumedBudget"]
