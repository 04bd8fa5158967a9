"""Text that identifies something means the same with and without white space around it, and holds nothing unseen."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app.db.base import db
from app.identifiers import holds_invisible
from tests.caller import ACCOUNTS, Caller, data, error

UNSEEN = [
    pytest.param("\u200b", id="zero width space"),
    pytest.param("\u200d", id="zero width joiner"),
    pytest.param("\u00ad", id="soft hyphen"),
    pytest.param("\u202e", id="right-to-left override"),
    pytest.param("\u2060", id="word joiner"),
    pytest.param("\ufeff", id="byte order mark"),
    pytest.param("\ufe0f", id="variation selector"),
    pytest.param("\u3164", id="hangul filler"),
    pytest.param("\U000e0041", id="tag"),
    pytest.param("\n", id="line feed"),
    pytest.param("\t", id="tab"),
    pytest.param("\x7f", id="delete"),
    pytest.param("\x85", id="next line"),
    pytest.param("\u2028", id="line separator"),
]
BOOKING = {"projectId": 1, "userId": "u", "rateType": "weekly"}


class TestWhiteSpaceAround:
    def test_a_reference_with_and_without_it_has_one_lock(self, admin: Caller, account_id: int) -> None:
        path = f"{ACCOUNTS}/{account_id}"
        for challenge in ("30054163", "30054163 ", "\t30054163\u3000\n"):
            line = data(admin.patch(f"{path}/lock-amount", {"challengeId": challenge, "amount": 5}))
            assert line["externalId"] == "30054163"
        assert data(admin.get(path))["lockedBudget"] == 5

    def test_it_is_dropped_from_what_is_kept(self, admin: Caller, client_id: str) -> None:
        account = {"name": " Acme ", "budget": 1, "markup": 0, "clientId": f" {client_id} ", "poNumber": " PO-7 "}
        created = data(admin.post(ACCOUNTS, account), 201)
        assert (created["clientId"], created["poNumber"], created["name"]) == (client_id, "PO-7", " Acme ")
        booking = {**BOOKING, "userId": " u1 ", "userHandle": "ann ", "jobId": " j"}
        created = data(admin.post("/v6/resource-bookings", booking), 201)
        assert (created["userId"], created["userHandle"], created["jobId"]) == ("u1", "ann", "j")

    def test_a_grant_is_found_and_taken_away_without_it(self, admin: Caller, account_id: int) -> None:
        users = f"{ACCOUNTS}/{account_id}/users"
        assert data(admin.post(users, {"userId": " 7 "}), 201)["id"] == "7"
        for user in ("7", "%207", "7%20", "%C2%A07"):
            assert data(admin.get(f"{users}/{user}/access"))["hasAccess"] is True
        assert data(admin.get(f"{ACCOUNTS}?userId=%207%20"))["count"] == 1
        data(admin.delete(f"{users}/7%20"))
        assert data(admin.get(f"{users}/7/access"))["hasAccess"] is False

    def test_usage_of_one_type_is_listed_together(self, customer: Caller) -> None:
        for operation_type in ("research", " research"):
            data(
                customer.post("/v1/billing/credits/usage/", {"operation_type": operation_type, "credits_used": 1}), 201
            )
        assert data(customer.get("/v1/billing/credits/usage/?operation_type=research+"))["count"] == 2

    def test_an_address_is_kept_without_it(self, customer: Caller) -> None:
        settings = customer.patch("/v1/account/settings/", {"billing_email": " ann@harbour.example\n"})
        assert data(settings)["billing_email"] == "ann@harbour.example"

    def test_nothing_else_is_no_identifier(self, admin: Caller, account_id: int) -> None:
        refused = error(admin.post(f"{ACCOUNTS}/{account_id}/users", {"userId": " \t"}), 400)
        assert refused["details"] == {"json": {"userId": ["Must not be blank."]}}
        assert "userId" in error(admin.get(f"{ACCOUNTS}/users/%20"), 400)["details"]["path"]


class TestUnseenCharacters:
    @pytest.mark.parametrize("unseen", UNSEEN)
    def test_they_are_refused_inside_every_identifier(self, admin: Caller, account_id: int, unseen: str) -> None:
        text = f"a{unseen}b"
        for method, path, body, field in (
            ("PATCH", f"{ACCOUNTS}/{account_id}/lock-amount", {"challengeId": text, "amount": 1}, "challengeId"),
            ("PATCH", f"{ACCOUNTS}/{account_id}/consume-amount", {"externalId": text, "amount": 1}, "externalId"),
            ("PATCH", f"{ACCOUNTS}/{account_id}", {"poNumber": text}, "poNumber"),
            ("POST", f"{ACCOUNTS}/{account_id}/users", {"userId": text}, "userId"),
            ("POST", f"{ACCOUNTS}/{account_id}/users", {"userId": "u", "userHandle": text}, "userHandle"),
            ("POST", "/v6/clients", {"name": "x", "codeName": text}, "codeName"),
            ("POST", "/v6/resource-bookings", {**BOOKING, "userId": text}, "userId"),
            ("POST", "/v6/resource-bookings", {**BOOKING, "jobId": text}, "jobId"),
        ):
            assert error(admin.call(method, path, body), 400)["details"]["json"].keys() == {field}, path

    @pytest.mark.parametrize("unseen", UNSEEN)
    def test_they_are_refused_in_paths_and_queries(self, admin: Caller, unseen: str) -> None:
        encoded = "".join(f"%{byte:02X}" for byte in f"a{unseen}b".encode())
        assert "clientId" in error(admin.get(f"/v6/clients/{encoded}"), 400)["details"]["path"]
        assert "clientId" in error(admin.get(f"{ACCOUNTS}?clientId={encoded}"), 400)["details"]["query"]

    @pytest.mark.parametrize("unseen", UNSEEN)
    def test_they_are_refused_at_the_end_unless_they_are_white_space(
        self, admin: Caller, account_id: int, unseen: str
    ) -> None:
        answer = admin.patch(f"{ACCOUNTS}/{account_id}/lock-amount", {"challengeId": f"a{unseen}", "amount": 1})
        assert answer.status_code == (200 if unseen.isspace() else 400)

    def test_names_may_hold_them(self, admin: Caller) -> None:
        name = "क्‍ष \u200d\ufe0f"
        assert data(admin.post("/v6/clients", {"name": name}), 201)["name"] == name

    @pytest.mark.parametrize(
        "text", ["30054163", "samlp|corp/ann", "Ann Lee", "müller", "名前", "\U0001f40e", "a\u00a0b"]
    )
    def test_what_is_seen_is_taken(self, text: str) -> None:
        assert not holds_invisible(text)


class TestAmountsBelowZero:
    @pytest.mark.parametrize("amount", [b"-0.00001", b'"-0.00004"', b"-1e-300", b"-0.00000000000000000001"])
    def test_a_negative_amount_never_unlocks(self, admin: Caller, account_id: int, amount: bytes) -> None:
        path = f"{ACCOUNTS}/{account_id}"
        data(admin.patch(f"{path}/lock-amount", {"challengeId": "c", "amount": 5}))
        answer = admin.patch(f"{path}/lock-amount", b'{"challengeId": "c", "amount": ' + amount + b"}")
        assert error(answer, 400)["details"]["json"].keys() == {"amount"}
        assert data(admin.get(path))["lockedBudget"] == 5


class TestSeveralValues:
    @pytest.fixture
    def projects(self, admin: Caller) -> None:
        for project in (21, 22, 23):
            data(admin.post("/v6/resource-bookings", {**BOOKING, "projectId": project}), 201)

    @pytest.mark.usefixtures("projects")
    @pytest.mark.parametrize(
        "query",
        ["projectIds=21,22", "projectIds=21&projectIds=22", "projectIds=21,22&projectIds=22", "projectIds=%2021,%2022"],
    )
    def test_they_come_as_a_comma_list_or_one_by_one(self, admin: Caller, query: str) -> None:
        found = data(admin.get(f"/v6/resource-bookings?{query}"))
        assert sorted(each["projectId"] for each in found["results"]) == [21, 22]

    @pytest.mark.parametrize(
        "query", ["projectIds=", "projectIds=21,", "projectIds=21,x", f"projectIds={'1,' * 1000}1"]
    )
    def test_each_of_them_must_be_a_value(self, admin: Caller, query: str) -> None:
        assert error(admin.get(f"/v6/resource-bookings?{query}"), 400)["details"]["query"].keys() == {"projectIds"}


class TestDates:
    @pytest.mark.parametrize("make", ["client", "account"])
    def test_a_date_is_a_starts_first_and_an_ends_last_millisecond(
        self, admin: Caller, client_id: str, make: str
    ) -> None:
        kinds: dict[str, tuple[str, dict[str, Any]]] = {
            "client": ("/v6/clients", {"name": "Acme"}),
            "account": (ACCOUNTS, {"name": "Acme", "budget": 1, "markup": 0, "clientId": client_id}),
        }
        path, values = kinds[make]
        created = data(admin.post(path, {**values, "startDate": "2025-10-30", "endDate": "2025-10-30"}), 201)
        assert created["startDate"] == "2025-10-30T00:00:00.000Z"
        assert created["endDate"] == "2025-10-30T23:59:59.999Z"
        changed = data(admin.patch(f"{path}/{created['id']}", {"endDate": "2024-02-29", "startDate": "2024-02-29"}))
        assert (changed["startDate"], changed["endDate"]) == ("2024-02-29T00:00:00.000Z", "2024-02-29T23:59:59.999Z")
        for side in ("startDateFrom", "startDateTo", "endDateFrom", "endDateTo"):
            assert data(admin.get(f"{path}?{side}=2024-02-29&name=Acme"))["count"] >= 1

    def test_a_date_that_does_not_exist_is_refused(self, admin: Caller) -> None:
        assert (
            "2025-02-29" not in error(admin.post("/v6/clients", {"name": "x", "endDate": "2025-02-29"}), 400)["message"]
        )


class TestWholeMilliseconds:
    def test_what_is_kept_is_what_is_shown(self, app: Flask, admin: Caller, open_account: Callable[..., int]) -> None:
        account_id = open_account(startDate="2025-10-30T13:00:05.123999Z")
        data(admin.patch(f"{ACCOUNTS}/{account_id}/lock-amount", {"challengeId": "c", "amount": 1}))
        with app.app_context():
            kept = db.session.execute(
                db.text(
                    "SELECT a.start_date, a.created_at, a.updated_at, l.date FROM billing_accounts a"
                    " JOIN budget_lines l ON l.billing_account_id = a.id"
                )
            ).one()
        assert [moment.microsecond % 1000 for moment in kept] == [0, 0, 0, 0]
