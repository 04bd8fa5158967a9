"""`/v6/health/report`: what operators look at first."""

from collections.abc import Callable

import pytest
from flask import Flask

from app.db import job_runs
from tests.caller import Caller, data, error

REPORT = "/v6/health/report"


def test_it_is_for_administrators_and_machines_with_its_scope(as_caller: Callable[..., Caller]) -> None:
    error(as_caller(roles=("bookingmanager",)).get(REPORT), 403, "forbidden")
    error(as_caller(roles=(), scopes=("all:client",)).get(REPORT), 403, "forbidden")
    data(as_caller(roles=(), scopes=("read:health",)).get(REPORT))


def test_it_has_the_last_success_and_failure_of_each_job(app: Flask, admin: Caller) -> None:
    def fail() -> None:
        with job_runs.noted("payments"):
            raise ZeroDivisionError

    with app.app_context():
        with job_runs.noted("ledger verify"):
            pass
        with pytest.raises(ZeroDivisionError):
            fail()
        assert set(job_runs.last_successes()) == {"ledger verify"}
    verified, paid = data(admin.get(REPORT))["jobs"]
    assert (verified["job"], verified["failedAt"]) == ("ledger verify", None)
    assert (paid["job"], paid["succeededAt"]) == ("payments", None)
    assert verified["succeededAt"] <= paid["failedAt"]
    with app.app_context(), job_runs.noted("payments"):
        pass
    paid = data(admin.get(REPORT))["jobs"][1]
    assert paid["failedAt"] <= paid["succeededAt"]


def test_it_counts_requests_and_knows_the_revision(admin: Caller) -> None:
    before, after = (data(admin.get(REPORT)) for _ in range(2))
    assert after["requests"]["handled"] > before["requests"]["handled"]
    assert after["requests"]["failed"] <= after["requests"]["handled"]
    assert after["databaseRevision"] == after["expectedRevision"]
    assert after["replica"] is None
