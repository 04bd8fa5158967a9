"""Writes commit in one place; what is run outside of any transaction fails rather than being lost."""

from collections.abc import Callable
from contextlib import nullcontext

import pytest
from flask import Flask
from sqlalchemy import text

from app.clients.models import Client
from app.db.base import db
from app.db.fast.prepared import Prepared
from app.db.transaction import autocommit, rehearsal, transaction
from app.web import idempotency, resource
from tests.caller import ACCOUNTS, Caller, data, error


@pytest.mark.parametrize(
    "run",
    [
        lambda: db.session.execute(text("SELECT 1")),
        lambda: db.session.execute(Prepared("SELECT 1")),
        lambda: db.session.scalar(text("SELECT 1")),
        lambda: db.session.scalars(text("SELECT 1")),
        lambda: db.session.get(Client, "x"),
        lambda: db.session.add(Client()),
    ],
    ids=["execute", "prepared", "scalar", "scalars", "get", "add"],
)
def test_a_statement_outside_of_any_transaction_fails(app: Flask, run: Callable[[], object]) -> None:
    with app.test_request_context(), pytest.raises(RuntimeError, match="outside of any transaction"):
        run()


def test_a_transaction_inside_a_rehearsal_is_undone_with_it(app: Flask, client_id: str) -> None:
    with app.app_context():
        with rehearsal(), transaction():
            db.session.execute(text("UPDATE clients SET name = 'Beta'"))
        with transaction():
            found = db.session.get(Client, client_id)
            assert found is not None
            assert found.name == "Acme"


def test_statements_that_commit_by_themselves_are_no_transaction(app: Flask) -> None:
    with app.app_context(), autocommit(), pytest.raises(RuntimeError, match="cannot be one transaction"), transaction():
        raise AssertionError


def test_a_write_that_nothing_commits_is_no_success(
    admin: Caller, client_id: str, open_account: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    account_id = open_account()
    lock = {"challengeId": "1", "amount": 1}
    for module, name in ((idempotency, "transaction"), (resource, "transaction"), (resource, "autocommit")):
        monkeypatch.setattr(module, name, nullcontext)
    for key in ({}, {"Idempotency_Key": "once"}):
        error(admin.post("/v6/clients", {"name": "Beta"}, **key), 500)
        error(admin.patch(f"/v6/clients/{client_id}", {"name": "Beta"}, **key), 500)
        error(admin.patch(f"{ACCOUNTS}/{account_id}/lock-amount", lock, **key), 500)
    monkeypatch.undo()
    assert data(admin.get(f"/v6/clients/{client_id}"))["name"] == "Acme"
    assert data(admin.get(f"{ACCOUNTS}/{account_id}"))["lockedBudget"] == 0
