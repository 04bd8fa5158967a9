"""Pages of reports: they show the API's numbers, in a chart and in the table beside it."""

import pytest

from app.clock import utc_now
from tests.caller import Caller, data
from tests.console.conftest import Browsers
from tests.factories.accounts import create_account, create_client
from tests.factories.desk import Customer


@pytest.mark.parametrize("page", ["", "/credits", "/budgets", "/receivables"])
def test_reports_are_files_too(browser: Browsers, page: str) -> None:
    assert browser().get(f"/console/reports{page}?format=csv").response.mimetype == "text/csv"


def test_the_credits_of_a_month(browser: Browsers, admin: Caller, customers: list[Customer]) -> None:
    assert customers
    month = f"{utc_now():%Y-%m}"
    report = data(admin.get(f"/v1/admin/reports/credits/?month={month}"))
    page = browser().get(f"/console/reports/credits?month={month}")
    cells = dict(page.cells())
    assert cells["Purchased"] == f"+ {report['purchased']:,}"
    assert cells["Spent"] == f"\N{MINUS SIGN} {report['spent']:,}"
    assert page.find("tfoot").find_all("td")[0].get_text(strip=True) == f"{report['closing']:,}"
    assert "Not a valid month" in browser().get("/console/reports/credits?month=x").alert


def test_usage_by_day_and_type(browser: Browsers, customers: list[Customer]) -> None:
    assert customers
    page = browser().get("/console/reports")
    assert page.cells(0)[-1][1:] == ["15", "0", "2"]
    assert page.cells(1) == [["search", "15", "0", "2"]]
    assert len(page.html.find_all("svg", class_="chart")) == 2


def test_budgets_running_out(browser: Browsers, admin: Caller) -> None:
    account_id = create_account(admin, create_client(admin))
    lock = {"externalId": "c-1", "externalType": "CHALLENGE", "amount": 90}
    data(admin.patch(f"/v6/billing-accounts/{account_id}/lock-amount", lock))
    web = browser()
    page = web.get("/console/reports/budgets")
    assert page.cells() == [["Acme 2025", "Acme", "100.00", "10.00", "10%", "0.00", "\N{EN DASH}"]]
    assert "1 billing accounts run out of budget" in web.get("/console").find(class_="attention").get_text(
        " ", strip=True
    )


def test_receivables_by_age(browser: Browsers, customers: list[Customer]) -> None:
    open_ones = [each.bought[1]["invoice"] for each in customers]
    page = browser().get("/console/reports/receivables")
    assert page.cells(0)[0][:2] == ["not due", "2"]
    assert sorted(row[0] for row in page.cells(1)) == sorted(each["invoice_number"] for each in open_ones)
