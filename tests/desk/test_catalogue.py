"""`/v1/admin/plans` and `/v1/admin/packages`: what the vendor offers."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.caller import Caller, data, error
from tests.factories.customers import open_customer, spend
from tests.factories.purchases import add_rate, approve, buy, packages_for_sale

PLANS, PACKAGES = "/v1/admin/plans/", "/v1/admin/packages/"
TEAM = {"name": "Team", "credits_per_month": 500, "price_per_credit": "0.015"}
MEGA = {"name": "Mega Pack", "credits": 50_000, "price": "499.00"}


def every(staff: Caller, path: str) -> list[Any]:
    found: list[Any] = data(staff.get(path))["results"]
    return found


def defaults(staff: Caller) -> list[str]:
    return [each["name"] for each in every(staff, PLANS) if each["is_default"]]


class TestPlans:
    def test_there_is_free(self, admin: Caller) -> None:
        (free,) = every(admin, PLANS)
        expected = {"name": "Free", "credits_per_month": 100, "price_per_credit": "0.01", "rollover": "all"}
        assert free == {"id": free["id"], **expected, "is_default": True}
        assert data(admin.get(f"{PLANS}{free['id']}/")) == free

    def test_a_new_one_is_listed(self, admin: Caller) -> None:
        created = data(admin.post(PLANS, TEAM), 201)
        assert created == {"id": created["id"], **TEAM, "rollover": "all", "is_default": False}
        assert [each["name"] for each in every(admin, PLANS)] == ["Free", "Team"]

    @pytest.mark.parametrize(
        ("change", "shown"),
        [
            ({"price_per_credit": 0.25}, {"price_per_credit": "0.25"}),
            ({"price_per_credit": "0.000001"}, {"price_per_credit": "0.000001"}),
            ({"rollover": 250}, {"rollover": "250"}),
            ({"rollover": "none", "credits_per_month": 0}, {"rollover": "none", "credits_per_month": 0}),
            ({"name": " Crew "}, {"name": "Crew"}),
            ({"is_default": False}, {}),
        ],
    )
    def test_changes(self, admin: Caller, change: Any, shown: Any) -> None:
        plan = data(admin.post(PLANS, TEAM), 201)
        changed = data(admin.patch(f"{PLANS}{plan['id']}/", change))
        assert changed == {**plan, **shown} == data(admin.get(f"{PLANS}{plan['id']}/"))

    @pytest.mark.parametrize(
        "bad",
        [
            {"name": ""},
            {"credits_per_month": -1},
            {"credits_per_month": 1.5},
            {"price_per_credit": "0.0000001"},
            {"price_per_credit": "-1"},
            {"price_per_credit": "1000.01"},
            {"price_per_credit": "1e2"},
            {"rollover": "some"},
            {"rollover": -1},
            {"rollover": "1234567890"},
            {"is_default": "yes"},
            {"id": 7},
        ],
    )
    def test_bad_values_are_refused(self, admin: Caller, bad: Any) -> None:
        (name,) = bad
        free = every(admin, PLANS)[0]
        for answer in (admin.post(PLANS, {**TEAM, **bad}), admin.patch(f"{PLANS}{free['id']}/", bad)):
            assert name in error(answer, 400, "invalid_input")["details"]["json"]
        assert every(admin, PLANS) == [free]

    def test_names_are_unique(self, admin: Caller) -> None:
        error(admin.post(PLANS, {**TEAM, "name": "Free", "is_default": True}), 409, "conflict")
        plan = data(admin.post(PLANS, TEAM), 201)
        error(admin.patch(f"{PLANS}{plan['id']}/", {"name": "Free"}), 409, "conflict")
        assert defaults(admin) == ["Free"]

    def test_one_plan_is_the_default(self, admin: Caller, as_caller: Callable[..., Caller]) -> None:
        team = data(admin.post(PLANS, {**TEAM, "is_default": True}), 201)
        assert defaults(admin) == ["Team"]
        free = every(admin, PLANS)[0]
        error(admin.patch(f"{PLANS}{team['id']}/", {"is_default": False}), 409, "conflict")
        assert open_customer(as_caller(user="new"))["plan"] == "Team"
        data(admin.patch(f"{PLANS}{free['id']}/", {"is_default": True}))
        data(admin.patch(f"{PLANS}{free['id']}/", {"is_default": True}))
        assert defaults(admin) == ["Free"]

    def test_the_worth_of_a_credit_changes_at_once(self, admin: Caller, customer: Caller) -> None:
        free = every(admin, PLANS)[0]
        data(admin.patch(f"{PLANS}{free['id']}/", {"price_per_credit": "0.5"}))
        assert spend(customer, 3)["cost_usd"] == "1.50"

    def test_every_change_has_an_entry(self, admin: Caller) -> None:
        free = every(admin, PLANS)[0]
        team = data(admin.post(PLANS, {**TEAM, "is_default": True}), 201)
        data(admin.patch(f"{PLANS}{team['id']}/", {"rollover": "none"}, X_Change_Reason="Sale"))
        entries = data(admin.get("/v6/audit?objectType=plan"))["results"]
        told = [(each["objectId"], each["before"], each["after"]) for each in entries]
        created = {"name": "Team", "credits_per_month": 500, "usd_per_credit": "0.015", "rollover": "all"}
        assert told == [
            (str(team["id"]), {"rollover": "all"}, {"rollover": "none"}),
            (str(team["id"]), None, {**created, "is_default": True}),
            (str(free["id"]), {"is_default": True}, {"is_default": False}),
        ]
        assert entries[0]["reason"] == "Sale"


class TestPackages:
    def test_a_new_one_is_for_sale(self, admin: Caller, customer: Caller) -> None:
        created = data(admin.post(PACKAGES, MEGA), 201)
        assert created == {"id": created["id"], **MEGA, "is_active": True, "expires_after_days": None}
        assert packages_for_sale(customer)["Mega Pack"] == created["id"]
        assert [each["name"] for each in every(admin, PACKAGES)][-1] == "Mega Pack"

    def test_taken_off_sale_it_is_still_listed_here(self, admin: Caller, customer: Caller) -> None:
        starter = next(each for each in every(admin, PACKAGES) if each["name"] == "Starter Pack")
        path = f"{PACKAGES}{starter['id']}/"
        bought = buy(customer)["payment"]
        changed = data(admin.patch(path, {"is_active": False, "price": "10.00", "expires_after_days": 30}))
        assert changed == {**starter, "is_active": False, "price": "10.00", "expires_after_days": 30}
        assert data(admin.get(path)) == changed
        assert "Starter Pack" not in packages_for_sale(customer)
        assert data(customer.get(f"/v1/billing/payments/{bought['id']}/"))["amount"] == "9.00"
        data(admin.patch(path, {"is_active": True, "expires_after_days": None}))
        assert "Starter Pack" in packages_for_sale(customer)

    @pytest.mark.parametrize(
        "bad",
        [
            {"price": "0"},
            {"price": "1.001"},
            {"price": "1000000.00"},
            {"credits": 0},
            {"expires_after_days": 0},
            {"name": " "},
        ],
    )
    def test_bad_values_are_refused(self, admin: Caller, bad: Any) -> None:
        (name,) = bad
        before = every(admin, PACKAGES)
        for answer in (admin.post(PACKAGES, {**MEGA, **bad}), admin.patch(f"{PACKAGES}{before[0]['id']}/", bad)):
            assert name in error(answer, 400, "invalid_input")["details"]["json"]
        assert every(admin, PACKAGES) == before

    def test_the_dearest_credit_can_be_bought_with_tax(self, admin: Caller, customer: Caller) -> None:
        add_rate(admin, "IE", "0.99")
        data(customer.patch("/v1/account/settings/", {"billing_country": "IE"}))
        data(admin.post(PACKAGES, {"name": "Dear", "credits": 1, "price": "999999.99"}), 201)
        paid = approve(admin, buy(customer, "Dear")["payment"]["id"])
        assert (paid["status"], paid["amount"]) == ("succeeded", "1989999.98")

    def test_names_are_unique(self, admin: Caller) -> None:
        error(admin.post(PACKAGES, {**MEGA, "name": "Starter Pack"}), 409, "conflict")
        created = data(admin.post(PACKAGES, MEGA), 201)
        error(admin.patch(f"{PACKAGES}{created['id']}/", {"name": "Starter Pack"}), 409, "conflict")


@pytest.mark.parametrize(("path", "new"), [(PLANS, TEAM), (PACKAGES, MEGA)])
class TestWhoMay:
    def test_reading_and_managing_have_scopes_of_their_own(
        self, as_caller: Callable[..., Caller], path: str, new: Any
    ) -> None:
        reader, manager = (as_caller(scopes=(f"{each}:accounts",)) for each in ("read", "manage"))
        error(reader.post(path, new), 403, "forbidden")
        created = data(manager.post(path, new), 201)
        error(manager.get(path), 403, "forbidden")
        assert created in data(reader.get(path))["results"]
        error(reader.patch(f"{path}{created['id']}/", {"name": "New"}), 403, "forbidden")
        assert data(manager.patch(f"{path}{created['id']}/", {"name": "New"}))["name"] == "New"

    def test_an_unknown_one_is_not_found(self, admin: Caller, path: str, new: Any) -> None:  # noqa: ARG002
        error(admin.get(f"{path}999/"), 404, "not_found")
        error(admin.patch(f"{path}999/", {"name": "New"}), 404, "not_found")

    def test_nothing_to_change_is_refused(self, admin: Caller, path: str, new: Any) -> None:  # noqa: ARG002
        error(admin.patch(f"{path}1/", {}), 400, "invalid_input")
