"""Every list of the OpenAPI document as CSV and NDJSON: the rows of its pages, in their order."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from app.config import ROOT, Settings
from cli.token import mint
from tests.caller import Caller, data
from tests.document import operations
from tests.factories.bookings import BOOKINGS
from tests.factories.everything import write_everything
from tests.factories.exports import as_cells, csv_of, exact, lines, with_query

PAGING = {"X-Page", "X-Per-Page", "X-Total", "X-Total-Pages", "X-Prev-Page", "X-Next-Page", "Link"}
DOCUMENT = json.loads((ROOT / "docs" / "openapi.json").read_text())


def is_page(operation: Any) -> bool:
    answer = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
    return str(answer.get("schema", {}).get("$ref", "")).endswith("PageResponse")


LISTS = sorted(
    (path, [*operation.get("parameters", []), *DOCUMENT["paths"][path].get("parameters", [])], operation)
    for path, method, operation in operations(DOCUMENT)
    if method == "get" and is_page(operation)
)


@pytest.fixture
def callers(app: Flask, settings: Settings) -> dict[str, Caller]:
    """Who reads which family, after something of everything was written."""
    write_everything(app, settings)
    invited = mint(settings, roles=(), user="kim", email="kim-1@harbour.example")
    return {
        "/v6/": Caller(app, mint(settings)),
        "/v1/account/invitations": Caller(app, invited),
        "/v1/account/": Caller(app, mint(settings, roles=(), user="owner-1")),
        "/v1/billing/": Caller(app, mint(settings, roles=(), user="owner-1")),
        "/v1/admin/": Caller(app, mint(settings)),
    }


def caller_of(callers: dict[str, Caller], path: str) -> Caller:
    return next(caller for prefix, caller in callers.items() if path.startswith(prefix))


def address(callers: dict[str, Caller], path: str) -> str:
    """The path with ids of what `write_everything` wrote."""
    staff, owner = callers["/v6/"], callers["/v1/account/"]
    known: dict[str, Callable[[], Any]] = {
        "billingAccountId": lambda: 1,
        "userId": lambda: 7,
        "clientId": lambda: data(staff.get("/v6/clients"))["results"][0]["id"],
        "resourceBookingId": lambda: data(staff.get(BOOKINGS))["results"][0]["id"],
        "workPeriodPaymentId": lambda: data(staff.get("/v6/work-period-payments"))["results"][0]["id"],
        "accountId": lambda: data(owner.get("/v1/account/settings/"))["id"],
        "transactionId": lambda: data(owner.get("/v1/billing/transactions/"))["results"][0]["id"],
    }
    for name, find in known.items():
        if f"{{{name}}}" in path:
            path = path.replace(f"{{{name}}}", str(find()))
    needed = {
        "/v1/admin/accounts/lookup": {"user_id": "owner-1"},
        "/v1/admin/search": {"q": "harbour"},
        "/v6/reports/budgets": {"maxShare": "1"},
    }
    return with_query(path, **needed[path]) if path in needed else path


def sortings(parameters: list[Any]) -> Iterator[dict[str, str]]:
    """The default order, and every order that a list can be asked for."""
    yield {}
    names = {each["name"]: each["schema"].get("enum", []) for each in parameters if each["in"] == "query"}
    for name in names.get("sortBy", []):
        for order in ("asc", "desc"):
            yield {"sortBy": name, "sortOrder": order}


def pages(caller: Caller, path: str) -> list[Any]:
    """The rows of all pages."""
    per_page = "perPage" if path.startswith("/v6") else "per_page"
    answer = caller.get(with_query(path, **{per_page: 10_000}))
    data(answer)
    rows: list[Any] = exact(answer.get_data())["data"]["results"]
    return rows


def test_there_are_lists_in_the_document() -> None:
    assert len(LISTS) >= 18


def test_every_list_has_the_rows_of_its_pages(callers: dict[str, Caller]) -> None:
    for path, parameters, _ in LISTS:
        caller, known = caller_of(callers, path), address(callers, path)
        for sorting in sortings(parameters):
            sorted_path = with_query(known, **sorting) if sorting else known
            expected = pages(caller, sorted_path)
            assert expected, f"{path} has no rows to compare"
            header, rows = csv_of(caller, sorted_path)
            assert rows == [as_cells(row, header) for row in expected], sorted_path
            assert lines(caller, sorted_path) == expected, sorted_path
            assert {name.partition(".")[0] for name in header} == {name for row in expected for name in row}


def test_every_list_sends_where_a_page_stands_and_says_so(callers: dict[str, Caller]) -> None:
    for path, _, operation in LISTS:
        answer = caller_of(callers, path).get(address(callers, path))
        found = data(answer)
        assert answer.headers["X-Total"] == str(found["count"]), path
        assert answer.headers["X-Total-Pages"] == str(found.get("totalPages", found.get("total_pages"))), path
        assert all(f'rel="{relation}"' in answer.headers["Link"] for relation in ("first", "last")), path
        assert operation["responses"]["200"]["headers"].keys() >= PAGING, path


def test_every_list_describes_its_formats() -> None:
    for path, parameters, operation in LISTS:
        content = operation["responses"]["200"]["content"]
        assert list(content) == ["application/json", "text/csv", "application/x-ndjson"], path
        (format_,) = [each for each in parameters if each["name"] == "format"]
        assert format_["schema"]["enum"] == ["json", "csv", "ndjson"], path
        assert "`export_busy`" in operation["responses"]["429"]["description"], path
        assert "`not_acceptable`" in operation["responses"]["406"]["description"], path


def test_every_list_refuses_a_page_of_an_export(callers: dict[str, Caller]) -> None:
    for path, parameters, _ in LISTS:
        caller, known = caller_of(callers, path), address(callers, path)
        for name in {"page", "perPage", "per_page"} & {each["name"] for each in parameters}:
            answer = caller.get(with_query(known, format="csv", **{name: 1}))
            assert answer.status_code == 400, path
            assert name in exact(answer.get_data())["error"]["details"]["query"], path
