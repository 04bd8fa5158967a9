"""Keys of staff: any scope and no role, and keys that staff issue for a customer account."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from freezegun import freeze_time

from tests.api_keys.conftest import ACCOUNT_KEYS, ADMIN_KEYS, WithKey, issue
from tests.caller import ACCOUNTS, Caller, data, error

CREDITS = "/v1/billing/credits/"
USE = {"operation_type": "search", "credits_used": 1}


class TestIssuing:
    def test_only_administrators_issue_keys(self, as_caller: Callable[..., Caller], customer: Caller) -> None:
        body = {"name": "Worker", "scopes": ["read:client"]}
        for caller in (customer, as_caller(roles=("copilot",)), as_caller(scopes=("all:client",))):
            assert error(caller.post(ADMIN_KEYS, body), 403)["details"]["roles"] == ["administrator"]

    def test_key_is_shown_once_and_in_the_form_that_scanners_look_for(self, admin: Caller) -> None:
        made = issue(admin, "read:client")
        assert re.fullmatch(r"\bbsk_[0-9A-Za-z]{38}\b", made["key"])
        assert made["key"].startswith(made["prefix"])
        assert made.keys() == {
            *("id", "name", "prefix", "scopes", "account_id", "created_by", "created_at", "expires_at"),
            *("last_used_at", "revoked_at", "key"),
        }
        assert (made["created_by"], made["account_id"], made["scopes"]) == ("admin", None, ["read:client"])
        read = admin.get(f"{ADMIN_KEYS}{made['id']}/")
        assert data(read) == {**made, "key": None}
        assert data(admin.get(ADMIN_KEYS))["results"] == [{**made, "key": None}]
        assert made["key"] not in admin.get(f"{ADMIN_KEYS}?format=csv").get_data(as_text=True)

    def test_replay_has_no_secret_and_the_etag_of_the_first_response(self, admin: Caller) -> None:
        body = {"name": "Worker", "scopes": ["read:client"]}
        first = admin.post(ADMIN_KEYS, body, Idempotency_Key="k1")
        replay = admin.post(ADMIN_KEYS, body, Idempotency_Key="k1")
        assert replay.headers["Idempotency-Replayed"] == "true"
        assert data(replay, 201) == {**data(first, 201), "key": None}
        assert replay.headers["ETag"] == first.headers["ETag"]
        path = f"{ADMIN_KEYS}{data(first, 201)['id']}/"
        assert admin.get(path, If_None_Match=first.headers["ETag"]).status_code == 304
        rotated = admin.post(f"{path}rotate/", {}, Idempotency_Key="k2")
        assert data(admin.post(f"{path}rotate/", {}, Idempotency_Key="k2")) == {**data(rotated), "key": None}

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"scopes": []}, "scopes"),
            ({"scopes": ["administrator"]}, "scopes"),
            ({"scopes": ["read:everything"]}, "scopes"),
            ({"scopes": ["read:account"]}, "account_id"),
            ({"scopes": ["read:client"], "account_id": 1}, "scopes"),
            ({"scopes": ["all:credits"], "account_id": 1}, "scopes"),
            ({"name": " "}, "name"),
            ({"name": "x" * 256}, "name"),
            ({"expires_at": "2025-01-01"}, "expires_at"),
            ({"roles": ["administrator"]}, "roles"),
        ],
    )
    def test_invalid_key_is_refused_with_its_field(self, admin: Caller, values: dict[str, Any], field: str) -> None:
        answer = admin.post(ADMIN_KEYS, {"name": "Worker", "scopes": ["read:client"], **values})
        assert field in str(error(answer, 400, "invalid_input")["details"]["json"])

    def test_unknown_account_is_not_found(self, admin: Caller) -> None:
        error(admin.post(ADMIN_KEYS, {"name": "x", "scopes": ["spend:credits"], "account_id": 7}), 404)

    def test_scopes_are_taken_in_any_case_and_once(self, admin: Caller) -> None:
        made = issue(admin, "READ:TAAS-WORKPERIODS", "read:client", "Read:Client")
        assert made["scopes"] == ["read:taas-workPeriods", "read:client"]


class TestUsing:
    def test_key_has_its_scopes_and_no_others(self, admin: Caller, with_key: WithKey, account_id: int) -> None:
        machine = with_key(issue(admin, "read:billing-account")["key"])
        assert data(machine.get(f"{ACCOUNTS}/{account_id}"))["id"] == account_id
        lock = machine.patch(f"{ACCOUNTS}/{account_id}/lock-amount", {"challengeId": "1", "amount": 1})
        assert "update:billing-account" in error(lock, 403, "forbidden")["details"]["scopes"]
        error(machine.get(ADMIN_KEYS), 403, "forbidden")
        error(machine.get("/v1/account/settings/"), 403, "forbidden")
        error(machine.post("/v1/account/", {"name": "Mine"}), 403)

    def test_key_of_no_account_names_the_account_it_spends_in(
        self, admin: Caller, with_key: WithKey, customer_id: int
    ) -> None:
        machine = with_key(issue(admin, "spend:credits")["key"])
        assert "account_id" in error(machine.post(f"{CREDITS}usage/", USE), 400)["details"]["json"]
        data(machine.post(f"{CREDITS}usage/", {**USE, "account_id": customer_id}), 201)
        data(machine.get(f"{CREDITS}holds/?account_id={customer_id}"))

    def test_key_that_staff_issue_for_an_account_belongs_to_it(
        self, admin: Caller, customer: Caller, customer_id: int, with_key: WithKey
    ) -> None:
        made = issue(admin, "spend:credits", account_id=customer_id)
        data(with_key(made["key"]).post(f"{CREDITS}usage/", USE), 201)
        assert [each["id"] for each in data(customer.get(ACCOUNT_KEYS))["results"]] == [made["id"]]
        of_account = data(admin.get(f"{ADMIN_KEYS}?account_id={customer_id}"))["results"]
        assert [each["id"] for each in of_account] == [made["id"]]
        assert data(admin.get(f"{ADMIN_KEYS}?account_id={customer_id + 1}"))["results"] == []

    def test_expired_key_is_refused(self, admin: Caller, with_key: WithKey) -> None:
        made = issue(admin, "read:client", expires_at="2035-06-30")
        assert made["expires_at"] == "2035-06-30T23:59:59.999Z"
        machine = with_key(made["key"])
        assert machine.get("/v6/clients").status_code == 200
        with freeze_time("2035-07-01T00:00:00Z"):
            assert "expired" in error(machine.get("/v6/clients"), 401, "unauthorized")["message"]
