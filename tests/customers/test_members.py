"""Members of several accounts, their roles, and leaving."""

from typing import Any

import pytest
from flask import Flask

from tests.caller import Caller, data, error
from tests.factories.customers import TEAM, Callers, accept, credits_of, invite, join, open_customer

ACCOUNT = "/v1/account/"
SETTINGS = "/v1/account/settings/"
MEMBERSHIPS = "/v1/account/memberships/"
LEAVE = "/v1/account/leave/"
UNKNOWN = 987654321


def member_id(caller: Caller, email: str) -> int:
    found: int = next(each["id"] for each in data(caller.get(TEAM))["results"] if each["email"] == email)
    return found


def roles(caller: Caller) -> dict[str, str]:
    return {each["email"]: each["role"] for each in data(caller.get(TEAM))["results"]}


@pytest.fixture
def other(as_caller: Callers) -> Caller:
    """The owner of another account."""
    caller = as_caller(user="other", email="other@a.example")
    open_customer(caller, "Other")
    return caller


@pytest.fixture
def other_id(other: Caller) -> int:
    found: int = data(other.get(SETTINGS))["id"]
    return found


class TestMemberships:
    def test_without_a_token(self, app: Flask) -> None:
        error(Caller(app, None).get(MEMBERSHIPS), 401)

    def test_list_of_memberships_may_be_empty(self, as_caller: Callers) -> None:
        assert data(as_caller(user="new").get(MEMBERSHIPS))["results"] == []

    def test_every_account_the_last_joined_first(
        self, customer: Caller, customer_id: int, other: Caller, other_id: int
    ) -> None:
        accept(other, invite(customer, "other@a.example", "admin")["id"])
        found = data(other.get(MEMBERSHIPS))["results"]
        assert [(each["account_id"], each["account_name"], each["role"]) for each in found] == [
            (customer_id, "Harbour Studio", "admin"),
            (other_id, "Other", "owner"),
        ]
        assert found[0]["id"] == member_id(customer, "other@a.example")
        assert found[0]["date_joined"] > found[1]["date_joined"]
        assert len(data(customer.get(MEMBERSHIPS))["results"]) == 1

    def test_a_named_account_makes_no_difference(self, other: Caller, other_id: int, customer_id: int) -> None:
        for named in (other_id, customer_id):
            assert data(other.get(MEMBERSHIPS, X_Account_Id=str(named)))["count"] == 1


class TestAccountThatIsMeant:
    @pytest.fixture(autouse=True)
    def _two(self, customer: Caller, other: Caller) -> None:
        accept(other, invite(customer, "other@a.example", "admin")["id"])

    def name(self, caller: Caller, **headers: str) -> Any:
        return data(caller.get(SETTINGS, **headers))["name"]

    def test_account_that_is_meant_is_the_first_joined(self, other: Caller) -> None:
        assert self.name(other) == "Other"

    def test_account_of_the_token_is_meant(self, as_caller: Callers, customer_id: int) -> None:
        assert self.name(as_caller(user="other", account_id=customer_id)) == "Harbour Studio"

    def test_account_header_goes_before_the_token(self, as_caller: Callers, customer_id: int, other_id: int) -> None:
        named = as_caller(user="other", account_id=customer_id)
        assert self.name(named, X_Account_Id=str(other_id)) == "Other"
        assert self.name(named, X_Account_Id=f" {customer_id} ") == "Harbour Studio"

    def test_writes_follow_the_header_too(self, other: Caller, customer: Caller, customer_id: int) -> None:
        data(other.patch(SETTINGS, {"billing_city": "Cork"}, X_Account_Id=str(customer_id)))
        assert data(customer.get(SETTINGS))["billing_city"] == "Cork"
        assert data(other.get(SETTINGS))["billing_city"] == ""
        spending = {"operation_type": "search", "credits_used": 7}
        data(other.post("/v1/billing/credits/usage/", spending, X_Account_Id=str(customer_id)), 201)
        assert credits_of(customer) == 93

    def test_account_of_others_cannot_be_meant(self, customer: Caller, other_id: int, as_caller: Callers) -> None:
        error(customer.get(SETTINGS, X_Account_Id=str(other_id)), 403, "no_account")
        error(customer.get(SETTINGS, X_Account_Id=str(UNKNOWN)), 403, "no_account")
        error(as_caller(user="owner", account_id=other_id).get(SETTINGS), 403, "no_account")
        error(as_caller(user="new").get(SETTINGS, X_Account_Id=str(other_id)), 403, "no_account")

    @pytest.mark.parametrize("named", ["", "x", "0", "-1", "1.0", "1e3", "9007199254740992", "1,2", "\u0661"])
    def test_account_header_that_is_no_id_is_refused(self, customer: Caller, named: str) -> None:
        refused = error(customer.get(SETTINGS, X_Account_Id=named.encode().decode("latin-1")), 400)
        assert "X-Account-Id" in refused["details"]["headers"]

    def test_where_no_account_is_meant_the_header_is_nothing(self, admin: Caller) -> None:
        data(admin.get("/v6/clients", X_Account_Id="x"))

    def test_a_key_is_for_the_account_it_was_sent_for(self, other: Caller, customer_id: int, other_id: int) -> None:
        spending = {"operation_type": "search", "credits_used": 1}
        calls = [
            other.post(
                "/v1/billing/credits/usage/",
                spending,
                Idempotency_Key="k",
                **({"X_Account_Id": named} if named else {}),
            )
            for named in ("", str(customer_id), str(other_id))
        ]
        assert [call.status_code for call in calls] == [201, 422, 422]


class TestRoles:
    def test_members_and_strangers_may_not(self, customer: Caller, as_caller: Callers, other: Caller) -> None:
        ann = join(customer, as_caller, "ann")
        path = f"{TEAM}{member_id(customer, 'ann@harbour.example')}/"
        refused = error(ann.patch(path, {"role": "admin"}), 403, "forbidden")
        assert refused["details"] == {"roles": ["owner", "admin"], "scopes": []}
        error(other.patch(path, {"role": "admin"}), 404)
        error(as_caller(user="new").patch(path, {"role": "admin"}), 403, "no_account")

    def test_a_member_becomes_an_admin_and_back(self, customer: Caller, as_caller: Callers) -> None:
        ann = join(customer, as_caller, "ann")
        path = f"{TEAM}{member_id(customer, 'ann@harbour.example')}/"
        changed = data(customer.patch(path, {"role": "admin"}))
        assert (changed["role"], changed["email"], changed["is_active"]) == ("admin", "ann@harbour.example", True)
        data(ann.patch(SETTINGS, {"billing_city": "Cork"}))
        assert data(ann.patch(path, {"role": "member"}))["role"] == "member"
        error(ann.patch(SETTINGS, {"billing_city": "Cork"}), 403)

    def test_role_of_an_invitation_can_be_changed(self, customer: Caller, as_caller: Callers) -> None:
        invited = invite(customer, "ann@harbour.example")
        assert data(customer.patch(f"{TEAM}{invited['id']}/", {"role": "admin"}))["is_active"] is False
        ann = as_caller(user="ann", email="ann@harbour.example")
        assert accept(ann, invited["id"])["role"] == "admin"

    def test_only_owners_decide_on_owners(self, customer: Caller, as_caller: Callers) -> None:
        ann = join(customer, as_caller, "ann", "admin")
        join(customer, as_caller, "bob", "owner")
        own, bobs = (member_id(customer, f"{name}@harbour.example") for name in ("ann", "bob"))
        refused = error(ann.patch(f"{TEAM}{own}/", {"role": "owner"}), 403, "forbidden")
        assert refused["details"] == {"roles": ["owner"], "scopes": []}
        error(ann.patch(f"{TEAM}{bobs}/", {"role": "member"}), 403)
        data(customer.patch(f"{TEAM}{own}/", {"role": "owner"}))
        data(ann.patch(f"{TEAM}{bobs}/", {"role": "member"}))

    def test_the_last_owner_stays(self, customer: Caller, as_caller: Callers) -> None:
        own = member_id(customer, "owner@harbour.example")
        invite(customer, "late@harbour.example", "owner")
        error(customer.patch(f"{TEAM}{own}/", {"role": "admin"}), 409, "last_owner")
        assert data(customer.patch(f"{TEAM}{own}/", {"role": "owner"}))["role"] == "owner"
        join(customer, as_caller, "ann", "owner")
        data(customer.patch(f"{TEAM}{own}/", {"role": "admin"}))
        assert roles(customer)["owner@harbour.example"] == "admin"
        # An invitation is no owner who could be the last.
        ann = as_caller(user="ann", email="ann@harbour.example")
        data(ann.patch(f"{TEAM}{member_id(ann, 'late@harbour.example')}/", {"role": "member"}))

    @pytest.mark.parametrize("body", [{}, {"role": "king"}, {"role": None}, {"role": "admin", "email": "x@y.example"}])
    def test_bad_input(self, customer: Caller, body: Any) -> None:
        own = member_id(customer, "owner@harbour.example")
        error(customer.patch(f"{TEAM}{own}/", body), 400, "invalid_input")
        error(customer.patch(f"{TEAM}{UNKNOWN}/", {"role": "admin"}), 404)


class TestLeaving:
    def test_without_a_token_or_account(self, app: Flask, as_caller: Callers) -> None:
        error(Caller(app, None).post(LEAVE, None), 401)
        error(as_caller(user="new").post(LEAVE, None), 403, "no_account")

    @pytest.mark.parametrize("role", ["member", "admin", "owner"])
    def test_it_ends_the_membership(self, customer: Caller, customer_id: int, as_caller: Callers, role: str) -> None:
        ann = join(customer, as_caller, "ann", role)
        left = data(ann.post(LEAVE, None))
        assert (left["account_id"], left["account_name"], left["role"]) == (customer_id, "Harbour Studio", role)
        error(ann.get(SETTINGS), 403, "no_account")
        assert roles(customer) == {"owner@harbour.example": "owner"}
        error(ann.post(LEAVE, None), 403, "no_account")

    def test_the_last_owner_stays(self, customer: Caller, as_caller: Callers) -> None:
        join(customer, as_caller, "ann", "admin")
        invite(customer, "late@harbour.example", "owner")
        error(customer.post(LEAVE, None), 409, "last_owner")
        join(customer, as_caller, "bob", "owner")
        data(customer.post(LEAVE, None))

    def test_only_the_account_that_is_meant(self, customer: Caller, customer_id: int, other: Caller) -> None:
        accept(other, invite(customer, "other@a.example")["id"])
        assert data(other.post(LEAVE, None, X_Account_Id=str(customer_id)))["account_name"] == "Harbour Studio"
        assert data(other.get(SETTINGS))["name"] == "Other"

    def test_who_left_can_be_invited_again(self, customer: Caller, as_caller: Callers) -> None:
        ann = join(customer, as_caller, "ann")
        data(ann.post(LEAVE, None))
        join(customer, as_caller, "ann", "admin")
        assert data(ann.get(SETTINGS))["name"] == "Harbour Studio"
