"""Caps on what members, operations and API keys spend."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time

from tests.api_keys.conftest import ACCOUNT_KEYS, ADMIN_KEYS, issue
from tests.caller import Caller, data, error
from tests.concurrency.callers import at_once, statuses
from tests.factories.customers import open_customer, spend

CAPS = "/v1/account/caps/"
USAGE = "/v1/billing/credits/usage/"
HOLDS = "/v1/billing/credits/holds/"
NOON = "2031-03-11T12:00:00Z"

pytestmark = pytest.mark.usefixtures("sound_books")


def cap(owner: Caller, credits: int = 30, kind: str = "operation", subject: str = "images", period: str = "day") -> Any:
    body = {"kind": kind, "subject": subject, "period": period, "credits": credits}
    return data(owner.call("PUT", CAPS, body))


def used(owner: Caller) -> list[int]:
    return [each["used"] for each in data(owner.get(CAPS))["results"]]


def usage(credits: int, operation: str = "images", **more: Any) -> dict[str, Any]:
    return {"operation_type": operation, "credits_used": credits, **more}


class TestCaps:
    def test_a_cap_limits_its_operation_in_its_period(self, owner: Caller) -> None:
        with freeze_time(NOON):
            made = cap(owner)
            assert (made["used"], made["resets_at"]) == (0, "2031-03-12T00:00:00.000Z")
            data(owner.post(USAGE, usage(20)), 201)
            details = error(owner.post(USAGE, usage(11)), 402, "cap_reached")["details"]
            assert (details["cap"]["id"], details["used"], details["resets_at"]) == (
                made["id"],
                20,
                "2031-03-12T00:00:00.000Z",
            )
            data(owner.post(USAGE, usage(30, "search")), 201)
            outcomes = data(owner.post(f"{USAGE}bulk/", [usage(5), usage(6), usage(5)]))
            assert [each.get("error", {}).get("reason") for each in outcomes] == [None, "cap_reached", None]
            assert used(owner) == [30]
        with freeze_time("2031-03-12T00:00:00Z"):
            assert used(owner) == [0]
            data(owner.post(USAGE, usage(30)), 201)

    def test_what_was_spent_before_counts_too(self, owner: Caller) -> None:
        with freeze_time(NOON):
            spend(owner, 20, "images")
            assert cap(owner)["used"] == 20
            assert cap(owner, period="total")["resets_at"] is None
            assert cap(owner, period="month")["resets_at"] == "2031-04-01T00:00:00.000Z"
            error(owner.post(USAGE, usage(11)), 402, "cap_reached")

    def test_a_cap_of_a_member_limits_who_it_is_for(self, owner: Caller) -> None:
        with freeze_time(NOON):
            cap(owner, 10, "member", "kim")
            error(owner.post(USAGE, usage(11, user_id="kim")), 402, "cap_reached")
            data(owner.post(USAGE, usage(11)), 201)
            data(owner.post(USAGE, usage(10, user_id="kim")), 201)

    def test_holds_count_when_they_are_made_and_what_they_give_back_does_not(self, owner: Caller) -> None:
        with freeze_time(NOON):
            cap(owner)
            terms = {"amount": 25, "operation_type": "images", "reference": "a", "over_capture": "available"}
            made = data(owner.post(HOLDS, terms), 201)
            error(owner.post(HOLDS, {**terms, "amount": 6, "reference": "b"}), 402, "cap_reached")
            error(owner.post(f"{HOLDS}{made['id']}/capture/", {"amount": 31}), 402, "cap_reached")
            error(owner.patch(f"{HOLDS}{made['id']}/", {"amount": 31}), 402, "cap_reached")
            data(owner.post(f"{HOLDS}{made['id']}/capture/", {"amount": 10}))
            assert used(owner) == [10]
            data(owner.post(HOLDS, {**terms, "amount": 20, "reference": "c", "expires_in": 60}), 201)
        with freeze_time("2031-03-11T12:01:00Z"):
            assert used(owner) == [10]
            data(owner.post(USAGE, usage(20)), 201)

    def test_what_is_taken_back_counts_no_longer_in_the_period_of_the_charge(self, owner: Caller) -> None:
        with freeze_time(NOON):
            cap(owner)
            cap(owner, 30, period="month")
            first = spend(owner, 30, "images")
            data(owner.post(f"{USAGE}{first['id']}/reverse/", {"credits": 10, "reason": "x"}), 201)
            assert used(owner) == [20, 20]
        with freeze_time("2031-03-12T12:00:00Z"):
            data(owner.post(USAGE, usage(5)), 201)
            data(owner.post(f"{USAGE}{first['id']}/reverse/", {"credits": 20, "reason": "x"}), 201)
            assert used(owner) == [5, 5]

    def test_a_cap_is_exact_for_many_at_once(self, owner: Caller) -> None:
        cap(owner, 30)
        assert statuses(at_once(lambda: owner.post(USAGE, usage(7)) for _ in range(12))) == {201: 4, 402: 8}

    def test_a_cap_is_replaced_and_removed(self, owner: Caller) -> None:
        with freeze_time(NOON):
            made = cap(owner, 30)
            spend(owner, 20, "images")
            assert cap(owner, 40) == {**made, "credits": 40, "used": 20}
            data(owner.call("DELETE", f"{CAPS}{made['id']}/"))
            error(owner.call("DELETE", f"{CAPS}{made['id']}/"), 404)
            data(owner.post(USAGE, usage(60)), 201)

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"kind": "keys"}, "kind"),
            *(({"kind": "key", "subject": each}, "subject") for each in ("7", "01", "x", "1.0", "9" * 20)),
            ({"period": "week"}, "period"),
            ({"credits": -1}, "credits"),
            ({"subject": ""}, "subject"),
        ],
    )
    def test_bad_caps_are_refused(self, owner: Caller, change: dict[str, Any], field: str) -> None:
        body = {"kind": "member", "subject": "kim", "period": "day", "credits": 5, **change}
        with freeze_time(NOON):
            assert field in error(owner.call("PUT", CAPS, body), 400)["details"]["json"]


@pytest.fixture
def keys(owner: Caller) -> list[Any]:
    """Two keys of the account, both of which spend."""
    with freeze_time(NOON):
        return [issue(owner, "spend:credits", path=ACCOUNT_KEYS) for _ in range(2)]


@pytest.fixture
def machines(app: Flask, keys: list[Any]) -> list[Caller]:
    """The machines that have them."""
    return [Caller(app, each["key"]) for each in keys]


class TestCapsOfKeys:
    def test_a_cap_limits_what_its_key_spends_and_nobody_else(
        self, owner: Caller, keys: list[Any], machines: list[Caller]
    ) -> None:
        first, second = machines
        with freeze_time(NOON):
            data(first.post(USAGE, usage(10)), 201)
            assert cap(owner, 30, "key", str(keys[0]["id"]))["used"] == 10
            details = error(first.post(USAGE, usage(21)), 402, "cap_reached")["details"]
            assert (details["cap"]["kind"], details["cap"]["subject"]) == ("key", str(keys[0]["id"]))
            for caller in (second, owner):
                data(caller.post(USAGE, usage(21)), 201)
            data(first.post(USAGE, usage(20)), 201)
            assert used(owner) == [30]

    def test_holds_of_the_key_count_and_captures_by_others_do_not(
        self, owner: Caller, keys: list[Any], machines: list[Caller]
    ) -> None:
        first, second = machines
        terms = {"amount": 25, "operation_type": "images", "reference": "a"}
        with freeze_time(NOON):
            for key in keys:
                cap(owner, 30, "key", str(key["id"]))
            made = data(first.post(HOLDS, terms), 201)
            error(first.post(HOLDS, {**terms, "amount": 6, "reference": "b"}), 402, "cap_reached")
            data(second.post(f"{HOLDS}{made['id']}/capture/", {"amount": 10}))
            assert used(owner) == [0, 10]
            assert data(second.post(HOLDS, terms), 200)["id"] == made["id"]

    def test_what_is_taken_back_counts_no_longer(self, owner: Caller, keys: list[Any], machines: list[Caller]) -> None:
        with freeze_time(NOON):
            cap(owner, 30, "key", str(keys[0]["id"]), "total")
            charged = data(machines[0].post(USAGE, usage(30)), 201)
            data(machines[1].post(f"{USAGE}{charged['id']}/reverse/", {"credits": 10, "reason": "x"}), 201)
            assert used(owner) == [20]
            data(owner.post(f"{ACCOUNT_KEYS}{keys[0]['id']}/revoke/", {"reason": "Leaked"}))
            assert cap(owner, 40, "key", str(keys[0]["id"]), "month")["used"] == 20

    def test_a_cap_survives_a_rotation(
        self, app: Flask, owner: Caller, keys: list[Any], machines: list[Caller]
    ) -> None:
        with freeze_time(NOON):
            cap(owner, 30, "key", str(keys[0]["id"]))
            data(machines[0].post(USAGE, usage(20)), 201)
            rotated = data(owner.post(f"{ACCOUNT_KEYS}{keys[0]['id']}/rotate/", {}))["key"]
            error(Caller(app, rotated).post(USAGE, usage(11)), 402, "cap_reached")

    def test_a_cap_is_exact_for_many_at_once(self, owner: Caller, keys: list[Any], machines: list[Caller]) -> None:
        cap(owner, 30, "key", str(keys[0]["id"]))
        spent = at_once(lambda: machines[0].post(USAGE, usage(7)) for _ in range(12))
        assert statuses(spent) == {201: 4, 402: 8}

    def test_keys_of_others_and_of_staff_have_none(
        self, owner: Caller, admin: Caller, as_caller: Callable[..., Caller]
    ) -> None:
        other = as_caller(user="other")
        open_customer(other, "Other")
        for key in (issue(other, "spend:credits", path=ACCOUNT_KEYS), issue(admin, "spend:credits", path=ADMIN_KEYS)):
            body = {"kind": "key", "subject": str(key["id"]), "period": "day", "credits": 5}
            assert "subject" in error(owner.call("PUT", CAPS, body), 400)["details"]["json"]
