"""How often somebody may open an account, and which of them bring first credits."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from flask import Flask

from tests.auth.test_tokens import signed
from tests.caller import Caller, data, error
from tests.concurrency.callers import at_once, statuses
from tests.factories.customers import TEAM, Callers, join, open_customer

ACCOUNT = "/v1/account/"


def hand_over(owner: Caller, as_caller: Callers, heir: str) -> None:
    """The owner leaves the account they opened to somebody else."""
    join(owner, as_caller, heir, "owner")
    data(owner.post("/v1/account/leave/", None))


class TestLimit:
    def test_one_who_owns_an_account_opens_no_other(self, customer: Caller, as_caller: Callers) -> None:
        error(customer.post(ACCOUNT, {"name": "Another"}), 409, "conflict")
        error(join(customer, as_caller, "ann", "owner").post(ACCOUNT, {"name": "Another"}), 409, "conflict")

    def test_accounts_left_count_against_the_limit(self, as_caller: Callers) -> None:
        opener = as_caller(user="opener")
        for number in range(3):
            open_customer(opener)
            hand_over(opener, as_caller, f"heir{number}")
        refused = error(opener.post(ACCOUNT, {"name": "A fourth"}), 409, "too_many_accounts")
        assert refused["details"] == {"limit": 3}
        # A refused one is not counted, and other people are others.
        error(opener.post(ACCOUNT, {"name": "A fourth"}), 409, "too_many_accounts")
        open_customer(as_caller(user="another"))

    def test_a_role_given_away_counts_too(self, app_with: Callable[..., Flask]) -> None:
        app = app_with(accounts_per_identity=1)

        def caller(**claims: Any) -> Caller:
            user = claims.pop("user")
            return Caller(app, signed(**{"sub": user, "roles": None, "email_verified": True, **claims}))

        opener = caller(user="opener")
        open_customer(opener)
        join(opener, caller, "heir", "owner")
        own = next(each["id"] for each in data(opener.get(TEAM))["results"] if each["email"] == "")
        data(opener.patch(f"{TEAM}{own}/", {"role": "member"}))
        error(opener.post(ACCOUNT, {"name": "B"}), 409, "too_many_accounts")

    def test_an_identity_is_a_user_of_an_issuer(self, app_with: Callable[..., Flask]) -> None:
        app = app_with(accounts_per_identity=1)

        def caller(*, user: str, issuer: str = "https://a.example/", **claims: Any) -> Caller:
            return Caller(app, signed(**{"sub": user, "iss": issuer, "roles": None, "email_verified": True, **claims}))

        one, two = (caller(user="7", issuer=issuer) for issuer in ("https://a.example/", "https://b.example/"))
        assert open_customer(one)["credit_balance"] == 100
        hand_over(one, caller, "heir")
        assert open_customer(two)["credit_balance"] == 100
        hand_over(two, caller, "another")
        for each in (one, two):
            error(each.post(ACCOUNT, {"name": "B"}), 409, "too_many_accounts")

    def test_failed_openings_do_not_count(self, as_caller: Callers) -> None:
        opener = as_caller(user="opener")
        for _ in range(4):
            error(opener.post(ACCOUNT, {"name": " "}), 400)
        open_customer(opener)


class TestFirstCredits:
    def test_first_credits_are_granted_once_for_each_user(self, as_caller: Callers) -> None:
        opener = as_caller(user="opener")
        assert open_customer(opener)["credit_balance"] == 100
        hand_over(opener, as_caller, "heir")
        second = open_customer(opener)
        assert second["credit_balance"] == 0
        assert data(opener.get("/v1/billing/transactions/"))["count"] == 0

    def test_first_credits_are_granted_once_for_each_verified_address(self, as_caller: Callers) -> None:
        one = as_caller(user="one", email="Ann@harbour.example")
        two = as_caller(user="two", email="ann@HARBOUR.example")
        assert [open_customer(each)["credit_balance"] for each in (one, two)] == [100, 0]

    def test_an_address_that_is_not_verified_is_nobodys(self, as_caller: Callers) -> None:
        claims = {"email": "ann@harbour.example", "email_verified": False}
        one, two = (as_caller(user=user, **claims) for user in ("one", "two"))
        assert [open_customer(each)["credit_balance"] for each in (one, two)] == [100, 100]

    def test_members_who_take_turns_get_them_once_each(self, as_caller: Callers) -> None:
        ann, bob = (as_caller(user=name, email=f"{name}@harbour.example") for name in ("ann", "bob"))
        balances = []
        for _ in range(2):
            for opener, heir in ((ann, "bob"), (bob, "ann")):
                balances.append(open_customer(opener)["credit_balance"])
                hand_over(opener, as_caller, f"{heir}-{len(balances)}")
        assert balances == [100, 100, 0, 0]


class TestRaces:
    def test_one_user_opens_one(self, as_caller: Callers) -> None:
        person = as_caller(user="quick")
        answers = at_once(lambda: person.post(ACCOUNT, {"name": "Quick"}) for _ in range(16))
        assert statuses(answers) == {201: 1, 409: 15}

    @pytest.mark.parametrize("repetition", range(3))
    def test_users_who_share_an_address_get_first_credits_once(self, as_caller: Callers, repetition: int) -> None:
        email = f"shared-{repetition}@harbour.example"
        people = [as_caller(user=f"user-{number}", email=email) for number in range(8)]
        answers = at_once(partial(each.post, ACCOUNT, {"name": "Quick"}) for each in people)
        balances = [data(answer, 201)["credit_balance"] for answer in answers]
        assert sorted(balances) == [0] * 7 + [100]
