"""Opening an account, its settings and its team."""

from typing import Any

import pytest
from flask import Flask

from tests.caller import Caller, data, error
from tests.factories.customers import TEAM, Callers, join, open_customer

ACCOUNT = "/v1/account/"
SETTINGS = "/v1/account/settings/"
UNKNOWN = 987654321


def emails(caller: Caller) -> dict[str, bool]:
    return {member["email"]: member["is_active"] for member in data(caller.get(TEAM))["results"]}


def member_id(caller: Caller, email: str) -> str:
    return str(next(each["id"] for each in data(caller.get(TEAM))["results"] if each["email"] == email))


class TestOpening:
    def test_nobody_without_a_token(self, app: Flask) -> None:
        error(Caller(app, None).post(ACCOUNT, {"name": "A"}), 401)

    def test_opener_of_an_account_owns_it(self, as_caller: Callers) -> None:
        owner = as_caller(user="u1", email="u1@a.example", given_name="Una", family_name="Ode")
        account = data(owner.post(ACCOUNT, {"name": "Łódź Coffee & Co.", "tax_id": "PL1"}), 201)
        assert account == data(owner.get(SETTINGS))
        assert account["slug"] == "odz-coffee-co"
        assert (account["billing_email"], account["tax_id"], account["credit_balance"]) == ("u1@a.example", "PL1", 100)
        (member,) = data(owner.get(TEAM))["results"]
        assert member == {
            "id": member["id"],
            "email": "u1@a.example",
            "first_name": "Una",
            "last_name": "Ode",
            "is_active": True,
            "is_staff": False,
            "date_joined": account["created_at"][:11] + member["date_joined"][11:],
            "role": "owner",
        }

    def test_second_account_of_an_owner_is_refused(self, customer: Caller) -> None:
        error(customer.post(ACCOUNT, {"name": "Another"}), 409)

    def test_two_accounts_may_share_a_name(self, customer: Caller, as_caller: Callers) -> None:
        other = open_customer(as_caller(user="u2"))
        assert other["slug"].startswith("harbour-studio-")
        assert data(customer.get(SETTINGS))["slug"] == "harbour-studio"

    def test_a_name_without_letters(self, as_caller: Callers) -> None:
        assert open_customer(as_caller(user="u2"), "東京")["slug"] == "account"

    @pytest.mark.parametrize("field", ["id", "slug", "credit_balance", "created_at", "unknown"])
    def test_what_is_read_only(self, as_caller: Callers, field: str) -> None:
        assert field in error(as_caller().post(ACCOUNT, {"name": "A", field: "x"}), 400)["details"]["json"]

    @pytest.mark.parametrize("body", [{}, {"name": " "}, {"name": None}, {"name": "A", "billing_email": "nobody"}])
    def test_bad_input(self, as_caller: Callers, body: Any) -> None:
        error(as_caller().post(ACCOUNT, body), 400, "invalid_input")


class TestSettings:
    def test_some_settings_can_be_changed(self, customer: Caller) -> None:
        before = data(customer.get(SETTINGS))
        changed = data(customer.patch(SETTINGS, {"billing_city": "Cork", "tax_id": "IE1"}))
        assert changed == {**before, "billing_city": "Cork", "tax_id": "IE1"}
        assert data(customer.patch(SETTINGS, {"tax_id": None})) == {**before, "billing_city": "Cork"}

    def test_what_was_shown_can_be_sent_back(self, customer: Caller) -> None:
        shown = data(customer.get(SETTINGS))
        assert data(customer.patch(SETTINGS, shown)) == shown
        changed = data(customer.patch(SETTINGS, {**shown, "billing_city": "Cork"}))
        assert changed == {**shown, "billing_city": "Cork"}
        assert data(customer.patch(SETTINGS, {"id": shown["id"]})) == changed

    @pytest.mark.parametrize(
        ("field", "value"),
        [("id", 987654321), ("slug", "mine"), ("credit_balance", 101), ("created_at", "2025-10-30T12:00:00.000Z")],
    )
    def test_what_is_read_only_keeps_its_value(self, customer: Caller, field: str, value: Any) -> None:
        refused = error(customer.patch(SETTINGS, {"name": "Mine", field: value}), 400, "invalid_input")
        assert refused["details"] == {"json": {field: ["Cannot be changed."]}}
        assert data(customer.get(SETTINGS))["name"] == "Harbour Studio"

    def test_plain_member_may_not_change_settings(self, customer: Caller, as_caller: Callers) -> None:
        member = join(customer, as_caller, "ann")
        error(member.patch(SETTINGS, {"name": "Mine"}), 403)
        assert data(member.get(SETTINGS))["name"] == "Harbour Studio"
        data(join(customer, as_caller, "bob", "admin").patch(SETTINGS, {"name": "Ours"}))

    @pytest.mark.parametrize("field", ["id", "slug", "credit_balance", "created_at"])
    def test_what_is_read_only(self, customer: Caller, field: str) -> None:
        assert field in error(customer.patch(SETTINGS, {field: "x"}), 400)["details"]["json"]

    @pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": None}, {"billing_email": "x"}, {"tax_id": 5}])
    def test_bad_input(self, customer: Caller, body: Any) -> None:
        error(customer.patch(SETTINGS, body), 400, "invalid_input")


class TestTeam:
    def test_second_invitation_of_an_address_is_a_conflict(self, customer: Caller) -> None:
        data(customer.post(TEAM, {"email": "ann@harbour.example"}), 201)
        error(customer.post(TEAM, {"email": "ANN@harbour.example"}), 409)
        error(customer.post(TEAM, {"email": "owner@harbour.example"}), 409)

    def test_plain_member_may_not_change_the_team(self, customer: Caller, as_caller: Callers) -> None:
        ann = join(customer, as_caller, "ann")
        error(ann.post(TEAM, {"email": "x@harbour.example"}), 403)
        error(ann.delete(f"{TEAM}{member_id(ann, 'owner@harbour.example')}/"), 403)
        assert len(emails(ann)) == 2

    def test_admins_do_not_decide_on_owners(self, customer: Caller, as_caller: Callers) -> None:
        admin = join(customer, as_caller, "ann", "admin")
        error(admin.post(TEAM, {"email": "x@harbour.example", "role": "owner"}), 403)
        error(admin.delete(f"{TEAM}{member_id(admin, 'owner@harbour.example')}/"), 403)
        data(admin.post(TEAM, {"email": "x@harbour.example", "role": "admin"}), 201)
        data(admin.delete(f"{TEAM}{member_id(admin, 'x@harbour.example')}/"))

    def test_removed_member_has_no_access(self, customer: Caller, as_caller: Callers) -> None:
        ann = join(customer, as_caller, "ann")
        assert data(customer.delete(f"{TEAM}{member_id(customer, 'ann@harbour.example')}/")) == {"removed": True}
        error(ann.get(SETTINGS), 403, "no_account")

    def test_the_last_owner_stays(self, customer: Caller, as_caller: Callers) -> None:
        own = member_id(customer, "owner@harbour.example")
        error(customer.delete(f"{TEAM}{own}/"), 409, "last_owner")
        # An owner who never signed in would leave the account to nobody.
        data(customer.post(TEAM, {"email": "late@harbour.example", "role": "owner"}), 201)
        error(customer.delete(f"{TEAM}{own}/"), 409, "last_owner")
        join(customer, as_caller, "ann", "owner")
        data(customer.delete(f"{TEAM}{own}/"))
        error(customer.get(SETTINGS), 403, "no_account")

    def test_members_of_others_are_not_found(self, customer: Caller, as_caller: Callers) -> None:
        other = as_caller(user="other", email="other@a.example")
        open_customer(other, "Other")
        error(customer.delete(f"{TEAM}{member_id(other, 'other@a.example')}/"), 404)
        error(customer.delete(f"{TEAM}{UNKNOWN}/"), 404)
        error(customer.delete(f"{TEAM}x/"), 400)

    @pytest.mark.parametrize("body", [{}, {"email": "x"}, {"email": "a@b.example", "role": "king"}, {"email": None}])
    def test_bad_invitations(self, customer: Caller, body: Any) -> None:
        error(customer.post(TEAM, body), 400, "invalid_input")
