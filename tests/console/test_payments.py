"""Payments: what is done to many is seen before, refusals stand beside their items, and nothing is done twice."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.caller import Caller, data
from tests.console.conftest import Browsers
from tests.console.web import Page, Web
from tests.factories.bookings import BOOKINGS, PAYMENTS, PERIODS, create_booking, move, pay, periods_of

BOARD = "/console/payments"


@pytest.fixture
def booking(admin: Caller, open_account: Callable[..., int]) -> Any:
    """A booking of three weeks at 500 each, on an account with a budget of 1,200."""
    return create_booking(admin, open_account(budget=1200))


@pytest.fixture
def paying(as_caller: Callable[..., Caller]) -> Callable[[Any], Any]:
    """Has processing begin to pay a payment out, which can then not be cancelled."""
    machine = as_caller(scopes=("process:taas-workPeriodPayments",), user="processor")
    return lambda payment: move(machine, payment, "in-progress")


@pytest.fixture
def weeks(admin: Caller, booking: Any) -> list[str]:
    """The ids of its weeks."""
    return periods_of(admin, booking["id"])


def statuses(admin: Caller) -> list[str]:
    return sorted(payment["status"] for payment in data(admin.get(PAYMENTS))["results"])


def change(web: Web, action: str, *chosen: str, status: int = 200, **entries: str) -> Page:
    """What the page says that an action would do."""
    form = web.get(BOARD).form("See what will happen")
    for name, entry in {"action": action, **entries}.items():
        form[name] = entry
    if chosen:
        form["chosen"] = list(chosen)
    return form.submit(status)


def test_the_board_shows_payments_by_status(browser: Browsers, admin: Caller, weeks: list[str]) -> None:
    first, second = pay(admin, weeks[0]), pay(admin, weeks[1])
    data(admin.patch(f"{PAYMENTS}/{second['id']}", {"status": "cancelled"}))
    page = browser().get(BOARD, query={"status": ["scheduled", "failed"], "userHandle": "ANN"})
    [row] = page.cells()
    assert row[2:7] == ["ann", "17", "scheduled", "5", "500.00"]
    assert f"{BOARD}/{first['id']}" in page.links()
    chosen = [each["value"] for each in page.html.select("fieldset input[checked]")]
    assert chosen == ["scheduled", "failed"]


def test_what_would_happen_is_seen_before_it_is_done(
    browser: Browsers, admin: Caller, paying: Callable[[Any], Any], weeks: list[str]
) -> None:
    first, second = pay(admin, weeks[0]), paying(pay(admin, weeks[1]))
    would = change(browser(), "cancel", first["id"], second["id"], change_reason="Wrong week")
    outcomes = {row[0]: row[-1] for row in would.cells()}
    assert outcomes[first["id"]] == "cancelled"
    assert outcomes[second["id"]] not in {"", "cancelled"}
    assert statuses(admin) == ["in-progress", "scheduled"]
    page = would.form("Cancel").submit().follow()
    assert page.said == "The payment was changed."
    assert statuses(admin) == ["cancelled", "in-progress"]
    history = data(admin.get(f"{PAYMENTS}/{first['id']}/history"))["results"]
    assert history[0]["reason"] == "Wrong week"
    assert len(data(admin.get(f"{PAYMENTS}/{second['id']}/history"))["results"]) == 2


def test_payments_move_to_another_account_once(
    browser: Browsers, admin: Caller, open_account: Callable[..., int], weeks: list[str]
) -> None:
    payment, other = pay(admin, weeks[0]), open_account(budget=500)
    would = change(browser(), "move", payment["id"], billingAccountId=str(other))
    confirmed = would.form("Move to")
    assert confirmed.submit().response.location == confirmed.submit().response.location
    assert data(admin.get(f"{PAYMENTS}/{payment['id']}"))["billingAccountId"] == other
    would = change(browser(), "move", payment["id"], billingAccountId="9999")
    assert "All would be refused" in would.alert


def test_a_refusal_after_all_stands_beside_its_item(
    browser: Browsers, admin: Caller, paying: Callable[[Any], Any], weeks: list[str]
) -> None:
    first, second = pay(admin, weeks[0]), pay(admin, weeks[1])
    would = change(browser(), "cancel", first["id"], second["id"])
    paying(first)
    page = would.form("Cancel").submit(200)
    assert "Done for 1 of 2" in page.said
    assert [row[-1] for row in page.cells() if row[0] == second["id"]] == ["cancelled"]
    assert statuses(admin) == ["cancelled", "in-progress"]


def test_nothing_chosen_is_said(browser: Browsers, weeks: list[str]) -> None:
    assert weeks
    assert "Choose at least one" in change(browser(), "cancel", status=400).alert
    assert "what to do" in change(browser(), "", status=400).alert


def test_chosen_weeks_are_paid_as_far_as_the_budget_goes(browser: Browsers, admin: Caller, weeks: list[str]) -> None:
    web = browser()
    page = web.get(f"{BOARD}/periods", query={"paymentStatus": "pending", "choose": "all"})
    assert [row[5:8] for row in page.cells()] == [["5", "0", "5"]] * 3
    would = page.form("See what paying the chosen costs").submit(200)
    assert sorted(row[-1] == "scheduled" for row in would.cells()) == [False, True, True]
    assert would.html.select("tfoot")[0].get_text(" ", strip=True) == "2 in all 10 1,000.00"
    assert statuses(admin) == []
    assert would.form("Pay").submit().follow().said == "2 payments were scheduled."
    assert statuses(admin) == ["scheduled", "scheduled"]
    assert len(weeks) == 3


def test_a_run_pays_what_matches_once_it_was_seen(browser: Browsers, admin: Caller, booking: Any) -> None:
    form = browser().get(f"{BOARD}/run").form()
    assert "At least one condition" in form.submit(400).find("main").get_text()
    form["billingAccountIds"] = str(booking["billingAccountId"])
    would = form.submit(200)
    assert would.cells() == [[str(booking["billingAccountId"]), "1,200.00", "1,000.00", "200.00"]]
    assert len(would.cells(1)) == 1
    assert statuses(admin) == []
    done = would.form("Pay")
    assert "2 payments of 1,000.00 USD" in done.submit(200).said
    assert done.submit(200).cells() == would.cells()
    assert statuses(admin) == ["scheduled", "scheduled"]


def test_a_mistyped_condition_is_named_beside_its_field(browser: Browsers) -> None:
    form = browser().get(f"{BOARD}/run").form()
    form["workPeriods.endDateTo"] = "soon"
    assert form.submit(400).find(id="field-workPeriods-endDateTo-problem").get_text()


def test_a_payment_is_edited_and_shows_why(browser: Browsers, admin: Caller, weeks: list[str]) -> None:
    web, payment = browser(), pay(admin, weeks[0])
    form = web.get(f"{BOARD}/{payment['id']}/edit").form()
    form["days"], form["change_reason"] = "3", "Two days off"
    page = form.submit().follow()
    assert page.find(class_="figure").get_text(" ", strip=True) == "300.00 USD for 3 days"
    history = web.get(f"{BOARD}/{payment['id']}/history").cells()
    assert history[0][-1] == "Two days off"
    assert "cancelled" in page.form("Cancel").submit(200, action="cancel").cells()[0]


def test_a_week_gets_its_days_and_a_payment(browser: Browsers, admin: Caller, weeks: list[str]) -> None:
    web, at = browser(), f"{BOARD}/periods/{weeks[0]}"
    form = web.get(f"{at}/edit").form()
    form["daysWorked"] = "11"
    assert form.submit(400).find(id="field-daysWorked-problem")
    form["daysWorked"] = "4"
    form.submit()
    assert data(admin.get(f"{PERIODS}/{weeks[0]}"))["daysWorked"] == 4
    form = web.get(f"{at}/pay").form()
    form["days"] = "3"
    would = form.submit(200)
    assert "300.00" in would.find("dl").get_text()
    page = would.form("Pay").submit().follow()
    assert [row[1:4] for row in page.cells()] == [["scheduled", "3", "300.00"]]


def test_a_booking_is_created_edited_and_shows_its_weeks(browser: Browsers, admin: Caller, account_id: int) -> None:
    web = browser()
    form = web.get("/console/bookings/new").form()
    entries = {"projectId": "7", "userId": "9", "userHandle": "bob", "startDate": "2025-03-03", "endDate": "2025-03-14"}
    for name, entry in {**entries, "memberRate": "400", "billingAccountId": str(account_id)}.items():
        form[name] = entry
    page = form.submit().follow()
    assert page.title == "bob on project 7"
    assert [row[4] for row in page.cells()] == ["5", "5"]
    [booking] = data(admin.get(BOOKINGS))["results"]
    edit = web.get(f"/console/bookings/{booking['id']}/edit").form()
    edit["endDate"], edit["userHandle"] = "2025-03-07", ""
    assert len(edit.submit().follow().cells()) == 1
    changed = data(admin.get(f"{BOOKINGS}/{booking['id']}"))
    assert (changed["userHandle"], changed["memberRate"]) == (None, 400)
    assert len(web.get("/console/bookings", query={"status": "placed"}).cells()) == 1


def test_who_may_not_read_payments_sees_neither_section_nor_page(browser: Browsers, weeks: list[str]) -> None:
    web = browser(roles=("copilot",))
    assert not {BOARD, "/console/bookings"} & set(web.get("/console/billing-accounts").links())
    for page in (BOARD, f"{BOARD}/periods", f"{BOARD}/periods/{weeks[0]}", f"{BOARD}/run", "/console/bookings"):
        web.get(page, 403)


def test_only_administrators_are_offered_to_mark_payments_as_failed(
    browser: Browsers, admin: Caller, weeks: list[str]
) -> None:
    payment = pay(admin, weeks[0])
    for roles, offered in ((("administrator",), True), (("bookingmanager",), False)):
        web = browser(roles=roles)
        for page in (BOARD, f"{BOARD}/{payment['id']}"):
            assert ("Mark as failed" in web.get(page).find("main").get_text()) is offered, (roles, page)
