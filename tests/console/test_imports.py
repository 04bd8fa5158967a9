"""Pages of imports: the figures that were printed, for administrators."""

import pytest
from flask import Flask

from tests.console.conftest import Browsers
from tests.factories.imports import write_imports


@pytest.fixture
def runs_kept(app: Flask) -> None:
    """A run that failed, and one that was killed."""
    write_imports(app)


@pytest.mark.usefixtures("runs_kept")
def test_runs_are_listed_with_their_reports(browser: Browsers) -> None:
    web = browser()
    page = web.get("/console/imports")
    assert [row[3] for row in page.cells()] == ["running", "failed"]
    assert page.cells()[1][5:] == ["3", "2", "0", "1"]
    [report] = [link for link in web.get("/console/imports?dryRun=true").links() if "/imports/" in link]
    page = web.get(report)
    assert page.alert == "Every row was rejected"
    assert page.cells(0) == [["time_oltp:project", "3", "2", "0", "0", "0", "0", "1"]]
    assert page.cells(1) == [["time_oltp:project budget", "11.25", "10.25", "0.00", "0.00", "1.00", "0.00"]]
    assert page.cells(2) == [["time_oltp:project", "name: missing", "1"]]
    [killed] = [link for link in web.get("/console/imports?outcome=running").links() if "/imports/" in link]
    assert "has not ended" in web.get(killed).said
    web.get("/console/imports/999", 404)


def test_only_administrators_see_them(browser: Browsers) -> None:
    web = browser(roles=("bookingmanager",))
    assert "/console/imports" not in web.get("/console/payments").links()
    web.get("/console/imports", 403)
