"""The page of the state of the service."""

from typing import Any

from flask import Flask

from app.db import job_runs
from tests.console.conftest import Browsers
from tests.console.web import sent


def test_it_shows_when_jobs_last_ran(app: Flask, browser: Browsers, messages: list[Any]) -> None:
    web = browser()
    assert "Maintenance never ran" in web.get("/console/health").find("main").get_text()
    with app.app_context():
        job_runs.record_success("ledger verify")
        job_runs.record_success("payments")
    messages.clear()
    page = web.get("/console/health")
    assert sent(messages) <= 4
    assert [row[:2] for row in page.cells(0)] == [["ledger verify", "succeeded"], ["audit verify", "never ran"]]
    assert [row[:2] for row in page.cells(1)] == [["payments", "succeeded"]]


def test_it_is_for_administrators(browser: Browsers) -> None:
    web = browser(roles=("bookingmanager",))
    assert "/console/health" not in web.get("/console/health", 403).links()
