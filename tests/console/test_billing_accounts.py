"""Pages of billing accounts: the numbers of the API, corrections seen before they are done, and what each role sees."""

from typing import Any

import pytest

from tests.caller import ACCOUNTS, Caller, data, error
from tests.console.conftest import Browsers
from tests.console.web import Page, sent

LIST = "/console/billing-accounts"


@pytest.fixture
def path(admin: Caller, account_id: int) -> str:
    """The page of an account with a budget of 100, of which 30 are locked and 20 consumed."""
    for change in ("lock", "consume"):
        amount = {"challengeId": change, "amount": {"lock": 30, "consume": 20}[change]}
        data(admin.patch(f"{ACCOUNTS}/{account_id}/{change}-amount", amount))
    return f"{LIST}/{account_id}"


def facts(page: Page) -> dict[str, str]:
    """The facts that a page shows, by label."""
    return {
        each.select("dt")[0].get_text(strip=True): each.select("dd")[0].get_text(" ", strip=True)
        for each in page.html.select("dl.facts > div")
    }


def balance(admin: Caller, account_id: int) -> Any:
    return data(admin.get(f"{ACCOUNTS}/{account_id}/balance"))


def test_the_list_shows_what_remains_and_finds_by_name(browser: Browsers, path: str) -> None:
    page = browser().get(LIST, query={"name": "acme"})
    [row] = page.cells()
    assert [row[2], *row[4:8]] == ["ACTIVE", "100.00", "30.00", "20.00", "50.00"]
    assert path in page.links()
    assert "No billing account matches" in browser().get(LIST, query={"name": "other"}).find(id="results").get_text()


def test_the_list_is_a_file_too(browser: Browsers, path: str) -> None:
    file = browser().get(LIST, query={"format": "csv"}).response
    assert file.mimetype == "text/csv"
    assert path.rpartition("/")[2] in file.get_data(as_text=True)


def test_a_filter_that_is_mistyped_is_named(browser: Browsers) -> None:
    assert "endDateFrom" in browser().get(LIST, query={"endDateFrom": "soon"}).alert


def test_an_account_shows_its_lines_and_when_locks_expire(browser: Browsers, admin: Caller, path: str) -> None:
    account = path.rpartition("/")[2]
    lock = {"challengeId": "soon", "amount": 1, "expiresAt": "2027-01-02T03:04:05Z"}
    data(admin.patch(f"{ACCOUNTS}/{account}/lock-amount", lock))
    page = browser().get(path)
    assert page.find(class_="figure").get_text(" ", strip=True) == "49.00 of 100.00 USD remain"
    rows = {row[0]: row[2:] for row in page.cells()}
    assert (rows["soon"][:2], rows["consume"][:2]) == (["locked", "1.00"], ["consumed", "20.00"])
    assert page.find("time", datetime="2027-01-02T03:04:05.000Z")


def test_a_statement_needs_few_statements(browser: Browsers, path: str, messages: list[Any]) -> None:
    web, address = browser(), f"{path}/statement?from=2020-01-01&to=2030-01-01"
    web.get(address)
    messages.clear()
    web.get(address)
    assert sent(messages) <= 4


def test_an_unknown_account_is_a_page_that_says_so(browser: Browsers) -> None:
    assert "9999" in browser().get(f"{LIST}/9999", 404).alert


def test_an_account_is_created_and_edited(browser: Browsers, admin: Caller, client_id: str) -> None:
    web = browser()
    form = web.get(f"{LIST}/new?clientId={client_id}").form()
    for name, entry in {"name": "Acme 2027", "budget": "1000.50", "markup": "0.2", "endDate": "2027-12-31"}.items():
        form[name] = entry
    page = form.submit().follow()
    [account] = data(admin.get(ACCOUNTS))["results"]
    assert (account["clientId"], account["budget"], account["billable"]) == (client_id, 1000.5, True)
    edit = web.get(f"{LIST}/{account['id']}/edit").form()
    edit["poNumber"], edit["change_reason"] = "PO-7", "As the client wrote"
    assert edit.submit().follow().title == page.title == "Acme 2027"
    changed = data(admin.get(f"{ACCOUNTS}/{account['id']}"))
    assert (changed["poNumber"], changed["budget"], changed["endDate"]) == ("PO-7", 1000.5, "2027-12-31T23:59:59.999Z")
    history = web.get(f"{LIST}/{account['id']}/history").cells()
    assert ("PO-7", "As the client wrote") in [(row[-2].rpartition(" ")[2], row[-1]) for row in history]


def test_a_budget_is_adjusted_once_and_seen_before(browser: Browsers, admin: Caller, path: str) -> None:
    account = int(path.rpartition("/")[2])
    form = browser().get(f"{path}/adjust").form()
    form["amount"], form["reason"] = "-25.50", "Budget cut"
    would = form.submit(200)
    assert facts(would) == {"Budget now": "100.00", "Budget then": "74.50", "Remaining then": "24.50"}
    assert balance(admin, account)["budget"] == 100
    confirmed = would.form("Adjust the budget")
    confirmed.submit()
    page = confirmed.submit().follow()
    assert balance(admin, account)["budget"] == 74.5
    assert page.cells()[0][-2] == "Budget cut"


def test_a_refused_adjustment_says_why_beside_its_field(browser: Browsers, path: str) -> None:
    form = browser().get(f"{path}/adjust").form()
    form["amount"], form["reason"] = "0", "None"
    assert "Must not be 0." in form.submit(400).find(id="field-amount-problem").get_text()
    form["amount"] = "-60"
    assert form.submit(409).alert


def test_a_consumed_amount_is_reversed(browser: Browsers, admin: Caller, path: str) -> None:
    web = browser()
    [reverse] = [link for link in web.get(path).links() if "/reverse/" in link]
    assert reverse in web.get(f"{path}/movements").links()
    form = web.get(reverse).form()
    form["amount"], form["reason"] = "5", "Prize lowered"
    would = form.submit(200)
    assert facts(would) == {
        "Taken back": "5.00", "Of": "CHALLENGE consume", "Consumed then": "15.00", "Remaining then": "55.00",
    }  # fmt: skip
    would.form().submit()
    assert balance(admin, int(path.rpartition("/")[2]))["consumedBudget"] == 15


def test_what_remains_is_carried_over(browser: Browsers, admin: Caller, open_account: Any, path: str) -> None:
    other = open_account(name="Next year")
    form = browser().get(f"{path}/carry-over").form()
    form["toBillingAccountId"], form["reason"] = str(other), "New year"
    would = form.submit(200)
    assert facts(would) == {
        "Moved": "50.00", "Remaining here then": "0.00", f"Budget of account {other} then": "150.00",
    }  # fmt: skip
    would.form().submit()
    assert balance(admin, other)["budget"] == 150


def test_a_statement_shows_both_ends_and_is_downloaded(browser: Browsers, admin: Caller, path: str) -> None:
    web = browser()
    form = web.get(f"{path}/statement").form("Show")
    form["from"], form["to"] = "2020-01-01", "2030-01-01"
    page = form.submit()
    assert [row[2:] for row in page.cells()] == [["0.00"] * 4, ["100.00", "30.00", "20.00", "50.00"]]
    assert form.submit(format="csv").response.mimetype == "text/csv"
    assert form.submit(format="pdf").response.get_data().startswith(b"%PDF")
    form["from"] = "soon"
    address = f"{ACCOUNTS}/{path.rpartition('/')[2]}/statement?from=soon&to=2030-01-01"
    assert form.submit().alert == error(admin.get(address), 400)["message"]


def test_access_is_granted_and_revoked(browser: Browsers, path: str) -> None:
    web = browser()
    form = web.get(f"{path}/users/new").form()
    form["userId"], form["userHandle"] = "corp/ann", "ann"
    page = form.submit().follow()
    assert page.cells()[0][:2] == ["ann", "corp/ann"]
    [revoke] = [link for link in page.links() if "/revoke/" in link]
    would = web.get(revoke).form().submit(200)
    assert "corp/ann" in would.said
    assert web.get(f"{path}/users").cells()
    assert not would.form().submit().follow().html.find("table")


def test_a_copilot_sees_payments_to_members_and_no_markup(browser: Browsers, path: str) -> None:
    web = browser(roles=("copilot",))
    page = web.get(path)
    assert "For payments to members 40.00" in page.find(class_="legend").get_text(" ", strip=True)
    assert "Markup" not in facts(page)
    assert [row[4] for row in page.cells() if row[0] == "consume"] == ["16.67"]
    assert not [link for link in page.links() if link.endswith(("/edit", "/adjust", "/history")) or "/reverse/" in link]
    for form in ("edit", "adjust", "carry-over", "users/new", "history"):
        web.get(f"{path}/{form}", 403)
    assert len(web.get(LIST).cells()) == 1


def test_a_project_manager_sees_accounts_that_were_granted(browser: Browsers, admin: Caller, path: str) -> None:
    web = browser(roles=("project manager",), user="77")
    web.get(path, 404)
    data(admin.post(f"{ACCOUNTS}/{path.rpartition('/')[2]}/users", {"userId": "77"}), 201)
    assert web.get(path).title == "Acme 2025"
