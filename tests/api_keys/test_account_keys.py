"""Keys of a customer account, which act in that account alone."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.api_keys.conftest import ACCOUNT_KEYS, ADMIN_KEYS, WithKey, issue
from tests.caller import Caller, data, error
from tests.factories.customers import TEAM, Callers, join, open_customer

CREDITS = "/v1/billing/credits/"
USE = {"operation_type": "search", "credits_used": 1}


@pytest.fixture
def other(as_caller: Callers) -> Caller:
    """The owner of another account."""
    caller = as_caller(user="other", email="other@a.example")
    open_customer(caller, "Other")
    return caller


@pytest.fixture
def other_id(other: Caller) -> int:
    found: int = data(other.get("/v1/account/settings/"))["id"]
    return found


class TestIssuing:
    def test_owners_and_admins_issue_keys_and_members_do_not(self, customer: Caller, as_caller: Callers) -> None:
        body = {"name": "Worker", "scopes": ["read:account"]}
        assert data(join(customer, as_caller, "admin", "admin").post(ACCOUNT_KEYS, body), 201)["created_by"] == "admin"
        refused = error(join(customer, as_caller, "member").post(ACCOUNT_KEYS, body), 403, "forbidden")
        assert refused["details"]["roles"] == ["owner", "admin"]

    @pytest.mark.parametrize("scope", ["read:client", "grant:credits", "all:credits", "read:audit", "all:account"])
    def test_key_cannot_do_more_than_its_account_can(self, customer: Caller, scope: str) -> None:
        body = {"name": "Worker", "scopes": ["read:account", scope]}
        assert "scopes" in error(customer.post(ACCOUNT_KEYS, body), 400, "invalid_input")["details"]["json"]

    def test_key_cannot_issue_keys(self, worker: Caller) -> None:
        assert worker.post(ACCOUNT_KEYS, {"name": "Another", "scopes": ["read:account"]}).status_code == 403
        assert worker.get(ACCOUNT_KEYS).status_code == 403

    def test_another_account_is_not_found(self, customer: Caller, customer_id: int, other_id: int) -> None:
        assert issue(customer, "read:account", path=ACCOUNT_KEYS, account_id=customer_id)["account_id"] == customer_id
        body = {"name": "Worker", "scopes": ["read:account"], "account_id": other_id}
        error(customer.post(ACCOUNT_KEYS, body), 404, "not_found")

    def test_keys_of_another_account_are_not_found(self, other: Caller, customer_key: Any) -> None:
        path = f"{ACCOUNT_KEYS}{customer_key['id']}/"
        assert data(other.get(ACCOUNT_KEYS))["count"] == 0
        error(other.get(path), 404, "not_found")
        error(other.post(f"{path}rotate/", {}), 404, "not_found")
        error(other.post(f"{path}revoke/", {"reason": "Mischief"}), 404, "not_found")

    def test_key_outlives_the_membership_of_its_maker(
        self, customer: Caller, as_caller: Callers, with_key: WithKey
    ) -> None:
        made = issue(join(customer, as_caller, "admin", "admin"), "read:account", path=ACCOUNT_KEYS)
        admin_id = data(customer.get(TEAM))["results"][0]["id"]
        data(customer.delete(f"{TEAM}{admin_id}/"))
        assert with_key(made["key"]).get("/v1/account/settings/").status_code == 200


class TestUsing:
    def test_reads_what_any_member_reads(self, worker: Caller, customer: Caller) -> None:
        for path in ("/v1/account/settings/", f"{CREDITS}balance/", f"{CREDITS}holds/", "/v1/billing/invoices/"):
            assert data(worker.get(path)) == data(customer.get(path)), path

    def test_scope_to_spend_does_not_read_nor_the_other_way_round(self, customer: Caller, with_key: WithKey) -> None:
        reader = with_key(issue(customer, "read:account", path=ACCOUNT_KEYS)["key"])
        spender = with_key(issue(customer, "spend:credits", path=ACCOUNT_KEYS)["key"])
        refused = error(reader.post(f"{CREDITS}usage/", USE), 403, "forbidden")
        assert refused["details"] == {"roles": ["owner", "admin"], "scopes": ["spend:credits", "all:credits"]}
        refused = error(spender.get("/v1/account/team/"), 403, "forbidden")
        assert refused["details"]["scopes"] == ["read:account"]
        data(spender.post(f"{CREDITS}usage/", USE), 201)

    def test_spends_and_holds_in_its_account_without_naming_it(self, worker: Caller, customer_id: int) -> None:
        assert data(worker.post(f"{CREDITS}usage/", USE), 201)["balance_after"] == 99
        assert data(worker.post(f"{CREDITS}usage/", {**USE, "account_id": customer_id}), 201)["balance_after"] == 98
        assert "error" not in data(worker.post(f"{CREDITS}usage/bulk/", [USE]))[0]
        held = data(worker.post(f"{CREDITS}holds/", {"operation_type": "x", "amount": 5, "reference": "a"}), 201)
        data(worker.post(f"{CREDITS}holds/{held['id']}/capture/", {}))
        usage = data(worker.get(f"{CREDITS}usage/"))["results"]
        data(worker.post(f"{CREDITS}usage/{usage[-1]['id']}/reverse/", {"reason": "It failed"}), 201)
        assert data(worker.get(f"{CREDITS}balance/"))["credits_remaining"] == 93

    def test_naming_another_account_is_not_found(self, worker: Caller, other_id: int) -> None:
        error(worker.post(f"{CREDITS}usage/", {**USE, "account_id": other_id}), 404, "not_found")
        assert data(worker.post(f"{CREDITS}usage/bulk/", [{**USE, "account_id": other_id}]))[0]["error"]["code"] == 404
        error(worker.get(f"{CREDITS}holds/?account_id={other_id}"), 404, "not_found")
        error(worker.get("/v1/account/settings/", X_Account_Id=str(other_id)), 404, "not_found")
        error(worker.post(f"{CREDITS}usage/", USE, X_Account_Id=str(other_id)), 404, "not_found")

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("PATCH", "/v1/account/settings/", {"billing_city": "Cork"}),
            ("GET", "/v1/account/audit/", None),
            ("GET", "/v1/account/caps/", None),
            ("GET", "/v1/account/memberships/", None),
            ("POST", "/v1/account/", {"name": "Mine"}),
            ("POST", "/v1/account/leave/", None),
            ("POST", "/v1/billing/credit-packages/1/purchase/", {"payment_method": "manual"}),
            ("GET", "/v6/clients", None),
        ],
    )
    def test_does_nothing_that_takes_a_person_or_staff(self, worker: Caller, method: str, path: str, body: Any) -> None:
        assert worker.call(method, path, body).status_code == 403


class TestStatusOfAccount:
    def test_suspended_account_keeps_its_keys_and_does_not_spend(
        self, admin: Caller, customer_id: int, worker: Caller
    ) -> None:
        data(admin.post(f"/v1/admin/accounts/{customer_id}/suspend/", {"reason": "Unpaid"}))
        error(worker.post(f"{CREDITS}usage/", USE), 403, "account_suspended")
        assert worker.get(f"{CREDITS}balance/").status_code == 200

    def test_closed_account_gets_no_secrets_and_can_revoke_them(
        self, admin: Caller, customer: Caller, customer_id: int, customer_key: Any, worker: Caller
    ) -> None:
        data(admin.post(f"/v1/admin/accounts/{customer_id}/close/", {"reason": "They left"}))
        body = {"name": "Worker", "scopes": ["read:account"]}
        error(customer.post(ACCOUNT_KEYS, body), 403, "account_closed")
        error(admin.post(ADMIN_KEYS, {**body, "account_id": customer_id}), 403, "account_closed")
        error(customer.post(f"{ACCOUNT_KEYS}{customer_key['id']}/rotate/", {}), 403, "account_closed")
        assert worker.get(f"{CREDITS}balance/").status_code == 200
        data(customer.post(f"{ACCOUNT_KEYS}{customer_key['id']}/revoke/", {"reason": "They left"}))


class TestTrail:
    def test_changes_of_keys_and_by_keys_have_entries_without_secrets(
        self, customer: Caller, customer_key: Any, worker: Caller
    ) -> None:
        path = f"{ACCOUNT_KEYS}{customer_key['id']}/"
        rotated = data(customer.post(f"{path}rotate/", {"overlap_seconds": 60}))
        data(worker.post(f"{CREDITS}usage/", USE), 201)
        data(customer.post(f"{path}revoke/", {"reason": "Leaked"}))
        trail = customer.get("/v1/account/audit/")
        for secret in (customer_key["key"], rotated["key"]):
            assert secret not in trail.get_data(as_text=True)
        revoked, used, turned, issued, *_ = data(trail)["results"]
        assert [each["action"] for each in (revoked, turned, issued)] == [
            "revokeAccountApiKey",
            "rotateAccountApiKey",
            "createAccountApiKey",
        ]
        assert (revoked["reason"], revoked["object_type"], revoked["object_id"]) == (
            "Leaked",
            "api_key",
            str(customer_key["id"]),
        )
        assert issued["after"]["scopes"] == ["read:account", "spend:credits"]
        assert (turned["before"]["prefix"], turned["after"]["prefix"]) == (customer_key["prefix"], rotated["prefix"])
        assert (used["actor"], used["actor_kind"]) == (f"key-{customer_key['id']}", "key")

    def test_revoking_again_changes_nothing(self, customer: Caller, customer_key: Any) -> None:
        path = f"{ACCOUNT_KEYS}{customer_key['id']}/revoke/"
        first = data(customer.post(path, {"reason": "Leaked"}))
        assert data(customer.post(path, {"reason": "Again"})) == first
        entries = data(customer.get("/v1/account/audit/?object_type=api_key"))["results"]
        assert [each["reason"] for each in entries] == ["Leaked", ""]


@pytest.fixture
def spend_with_key(worker: Caller) -> Callable[..., Any]:
    return lambda **headers: worker.post(f"{CREDITS}usage/", {**USE, "key": "job-1"}, **headers)


def test_rotation_keeps_idempotency_and_usage_keys(
    customer: Caller, customer_key: Any, spend_with_key: Callable[..., Any], with_key: WithKey
) -> None:
    first = spend_with_key(Idempotency_Key="once")
    rotated = data(customer.post(f"{ACCOUNT_KEYS}{customer_key['id']}/rotate/", {}))
    after = with_key(rotated["key"])
    replay = after.post(f"{CREDITS}usage/", {**USE, "key": "job-1"}, Idempotency_Key="once")
    assert replay.headers["Idempotency-Replayed"] == "true"
    assert data(replay, 201) == data(first, 201)
    # The same usage, charged once, though the request is another one.
    assert data(after.post(f"{CREDITS}usage/", {**USE, "key": "job-1"}), 201)["id"] == data(first, 201)["id"]
