"""`flask maintenance`."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from freezegun import freeze_time
from sqlalchemy import text

from app.clock import utc_now
from app.db.base import db
from app.web import idempotency
from tests.caller import ACCOUNTS, TEN_YEARS, Caller, data
from tests.cli.conftest import Run


def write(caller: Caller, account_id: int, key: str) -> None:
    body = {"externalType": "ENGAGEMENT", "externalId": "e", "amount": 1}
    data(caller.patch(f"{ACCOUNTS}/{account_id}/consume-amount", body, Idempotency_Key=key))


def kept(app: Flask) -> set[str]:
    with app.app_context():
        return set(db.session.execute(text("SELECT key FROM idempotency_keys")).scalars())


def test_expired_keys_go_and_others_stay(
    app: Flask, run: Run, as_caller: Callable[..., Caller], account_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "PRUNED_AT_ONCE", 2)
    caller = as_caller(roles=("administrator",), hours=TEN_YEARS)
    for number in range(5):
        write(caller, account_id, f"old-{number}")
    with freeze_time(utc_now() + timedelta(hours=25)):
        write(caller, account_id, "new")
        result = run("maintenance", "prune")
        assert (result.exit_code, result.output) == (0, "5 expired idempotency keys deleted.\n")
        assert kept(app) == {"new"}
        assert run("maintenance", "prune").output == "0 expired idempotency keys deleted.\n"
