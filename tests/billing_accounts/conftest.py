from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from app.db.base import db
from tests.caller import ACCOUNTS, Caller, data


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
