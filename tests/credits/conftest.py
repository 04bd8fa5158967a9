"""What the tests of credits share."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time

from app.credits import audit
from tests.caller import TEN_YEARS, Caller, data
from tests.factories.customers import open_customer

GRANT = "/v1/billing/credits/grant/"
Give = Callable[..., Any]


OPENED = "2031-03-10T12:00:00Z"


@pytest.fixture
def owner(as_caller: Callable[..., Caller]) -> Caller:
    """The owner of an account that was opened on 10 March 2031 at noon, with 100 credits of its plan."""
    caller = as_caller(user="owner", hours=TEN_YEARS)
    with freeze_time(OPENED):
        open_customer(caller)
    return caller


@pytest.fixture
def staff(as_caller: Callable[..., Caller]) -> Caller:
    """An administrator whose token outlasts a moved clock."""
    return as_caller(roles=("administrator",), user="staff", hours=TEN_YEARS)


@pytest.fixture
def give(staff: Caller, owner: Caller) -> Give:
    """Grants credits to the owner's account; the answer's data."""
    with freeze_time(OPENED):
        account_id = data(owner.get("/v1/account/settings/"))["id"]

    def grant(amount: int, status: int = 201, **more: Any) -> Any:
        body = {"account_id": account_id, "amount": amount, "transaction_type": "grant", "description": "Goodwill"}
        return data(staff.post(GRANT, {**body, **more}), status)

    return grant


@pytest.fixture
def sound_books(app: Flask) -> Iterator[None]:
    """Whatever happens, balances and lots are what their transactions make."""
    yield
    with app.app_context():
        assert list(audit.differences()) == []
