"""`flask maintenance run`: everything that is due, one process at a time."""

import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time
from sqlalchemy import text

from app.clock import utc_now
from app.db import job_runs
from app.db.base import db
from app.idempotency import store
from cli.maintenance import JOBS
from tests.caller import ACCOUNTS, TEN_YEARS, Caller, data
from tests.cli.conftest import Run
from tests.processes import command, finish, flask

METRIC = "billing_maintenance_last_success_timestamp_seconds"


def write(caller: Caller, account_id: int, key: str) -> None:
    body = {"externalType": "ENGAGEMENT", "externalId": "e", "amount": 1}
    data(caller.patch(f"{ACCOUNTS}/{account_id}/consume-amount", body, Idempotency_Key=key))


def kept(app: Flask) -> set[str]:
    with app.app_context():
        return set(db.session.execute(text("SELECT key FROM idempotency_keys")).scalars())


def succeeded(app: Flask) -> set[str]:
    with app.app_context():
        return set(job_runs.last_successes())


def metrics(app: Flask) -> dict[str, float]:
    """By job, when it succeeded last, as Prometheus reads it."""
    lines = Caller(app, None).get("/metrics").get_data(as_text=True).splitlines()
    found = (line.rsplit(" ", 1) for line in lines if line.startswith(f"{METRIC}{{"))
    return {name.split('"')[1]: float(value) for name, value in found}


def test_expired_keys_go_and_others_stay(
    app: Flask, run: Run, as_caller: Callable[..., Caller], account_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PRUNED_AT_ONCE", 2)
    caller = as_caller(roles=("administrator",), hours=TEN_YEARS)
    for number in range(5):
        write(caller, account_id, f"old-{number}")
    with freeze_time(utc_now() + timedelta(hours=25)):
        write(caller, account_id, "new")
        result = run("maintenance", "run")
        assert result.exit_code == 0
        assert "idempotency-keys: 5 expired idempotency keys deleted.\n" in result.output
        assert kept(app) == {"new"}
        assert "idempotency-keys: 0 expired" in run("maintenance", "run").output


@pytest.mark.usefixtures("customer")
def test_everything_that_is_due_is_done(app: Flask, run: Run) -> None:
    with freeze_time(utc_now() + timedelta(days=32)):
        result = run("maintenance", "run")
        now = utc_now().timestamp()
    assert result.exit_code == 0
    assert (
        result.output.splitlines()
        == [
            "payments: 0 payments open or changed, 0 changed.",
            "credits: Granted 100 credits for 1 months of accounts.",
            "idempotency-keys: 0 expired idempotency keys deleted.",
            "sign-ins: 0 expired sign-ins of the console deleted.",
            "invitations: 0 invitations that ended long ago deleted.",
            "stripe-events: 0 events of Stripe that it can no longer send again deleted.",
            "invoices: 0 invoices of erased accounts lost their buyer.",
        ]
        or "Granted 200 credits" in result.output
    ), result.output
    assert metrics(app) == dict.fromkeys(JOBS, pytest.approx(now, abs=1))


@pytest.mark.usefixtures("customer")
def test_a_job_that_fails_does_not_keep_the_others(app: Flask, run: Run) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE credit_balances RENAME TO credit_balances_gone"))
    try:
        result = run("maintenance", "run")
    finally:
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(text("ALTER TABLE credit_balances_gone RENAME TO credit_balances"))
    assert (result.exit_code, result.output.splitlines()[-1]) == (1, "Error: Failed: credits.")
    assert succeeded(app) == JOBS.keys() - {"credits"}


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """One job more, which fails in a way that nobody thought of."""

    def fail() -> str:
        raise ZeroDivisionError("nobody thought of it")

    others = dict(JOBS)
    JOBS.clear()
    monkeypatch.setitem(JOBS, "odd", fail)
    JOBS.update(others)


@pytest.mark.usefixtures("broken")
def test_a_fault_in_a_job_does_not_keep_the_others(app: Flask, run: Run) -> None:
    result = run("maintenance", "run")
    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == "Error: Failed: odd."
    assert succeeded(app) == JOBS.keys() - {"odd"}


@pytest.fixture
def another(app: Flask) -> Iterator[None]:
    """Another process that is at it."""
    with app.app_context(), job_runs.alone() as alone:
        assert alone
        yield


@pytest.mark.usefixtures("another")
def test_one_process_does_maintenance_at_a_time(app: Flask, run: Run) -> None:
    result = run("maintenance", "run")
    assert (result.exit_code, result.output) == (0, "Another process is running maintenance.\n")
    assert succeeded(app) == set()


def test_the_turn_is_given_back(app: Flask, run: Run) -> None:
    for _ in range(2):
        assert "Another" not in run("maintenance", "run").output
    with app.app_context(), job_runs.alone() as alone:
        assert alone


def test_metrics_are_there_while_the_database_is_not(app: Flask, run: Run) -> None:
    run("maintenance", "run")
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE job_runs RENAME TO job_runs_gone"))
    try:
        assert metrics(app) == {}
        exposition = Caller(app, None).get("/metrics")
        assert (exposition.status_code, b"billing_http_requests_total" in exposition.get_data()) == (200, True)
    finally:
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(text("ALTER TABLE job_runs_gone RENAME TO job_runs"))
    assert set(metrics(app)) == set(JOBS)


class TestEvery:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_repeated_maintenance_goes_on_until_stopped(
        self, app: Flask, database_url: str, number: int, tmp_path: Any
    ) -> None:
        environ = {"DATABASE_URL": database_url, "AUTH_SECRET": "x" * 32, "VAR_DIR": str(tmp_path)}
        process = flask("maintenance", "run", "--every", "1", **environ)
        assert process.stdout is not None
        rounds = [process.stdout.readline() for _ in range(2 * len(JOBS))]
        assert [line.split(":")[0] for line in rounds] == 2 * list(JOBS)
        code, _, err = finish(process, number)
        assert (code, err) == (0, "")
        assert succeeded(app) == set(JOBS)

    def test_repeated_maintenance_survives_an_unavailable_database(self, tmp_path: Any) -> None:
        url = "postgresql://billing@127.0.0.1:1/billing"
        environ = {"DATABASE_URL": url, "AUTH_SECRET": "x" * 32, "VAR_DIR": str(tmp_path)}
        process = flask("maintenance", "run", "--every", "1", **environ)
        assert process.stderr is not None
        for _ in range(2):
            assert process.stderr.readline().startswith("Error: The database is unavailable: ")
        assert finish(process, signal.SIGTERM)[0] == 0
        code, out, err = command("maintenance", "run", **environ)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert err.startswith("Error: The database is unavailable: ")

    @pytest.mark.parametrize("every", ["0", "-1", "1.5", "nan", "soon", "86401", ""])
    def test_odd_pauses_are_wrong_usage(self, run: Run, every: str) -> None:
        assert run("maintenance", "run", "--every", every).exit_code == 2
