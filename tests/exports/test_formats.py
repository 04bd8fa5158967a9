"""Which format a list is returned in, and what stands in it."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from tests.caller import ACCOUNTS, Caller, Open, data, error
from tests.factories.accounts import create_client
from tests.factories.exports import csv_of, lines, records, text_of

CLIENTS = "/v6/clients"
JSON, CSV, NDJSON = "application/json", "text/csv", "application/x-ndjson"


class TestNegotiation:
    @pytest.mark.parametrize(
        ("accept", "served"),
        [
            ("", JSON),
            ("*/*", JSON),
            ("application/json", JSON),
            ("application/json; charset=utf-8", JSON),
            ("application/json, text/plain, */*", JSON),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON),
            ("application/*", JSON),
            ("text/csv", CSV),
            ("TEXT/CSV", CSV),
            ("text/csv; header=present", CSV),
            ("text/csv, */*", CSV),
            ("text/*", CSV),
            ("application/json;q=0.5, text/csv", CSV),
            ("text/csv;q=0.5, application/json", JSON),
            ("text/csv;q=0.5, application/json;q=0.4", CSV),
            ("application/json;q=0, */*", CSV),
            ("text/csv;q=0, text/*, application/x-ndjson;q=0.1", NDJSON),
            ("application/x-ndjson", NDJSON),
            ("application/x-ndjson, application/json;q=0.9", NDJSON),
        ],
    )
    def test_type_of_the_highest_quality_is_served(self, admin: Caller, accept: str, served: str) -> None:
        answer = admin.get(CLIENTS, Accept=accept)
        assert (answer.status_code, answer.mimetype) == (200, served)

    @pytest.mark.parametrize("accept", ["application/pdf", "text/html", "application/json;q=0", "*/*;q=0", "image/*"])
    def test_what_is_not_served_is_not_acceptable(self, admin: Caller, accept: str) -> None:
        error(admin.get(CLIENTS, Accept=accept), 406, "not_acceptable")

    def test_strangers_are_told_so_first(self, app: Flask) -> None:
        error(Caller(app, None).get(CLIENTS, Accept="application/pdf"), 401)
        error(Caller(app, None).get(f"{CLIENTS}?format=csv"), 401)

    @pytest.mark.parametrize(("named", "served"), [("csv", CSV), ("ndjson", NDJSON), ("json", JSON)])
    def test_parameter_takes_precedence(self, admin: Caller, named: str, served: str) -> None:
        for accept in (CSV, NDJSON, JSON, "application/pdf"):
            assert admin.get(f"{CLIENTS}?format={named}", Accept=accept).mimetype == served

    @pytest.mark.parametrize("query", ["format=xml", "format=CSV", "format=", "format=csv&format=json"])
    def test_unknown_format_is_invalid(self, admin: Caller, query: str) -> None:
        assert "format" in error(admin.get(f"{CLIENTS}?{query}"), 400, "invalid_input")["details"]["query"]

    def test_page_of_json_by_parameter_is_an_ordinary_page(self, admin: Caller) -> None:
        assert data(admin.get(f"{CLIENTS}?format=json&page=1&perPage=5"))["perPage"] == 5

    def test_single_objects_have_no_format(self, admin: Caller, account_id: int) -> None:
        assert "format" in error(admin.get(f"{ACCOUNTS}/{account_id}?format=csv"), 400)["details"]["query"]
        data(admin.get(f"{ACCOUNTS}/{account_id}", Accept=CSV))


class TestPages:
    @pytest.mark.parametrize("name", ["page", "perPage"])
    def test_page_of_an_export_is_refused(self, admin: Caller, name: str) -> None:
        for path, accept in ((f"{CLIENTS}?format=csv&{name}=1", "*/*"), (f"{CLIENTS}?{name}=1", NDJSON)):
            failure = error(admin.get(path, Accept=accept), 400, "invalid_input")
            assert failure["details"]["query"] == {name: ["An export has all rows: omit it."]}

    def test_names_are_those_of_the_family(self, customer: Caller) -> None:
        failure = error(customer.get("/v1/billing/invoices/?format=csv&per_page=5"), 400)
        assert list(failure["details"]["query"]) == ["per_page"]


class TestFiles:
    def test_file_is_named_after_list_and_day(self, admin: Caller, customer: Caller, account_id: int) -> None:
        today = datetime.now(UTC).date()
        for caller, path, name in (
            (admin, ACCOUNTS, f"billing-accounts-{today}.csv"),
            (admin, f"{ACCOUNTS}/{account_id}/movements", f"billing-accounts-{account_id}-movements-{today}.csv"),
            (admin, f"{ACCOUNTS}/users/a%22%3B%20b", f"billing-accounts-users-a-b-{today}.csv"),
            (customer, "/v1/billing/invoices/", f"billing-invoices-{today}.csv"),
        ):
            answer = caller.get(f"{path}?format=csv")
            assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
            assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"

    def test_empty_list_has_its_header(self, admin: Caller) -> None:
        assert text_of(admin.get(f"{CLIENTS}?format=csv")) == (
            "id,name,codeName,status,startDate,endDate,createdAt,updatedAt\r\n#end,0\r\n"
        )
        assert text_of(admin.get(f"{CLIENTS}?format=ndjson"), NDJSON) == '{"end":true,"count":0}\n'

    def test_headers_of_pages_are_absent(self, admin: Caller) -> None:
        headers = admin.get(f"{CLIENTS}?format=csv").headers
        assert not {"Link", "X-Total", "X-Page"} & set(headers.keys())
        assert headers["X-Request-ID"]


class TestCells:
    @pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@a", "  =1", "\u00a0-1"])
    def test_text_like_a_formula_is_defused(self, admin: Caller, open_account: Open, name: str) -> None:
        client = create_client(admin, name)
        open_account(clientId=client, description=name)
        (row,) = records(admin, ACCOUNTS)
        assert (row["description"], row["client.name"]) == (f"'{name}", f"'{name}")
        (line,) = lines(admin, ACCOUNTS)
        assert (line["description"], line["client"]["name"]) == (name, name)

    def test_negative_numbers_are_numbers(self, admin: Caller, account_id: int) -> None:
        data(admin.patch(f"{ACCOUNTS}/{account_id}", {"budget": 40.25}))
        newest, _ = records(admin, f"{ACCOUNTS}/{account_id}/movements")
        assert newest["budgetDelta"] == "-59.75"

    def test_quotes_commas_and_line_breaks_survive(self, admin: Caller, open_account: Open) -> None:
        text_ = 'He said: "a, b",\r\nthen\nleft — Zoë 😀'
        open_account(description=text_)
        (row,) = records(admin, ACCOUNTS)
        assert row["description"] == text_


class TestFiltersAndSorts:
    def test_filters_and_sorts_are_those_of_pages(self, admin: Caller, open_account: Open) -> None:
        for name in ("Bravo", "alpha", "Charlie", "bravado"):
            open_account(name=name)
        query = f"{ACCOUNTS}?name=bRA&sortBy=name&sortOrder=desc"
        assert [row["name"] for row in records(admin, query)] == ["Bravo", "bravado"]
        assert [row["name"] for row in records(admin, f"{ACCOUNTS}?name=%25")] == []
        assert len(records(admin, f"{ACCOUNTS}?name=")) == 4
        assert records(admin, f"{ACCOUNTS}?status=INACTIVE") == []

    def test_times_bound_exports_too(self, admin: Caller, account_id: int) -> None:
        path = f"{ACCOUNTS}/{account_id}/movements"
        assert len(records(admin, f"{path}?atFrom=2020-01-01&kind=opened")) == 1
        assert records(admin, f"{path}?atTo=2020-01-01") == []


def test_movements_add_up_to_the_cent(admin: Caller, account_id: int, watcher: Engine) -> None:
    path = f"{ACCOUNTS}/{account_id}"
    for number in range(40):
        body = {"challengeId": str(number % 7), "amount": (number * 37 % 11) / 8 + 0.0001}
        data(admin.patch(f"{path}/lock-amount", body))
    data(admin.patch(f"{path}/consume-amount", {"challengeId": "1", "amount": 3.3333}))
    rows = records(admin, f"{path}/movements")
    names = ("budgetDelta", "lockedDelta", "consumedDelta")
    with watcher.connect() as connection:
        sums = connection.execute(
            text("SELECT sum(budget_delta), sum(locked_delta), sum(consumed_delta), count(*) FROM budget_movements")
        ).one()
    assert tuple(sum(Decimal(row[name]) for row in rows) for name in names) == tuple(sums[:3])
    assert len(rows) == sums[3]
    account = data(admin.get(path))
    assert sum(Decimal(row["lockedDelta"]) for row in rows) == account["lockedBudget"]


class TestWhoSeesWhat:
    def test_copilots_see_no_markup(self, as_caller: Callable[..., Caller], account_id: int) -> None:
        copilot = as_caller(roles=("copilot",))
        for path in (ACCOUNTS, f"{ACCOUNTS}?name=nothing"):
            header, _ = csv_of(copilot, path)
            assert "markup" not in header
            assert "memberPaymentsRemaining" in header
        (line,) = lines(copilot, ACCOUNTS)
        assert line.keys() == data(copilot.get(ACCOUNTS))["results"][0].keys()
        assert "markup" not in line
        assert "memberPaymentAmount" in csv_of(copilot, f"{ACCOUNTS}/{account_id}/entries")[0]

    def test_administrators_see_the_markup(self, admin: Caller, account_id: int) -> None:
        header, rows = csv_of(admin, ACCOUNTS)
        assert rows[0][header.index("markup")] == "0.2"
        assert rows[0][header.index("id")] == str(account_id)
        assert "memberPaymentsRemaining" not in header

    def test_mixed_callers_see_of_each_account_what_its_grant_shows(
        self, admin: Caller, as_caller: Callable[..., Caller], open_account: Open
    ) -> None:
        granted, other = open_account(), open_account()
        data(admin.post(f"{ACCOUNTS}/{granted}/users", {"userId": "7"}), 201)
        both = as_caller(roles=("copilot", "Project Manager"), user="7")
        seen = {row["id"]: (row["markup"], row["memberPaymentsRemaining"]) for row in records(both, ACCOUNTS)}
        assert seen == {str(granted): ("0.2", ""), str(other): ("", "80")}
        assert all("markup" in line or "memberPaymentsRemaining" in line for line in lines(both, ACCOUNTS))
        assert not any({"markup", "memberPaymentsRemaining"} <= line.keys() for line in lines(both, ACCOUNTS))

    def test_project_managers_see_what_was_granted_to_them(
        self, admin: Caller, as_caller: Callable[..., Caller], open_account: Open
    ) -> None:
        granted, other = open_account(), open_account()
        data(admin.post(f"{ACCOUNTS}/{granted}/users", {"userId": "7"}), 201)
        manager = as_caller(roles=("Project Manager",), user="7")
        assert [row["id"] for row in records(manager, ACCOUNTS)] == [str(granted)]
        error(manager.get(f"{ACCOUNTS}/{other}/movements?format=csv"), 404, "not_found")

    def test_readers_without_the_role_see_nothing(self, as_caller: Callable[..., Caller], account_id: int) -> None:
        stranger = as_caller(roles=("reviewer",))
        for path in (CLIENTS, ACCOUNTS, f"{ACCOUNTS}/{account_id}/entries"):
            error(stranger.get(f"{path}?format=csv"), 403, "forbidden")

    def test_customers_see_the_rows_of_their_account(self, as_caller: Callable[..., Caller], customer: Caller) -> None:
        other = as_caller(user="other", email="other@quay.example")
        data(other.post("/v1/account/", {"name": "Quay"}), 201)
        data(other.post("/v1/account/team/", {"email": "kim@quay.example", "role": "member"}), 201)
        assert [row["email"] for row in records(customer, "/v1/account/team/")] == ["owner@harbour.example"]
        assert {row["email"] for row in records(other, "/v1/account/team/")} == {
            "other@quay.example",
            "kim@quay.example",
        }
        assert [row["amount"] for row in records(customer, "/v1/billing/transactions/")] == ["100"]
        error(as_caller(user="nobody").get("/v1/billing/transactions/?format=csv"), 403, "no_account")
