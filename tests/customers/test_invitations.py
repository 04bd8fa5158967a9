"""Invitations: nobody joins an account without saying so."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time

from app.customers.team import INVITATIONS_LIVE
from tests.caller import TEN_YEARS, Caller, data, error
from tests.factories.customers import INVITATIONS, TEAM, Callers, accept, invite, join, open_customer
from tests.factories.purchases import buy

ACCOUNT = "/v1/account/"
SETTINGS = "/v1/account/settings/"
NOW = "2031-03-04T12:00:00Z"
UNKNOWN = 987654321


def invitations(caller: Caller) -> list[Any]:
    found: list[Any] = data(caller.get(INVITATIONS))["results"]
    return found


def team(caller: Caller) -> dict[str, bool]:
    return {each["email"]: each["is_active"] for each in data(caller.get(TEAM))["results"]}


@pytest.fixture
def ann(as_caller: Callers) -> Caller:
    """A person who belongs to no account."""
    return as_caller(user="ann", email="ann@harbour.example", given_name="Ann", family_name="Lee", hours=TEN_YEARS)


class TestListing:
    def test_without_a_token(self, app: Flask) -> None:
        error(Caller(app, None).get(INVITATIONS), 401)

    def test_it_says_what_one_is_invited_to(self, customer: Caller, customer_id: int, ann: Caller) -> None:
        with freeze_time(NOW):
            invited = invite(customer, "ann@harbour.example", "admin")
            (found,) = invitations(ann)
        assert found == {
            "id": invited["id"],
            "account_id": customer_id,
            "account_name": "Harbour Studio",
            "role": "admin",
            "invited_by": "owner@harbour.example",
            "expires_at": "2031-03-18T12:00:00.000Z",
        }
        assert (invited["is_active"], invited["date_joined"], invited["first_name"]) == (False, None, "")

    def test_who_invites_without_a_verified_address_is_named_by_user_id(self, as_caller: Callers, ann: Caller) -> None:
        nameless = as_caller(user="77", email="boss@trusted.example", email_verified=False)
        open_customer(nameless, "A")
        invite(nameless, "ann@harbour.example")
        assert invitations(ann)[0]["invited_by"] == "77"

    def test_newest_first_in_pages(self, customer: Caller, as_caller: Callers, ann: Caller) -> None:
        other = as_caller(user="other")
        open_customer(other, "Other")
        for manager in (customer, other):
            invite(manager, "ann@harbour.example")
        page = data(ann.get(f"{INVITATIONS}?per_page=1"))
        assert (page["count"], page["results"][0]["account_name"]) == (2, "Other")

    @pytest.mark.parametrize(
        "claims",
        [
            {"user": "eve", "email": "eve@harbour.example"},
            {"user": "eve"},
            {"user": "ann", "email": "ann@harbour.example", "email_verified": False},
            {"user": "ann", "email": "ann@harbour.example", "email_verified": "False"},
            {"user": "owner", "email": "owner@harbour.example"},
        ],
        ids=str,
    )
    def test_only_to_ones_own_verified_address(
        self, customer: Caller, as_caller: Callers, claims: dict[str, Any]
    ) -> None:
        invited = invite(customer, "ann@harbour.example")
        other = as_caller(**claims)
        assert invitations(other) == []
        for action in ("accept", "decline"):
            error(other.post(f"{INVITATIONS}{invited['id']}/{action}/", None), 404)
        assert team(customer)["ann@harbour.example"] is False

    def test_a_machine_has_none(self, as_caller: Callers) -> None:
        machine = as_caller(scopes=("spend:credits",), user="", azp="robot", email="ann@harbour.example")
        error(machine.get(INVITATIONS), 403, "no_account")
        error(machine.get("/v1/account/memberships/"), 403, "no_account")


class TestCaseOfAddresses:
    KELVIN = "\u212a"

    @pytest.mark.parametrize("spelling", ["kim@harbour.example", "KIM@Harbour.Example", "Kim@HARBOUR.example"])
    def test_ascii_letters_fold(self, customer: Caller, as_caller: Callers, spelling: str) -> None:
        invite(customer, "Kim@Harbour.example")
        kim = as_caller(user="kim", email=spelling)
        accept(kim, invitations(kim)[0]["id"])
        error(customer.post(TEAM, {"email": "kIM@harbour.example"}), 409)

    @pytest.mark.parametrize(
        ("invited", "spelling"),
        [
            ("kim@harbour.example", f"{KELVIN}im@harbour.example"),
            ("ann@harbour.example", "ann@harbour.e\u0445ample"),
            ("sigi@harbour.example", "\u017figi@harbour.example"),
            ("ann@xn--mller-kva.example", "ann@m\u00fcller.example"),
        ],
    )
    def test_every_other_character_is_another(
        self, customer: Caller, as_caller: Callers, invited: str, spelling: str
    ) -> None:
        row = invite(customer, invited)
        lookalike = as_caller(user="lookalike", email=spelling)
        assert invitations(lookalike) == []
        error(lookalike.post(f"{INVITATIONS}{row['id']}/accept/", None), 404)

    def test_letters_beyond_ascii_keep_their_case(self, customer: Caller, as_caller: Callers) -> None:
        invite(customer, "ann@m\u00fcller.example")
        assert invitations(as_caller(user="x", email="ann@M\u00dcLLER.example")) == []
        assert len(invitations(as_caller(user="x", email="ANN@M\u00fcLLER.example"))) == 1


class TestAccepting:
    def test_nobody_joins_by_signing_in(self, customer: Caller, ann: Caller) -> None:
        invite(customer, "ann@harbour.example", "admin")
        for path in (SETTINGS, TEAM, "/v1/billing/credits/balance/"):
            error(ann.get(path), 403, "no_account")
        assert team(customer)["ann@harbour.example"] is False
        assert data(ann.get("/v1/account/memberships/"))["results"] == []

    def test_it_makes_a_member_under_the_same_id(self, customer: Caller, customer_id: int, ann: Caller) -> None:
        invited = invite(customer, "ann@harbour.example", "admin")
        accepted = accept(ann, invited["id"])
        assert (accepted["id"], accepted["account_id"], accepted["role"]) == (invited["id"], customer_id, "admin")
        assert data(ann.get(SETTINGS))["id"] == customer_id
        joined = data(customer.get(TEAM))["results"][0]
        assert (joined["id"], joined["is_active"], joined["role"]) == (invited["id"], True, "admin")
        assert (joined["first_name"], joined["last_name"], joined["email"]) == ("Ann", "Lee", "ann@harbour.example")
        assert joined["date_joined"] is not None
        assert invitations(ann) == []

    def test_from_then_on_the_user_counts_and_not_the_address(
        self, customer: Caller, as_caller: Callers, ann: Caller
    ) -> None:
        accept(ann, invite(customer, "ann@harbour.example")["id"])
        assert data(as_caller(user="ann").get(SETTINGS))["name"] == "Harbour Studio"
        error(as_caller(user="eve", email="ann@harbour.example").get(SETTINGS), 403, "no_account")

    def test_invitation_ids_that_are_none_are_refused(self, ann: Caller) -> None:
        error(ann.post(f"{INVITATIONS}{UNKNOWN}/accept/", None), 404)
        error(ann.post(f"{INVITATIONS}x/accept/", None), 400)

    def test_a_members_own_row_is_no_invitation(self, customer: Caller) -> None:
        (own,) = data(customer.get(TEAM))["results"]
        error(customer.post(f"{INVITATIONS}{own['id']}/accept/", None), 404)

    def test_who_belongs_already_cannot_join_twice(self, customer: Caller, as_caller: Callers) -> None:
        second = invite(customer, "second@harbour.example")
        again = as_caller(user="owner", email="second@harbour.example")
        error(again.post(f"{INVITATIONS}{second['id']}/accept/", None), 409, "conflict")
        assert data(again.get(SETTINGS))["name"] == "Harbour Studio"
        data(again.post(f"{INVITATIONS}{second['id']}/decline/", None))

    def test_sent_again_with_its_key_it_is_answered_again(self, customer: Caller, ann: Caller) -> None:
        path = f"{INVITATIONS}{invite(customer, 'ann@harbour.example')['id']}/accept/"
        first = ann.post(path, None, Idempotency_Key="k")
        assert data(first) == data(ann.post(path, None, Idempotency_Key="k"))


class TestEnds:
    def ended(self, caller: Caller, invitation_id: int) -> None:
        for action in ("accept", "decline"):
            error(caller.post(f"{INVITATIONS}{invitation_id}/{action}/", None), 409, "invitation_ended")
        assert invitations(caller) == []

    def test_accepted_invitation_is_gone(self, customer: Caller, ann: Caller) -> None:
        invited = invite(customer, "ann@harbour.example")
        accept(ann, invited["id"])
        self.ended(ann, invited["id"])

    def test_declined_invitation_is_gone(self, customer: Caller, ann: Caller) -> None:
        invited = invite(customer, "ann@harbour.example")
        declined = data(ann.post(f"{INVITATIONS}{invited['id']}/decline/", None))
        assert (declined["id"], declined["account_name"]) == (invited["id"], "Harbour Studio")
        self.ended(ann, invited["id"])
        assert "ann@harbour.example" not in team(customer)
        error(ann.get(SETTINGS), 403, "no_account")

    def test_withdrawn_invitation_is_gone(self, customer: Caller, ann: Caller) -> None:
        invited = invite(customer, "ann@harbour.example")
        assert data(customer.delete(f"{TEAM}{invited['id']}/")) == {"removed": True}
        self.ended(ann, invited["id"])
        error(customer.delete(f"{TEAM}{invited['id']}/"), 404)

    def test_invitation_expires_after_fourteen_days(self, customer: Caller, ann: Caller) -> None:
        assert timedelta(days=14) == INVITATIONS_LIVE
        with freeze_time(NOW) as clock:
            invited = invite(customer, "ann@harbour.example")
            clock.tick(timedelta(days=14, seconds=-1))
            assert len(invitations(ann)) == 1
            clock.tick(timedelta(seconds=1))
            self.ended(ann, invited["id"])
            assert "ann@harbour.example" not in team(customer)
            error(customer.delete(f"{TEAM}{invited['id']}/"), 404)
            error(customer.patch(f"{TEAM}{invited['id']}/", {"role": "admin"}), 404)

    def test_invitation_can_be_accepted_until_it_expires(self, customer: Caller, ann: Caller) -> None:
        with freeze_time(NOW) as clock:
            invited = invite(customer, "ann@harbour.example")
            clock.tick(timedelta(days=14, seconds=-1))
            accept(ann, invited["id"])
            clock.tick(timedelta(days=30))
            assert data(ann.get(SETTINGS))["name"] == "Harbour Studio"

    @pytest.mark.parametrize("end", ["decline", "withdraw", "expire"])
    def test_the_address_can_be_invited_again_under_another_id(self, customer: Caller, ann: Caller, end: str) -> None:
        with freeze_time(NOW) as clock:
            first = invite(customer, "ann@harbour.example")
            error(customer.post(TEAM, {"email": "ANN@harbour.example"}), 409, "conflict")
            if end == "expire":
                clock.tick(timedelta(days=14))
            elif end == "decline":
                data(ann.post(f"{INVITATIONS}{first['id']}/decline/", None))
            else:
                data(customer.delete(f"{TEAM}{first['id']}/"))
            second = invite(customer, "ann@harbour.example")
            assert second["id"] != first["id"]
            error(ann.post(f"{INVITATIONS}{first['id']}/accept/", None), 409, "invitation_ended")
            accept(ann, second["id"])


class TestAccountOfOnesOwn:
    def test_an_invitation_keeps_nobody_from_it(self, customer: Caller, ann: Caller) -> None:
        invite(customer, "ann@harbour.example", "owner")
        own = open_customer(ann, "Ann's")
        assert (own["name"], own["credit_balance"]) == ("Ann's", 100)
        buy(ann)
        assert data(customer.get("/v1/billing/payments/"))["count"] == 0
        assert len(invitations(ann)) == 1

    def test_a_member_of_another_opens_one_besides(self, customer: Caller, as_caller: Callers) -> None:
        ann = join(customer, as_caller, "ann", "admin")
        own = open_customer(ann, "Ann's")
        # The first joined is meant unless another is named.
        assert data(ann.get(SETTINGS))["name"] == "Harbour Studio"
        assert data(ann.get(SETTINGS, X_Account_Id=str(own["id"])))["name"] == "Ann's"

    def test_who_left_opens_one(self, customer: Caller, as_caller: Callers) -> None:
        ann = join(customer, as_caller, "ann")
        data(ann.post("/v1/account/leave/", None))
        open_customer(ann, "Ann's")


def test_times_are_in_order(customer: Caller, ann: Caller) -> None:
    invite(customer, "ann@harbour.example")
    (found,) = invitations(ann)
    left = datetime.fromisoformat(found["expires_at"]) - datetime.now().astimezone()
    assert timedelta(days=13, hours=23) < left <= timedelta(days=14)
