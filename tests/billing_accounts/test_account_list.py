from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.caller import ACCOUNTS, Caller, Open, data, error
from tests.factories.accounts import create_client

SORTS = {
    "id": "id",
    "name": "name",
    "status": "status",
    "startDate": "startDate",
    "endDate": "endDate",
    "createdAt": "createdAt",
    "createdBy": "createdBy",
    "remainingBudget": "totalBudgetRemaining",
}


def found(caller: Caller, **arguments: Any) -> Any:
    return data(caller.get(f"{ACCOUNTS}?{urlencode(arguments)}"))


def names(caller: Caller, **arguments: Any) -> list[str]:
    return sorted(account["name"] for account in found(caller, **arguments)["results"])


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"sortBy": "budget"}, "sortBy"),
        ({"sortBy": "name", "sortOrder": "up"}, "sortOrder"),
        ({"status": "active"}, "status"),
        ({"page": 0}, "page"),
        ({"perPage": 10_001}, "perPage"),
        ({"startDateFrom": "soon"}, "startDateFrom"),
        ({"endDateTo": "2025-02-30"}, "endDateTo"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_asked_is_named(admin: Caller, arguments: dict[str, Any], field: str) -> None:
    details = error(admin.get(f"{ACCOUNTS}?{urlencode(arguments)}"), 400, "invalid_input")["details"]
    assert field in details["query"]


def test_accounts_are_found_by_id(admin: Caller, open_account: Open) -> None:
    first, _, third = (open_account(name=name) for name in ("one", "two", "three"))
    assert names(admin, id=third) == ["three"]
    assert names(admin, id=f"{first},{third},99999") == ["one", "three"]


def test_no_account_is_an_empty_page(admin: Caller) -> None:
    assert found(admin) == {"results": [], "count": 0, "page": 1, "perPage": 20, "totalPages": 0}


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("ACME", ["100% Acme", "acme_1", "acme_2x"]),
        ("%", ["100% Acme"]),
        ("_", ["acme_1", "acme_2x"]),
        ("e_1", ["acme_1"]),
        ("łódź", ["Łódź \\ O'Neill"]),
        ("\\", ["Łódź \\ O'Neill"]),
        ("o'n", ["Łódź \\ O'Neill"]),
        ("x", ["acme_2x"]),
        ("acme_1x", []),
        ("", ["100% Acme", "acme_1", "acme_2x", "Łódź \\ O'Neill"]),
    ],
)
def test_a_name_is_found_by_any_part_of_it(admin: Caller, open_account: Open, part: str, expected: list[str]) -> None:
    for name in ("100% Acme", "acme_1", "acme_2x", "Łódź \\ O'Neill"):
        open_account(name=name)
    assert names(admin, name=part) == expected
    assert found(admin, name=part)["count"] == len(expected)


def test_filters_narrow_together(admin: Caller, open_account: Open, client_id: str) -> None:
    other = create_client(admin, "Globex")
    one, two = open_account(name="one"), open_account(name="two", clientId=other, status="INACTIVE")
    open_account(name="three")
    for account, user in ((one, "7"), (two, "7"), (two, "8")):
        data(admin.post(f"{ACCOUNTS}/{account}/users", {"userId": user}), 201)
    assert names(admin, clientId=client_id) == ["one", "three"]
    assert names(admin, userId="7") == ["one", "two"]
    assert names(admin, userId="nobody") == []
    assert names(admin, status="INACTIVE") == ["two"]
    assert names(admin, userId="7", clientId=client_id) == ["one"]
    assert names(admin, userId="7", name="t") == ["two"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"startDateFrom": "2025-03-01"}, ["march", "may"]),
        ({"startDateFrom": "2025-03-01T12:00:00Z"}, ["march", "may"]),
        ({"startDateFrom": "2025-03-01T12:00:01Z"}, ["may"]),
        ({"startDateTo": "2025-03-01"}, ["january", "march"]),
        ({"startDateTo": "2025-03-01T11:59Z"}, ["january"]),
        ({"endDateFrom": "2026-05-01"}, ["may"]),
        ({"endDateTo": "2026-03-01"}, ["january", "march"]),
        ({"startDateFrom": "2025-02-01", "endDateTo": "2026-04-01"}, ["march"]),
    ],
)
def test_dates_bound_from_both_ends(
    admin: Caller, open_account: Open, arguments: dict[str, str], expected: list[str]
) -> None:
    for name, month in (("january", "01"), ("march", "03"), ("may", "05")):
        open_account(name=name, startDate=f"2025-{month}-01T12:00Z", endDate=f"2026-{month}-01T12:00Z")
    open_account(name="undated")
    assert names(admin, **arguments) == expected


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort_by", SORTS)
def test_every_sort_covers_all_pages_and_is_total(
    admin: Caller, as_caller: Any, client_id: str, sort_by: str, order: str
) -> None:
    for number in range(14):
        dates = {"startDate": f"2025-01-0{number % 3 + 1}T00:00Z", "endDate": f"2026-01-0{number % 4 + 1}T00:00Z"}
        own = {"name": f"{'aBc'[number % 3]}", "status": ("ACTIVE", "INACTIVE")[number % 2], **dates}
        account = {"budget": number % 5, "markup": 0, "clientId": client_id, **own}
        data(as_caller(roles=("administrator",), user=f"u{number % 3}").post(ACCOUNTS, account), 201)
    rows = []
    for page in range(1, 4):
        answer = found(admin, sortBy=sort_by, sortOrder=order, perPage=5, page=page)
        assert (answer["count"], answer["page"], answer["perPage"], answer["totalPages"]) == (14, page, 5, 3)
        rows += answer["results"]
    field = SORTS[sort_by]
    keys = [(row[field].lower() if field == "name" else row[field], row["id"]) for row in rows]
    assert len({row["id"] for row in rows}) == 14
    assert keys == sorted(keys, reverse=order == "desc")


def test_the_newest_come_first_unless_sorted(admin: Caller, open_account: Open) -> None:
    made = [open_account() for _ in range(3)]
    assert [row["id"] for row in found(admin)["results"]] == made[::-1]
    assert [row["id"] for row in found(admin, sortBy="id")["results"]] == made, "a sort ascends unless told otherwise"


def test_a_page_past_the_end_is_empty_and_still_counts(admin: Caller, open_account: Open) -> None:
    for _ in range(3):
        open_account()
    answer = found(admin, page=3, perPage=2)
    assert (answer["results"], answer["count"], answer["totalPages"]) == ([], 3, 2)
    assert found(admin, page=2**31 - 1, perPage=10_000)["count"] == 3


def test_pages_do_not_overlap(admin: Caller, open_account: Open) -> None:
    for _ in range(7):
        open_account(name="same")
    ids = [row["id"] for page in (1, 2, 3) for row in found(admin, sortBy="name", perPage=3, page=page)["results"]]
    assert all(first < second for first, second in pairwise(ids))
    assert len(ids) == 7


def test_rows_show_client_and_totals(admin: Caller, open_account: Open) -> None:
    account_id = open_account(budget=10)
    data(admin.patch(f"{ACCOUNTS}/{account_id}/lock-amount", {"challengeId": "c1", "amount": 4}))
    row = found(admin)["results"][0]
    assert (row["lockedBudget"], row["totalBudgetRemaining"], row["client"]["name"]) == (4, 6, "Acme")
    assert "lockedAmounts" not in row
