"""`/v1/admin/accounts`: finding customers."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from freezegun import freeze_time

from app.clock import utc_now
from tests.caller import Caller, data, error
from tests.factories.customers import accept, grant, invite, open_customer, spend
from tests.factories.exports import records

ACCOUNTS = "/v1/admin/accounts/"
As = Callable[..., Caller]


@pytest.fixture
def three(as_caller: As) -> dict[str, int]:
    """The ids of three accounts, by their names."""
    names = ("Harbour Studio", "Łódź Coffee & Co.", "100% Design_Works")
    return {
        name: open_customer(as_caller(user=f"user-{n}", email=f"owner{n}@place{n}.example"), name)["id"]
        for n, name in enumerate(names)
    }


def found(staff: Caller, query: str = "") -> list[str]:
    return [each["name"] for each in data(staff.get(f"{ACCOUNTS}?{query}"))["results"]]


class TestList:
    @pytest.mark.parametrize("path", [ACCOUNTS, f"{ACCOUNTS}1/"])
    def test_only_staff_and_their_machines_may(self, customer: Caller, as_caller: As, path: str) -> None:
        error(customer.get(path), 403, "forbidden")
        error(as_caller(scopes=("spend:credits", "manage:accounts")).get(path), 403, "forbidden")
        for scope in ("read:accounts", "all:accounts"):
            data(as_caller(scopes=(scope,)).get(path))

    def test_an_account_says_who_opened_it_and_its_plan(self, admin: Caller, customer: Caller) -> None:
        settings = data(customer.get("/v1/account/settings/"))
        (listed,) = data(admin.get(ACCOUNTS))["results"]
        more = {"account_id": settings["id"], "account_name": "Harbour Studio", "created_by": "owner", "plan": "Free"}
        free = {"credits_held": 0, "credits_frozen": 0, "credits_available": 100, "debt": 0}
        assert listed == {**settings, **more, **free}
        assert data(admin.get(f"{ACCOUNTS}{settings['id']}/")) == listed

    def test_an_unknown_account_is_not_found(self, admin: Caller) -> None:
        error(admin.get(f"{ACCOUNTS}7/"), 404, "not_found")

    @pytest.mark.parametrize(
        ("search", "names"),
        [
            ("harb", ["Harbour Studio"]),
            ("BOUR st", ["Harbour Studio"]),
            ("studio harbour", ["Harbour Studio"]),
            ("studio coffee", []),
            ("ŁÓDŹ", ["Łódź Coffee & Co."]),
            ("odz-coffee-co", ["Łódź Coffee & Co."]),
            ("Owner2@Place2", ["100% Design_Works"]),
            ("user-2", ["100% Design_Works"]),
            ("100%25", ["100% Design_Works"]),
            ("n_w", ["100% Design_Works"]),
            ("_", ["100% Design_Works"]),
            ("place", ["100% Design_Works", "Łódź Coffee & Co.", "Harbour Studio"]),
            ("", ["100% Design_Works", "Łódź Coffee & Co.", "Harbour Studio"]),
            ("%25%25", []),
            ("%27", []),
        ],
    )
    def test_search_looks_for_parts_of_words(
        self, admin: Caller, three: dict[str, int], search: str, names: list[str]
    ) -> None:
        assert len(three) == 3
        assert found(admin, f"search={search}") == names

    def test_search_finds_an_id(self, admin: Caller, three: dict[str, int]) -> None:
        for name, account_id in three.items():
            assert name in found(admin, f"search={account_id}")
        assert found(admin, f"search={2**53}") == []
        assert found(admin, f"search={'9' * 200}") == []

    def test_search_follows_what_changes(self, admin: Caller, customer: Caller, as_caller: As) -> None:
        data(customer.patch("/v1/account/settings/", {"name": "Quay Works"}))
        # The slug stays.
        assert [found(admin, f"search={each}") for each in ("quay", "harbour-studio")] == [["Quay Works"]] * 2
        invited = invite(customer, "kim@far.example")
        assert found(admin, "search=kim@far") == ["Quay Works"]
        kim = as_caller(user="kim-7", email="kim@far.example", given_name="Kim")
        accept(kim, invited["id"])
        assert found(admin, "search=kim-7") == ["Quay Works"]
        data(customer.delete(f"/v1/account/team/{invited['id']}/"))
        assert found(admin, "search=kim-7") == []
        declined = invite(customer, "bo@far.example")
        data(
            as_caller(user="bo", email="bo@far.example").post(
                f"/v1/account/invitations/{declined['id']}/decline/", None
            )
        )
        assert found(admin, "search=bo@far") == []

    def test_sorting_and_plan(self, admin: Caller, three: dict[str, int]) -> None:
        grant(admin, three["Łódź Coffee & Co."], 50)
        assert found(admin, "sort_by=balance&sort_order=desc")[0] == "Łódź Coffee & Co."
        assert found(admin, "sort_by=balance&sort_order=asc")[-1] == "Łódź Coffee & Co."
        assert found(admin, "sort_by=created&sort_order=asc")[0] == "Harbour Studio"
        assert len(found(admin, "plan=Free")) == 3
        assert found(admin, "plan=Team") == []
        error(admin.get(f"{ACCOUNTS}?sort_by=name"), 400, "invalid_input")

    def test_balances_count_what_fell_due(self, admin: Caller, customer: Caller, customer_id: int) -> None:
        expiring = {"amount": 30, "transaction_type": "grant", "description": "Trial", "expires_in": 60}
        data(admin.post("/v1/billing/credits/grant/", {**expiring, "account_id": customer_id}), 201)
        spend(customer, 1)
        with freeze_time(utc_now() + timedelta(seconds=61)):
            (listed,) = data(admin.get(ACCOUNTS))["results"]
            assert listed["credit_balance"] == 100
            assert data(admin.get(f"{ACCOUNTS}{customer_id}/"))["credit_balance"] == 100
            (row,) = records(admin, ACCOUNTS)
            assert row["credit_balance"] == "100"


class TestLookup:
    def test_a_user_has_accounts_in_the_order_of_joining(
        self, admin: Caller, three: dict[str, int], as_caller: As
    ) -> None:
        owner = as_caller(user="user-0", email="owner0@place0.example")
        kim = as_caller(user="user-2", email="owner2@place2.example")
        accept(kim, invite(owner, "owner2@place2.example", "admin")["id"])
        roles = {"100% Design_Works": "owner", "Harbour Studio": "admin"}
        expected = [
            {"id": three[name], "name": name, "account_id": three[name], "account_name": name, "role": role}
            for name, role in roles.items()
        ]
        for query in ("user_id=user-2", "email=OWNER2@place2.example"):
            assert data(admin.get(f"{ACCOUNTS}lookup/?{query}"))["results"] == expected, query

    @pytest.mark.parametrize("query", ["user_id=USER-2", "user_id=user", "email=owner2", "email=%25@place2.example"])
    @pytest.mark.usefixtures("three")
    def test_a_part_of_a_name_is_nobody(self, admin: Caller, query: str) -> None:
        assert data(admin.get(f"{ACCOUNTS}lookup/?{query}"))["results"] == []

    def test_an_invitation_makes_no_member(self, admin: Caller, customer: Caller) -> None:
        invite(customer, "kim@far.example")
        assert data(admin.get(f"{ACCOUNTS}lookup/?email=kim@far.example"))["count"] == 0

    @pytest.mark.parametrize("query", ["", "user_id=a&email=a@b.example", "user_id=", "email=%20"])
    def test_exactly_one_of_them_is_required(self, admin: Caller, query: str) -> None:
        error(admin.get(f"{ACCOUNTS}lookup/?{query}"), 400, "invalid_input")

    def test_machines_that_spend_may_ask(self, customer: Caller, as_caller: As) -> None:
        path = f"{ACCOUNTS}lookup/?user_id=owner"
        error(customer.get(path), 403, "forbidden")
        for scope in ("spend:credits", "read:accounts"):
            assert data(as_caller(scopes=(scope,)).get(path))["count"] == 1
