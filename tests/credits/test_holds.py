"""Holds: made, captured, released, changed and expired."""

from collections.abc import Callable
from typing import Any

import pytest
from freezegun import freeze_time

from tests.caller import TEN_YEARS, Caller, data, error
from tests.credits.conftest import Give
from tests.factories.customers import join, open_customer, spend

BALANCE = "/v1/billing/credits/balance/"
HOLDS = "/v1/billing/credits/holds/"
LOTS = "/v1/billing/credits/lots/"
USAGE = "/v1/billing/credits/usage/"
TRANSACTIONS = "/v1/billing/transactions/"
NOON = "2031-03-11T12:00:00Z"

pytestmark = pytest.mark.usefixtures("sound_books")


def terms(amount: Any = 30, reference: str = "job-1", **more: Any) -> dict[str, Any]:
    return {"amount": amount, "operation_type": "images", "reference": reference, **more}


def hold(caller: Caller, amount: int = 30, reference: str = "job-1", **more: Any) -> Any:
    return data(caller.post(HOLDS, terms(amount, reference, **more)), 201)


def capture(caller: Caller, made: Any, **body: Any) -> Any:
    return data(caller.post(f"{HOLDS}{made['id']}/capture/", body))


def balance(caller: Caller) -> tuple[int, int, int]:
    found = data(caller.get(BALANCE))
    return found["credits"], found["credits_held"], found["credits_available"]


def amounts(caller: Caller) -> list[int]:
    return [each["amount"] for each in data(caller.get(TRANSACTIONS))["results"]][::-1]


class TestMaking:
    def test_held_credits_stay_in_the_balance_and_cannot_be_spent(self, owner: Caller) -> None:
        with freeze_time(NOON):
            made = hold(owner)
            assert made == {
                **made,
                "amount": 30,
                "captured": 0,
                "remaining": 30,
                "status": "open",
                "reference": "job-1",
                "over_capture": "refuse",
                "user_id": "owner",
                "created_at": "2031-03-11T12:00:00.000Z",
                "expires_at": "2031-03-11T13:00:00.000Z",
                "ended_at": None,
                "available_after": 70,
            }
            assert balance(owner) == (100, 30, 70)
            assert data(owner.get(LOTS))["results"][0]["held"] == 30
            usage = {"operation_type": "x", "credits_used": 71}
            refused = error(owner.post(USAGE, usage), 402, "insufficient_credits")
            assert refused["details"] == {"available": 70, "requested": 71}
            assert [each["error"]["code"] for each in data(owner.post(f"{USAGE}bulk/", [usage]))] == [402]
            assert spend(owner, 70)["balance_after"] == 30
            assert error(owner.post(HOLDS, terms(1, "job-2")), 402)["details"] == {"available": 0, "requested": 1}

    def test_a_reference_names_one_hold_for_ever(self, owner: Caller) -> None:
        with freeze_time(NOON):
            made = hold(owner)
            again = data(owner.post(HOLDS, terms()), 200)
            assert again == made
            details = error(owner.post(HOLDS, terms(31)), 409, "hold_exists")["details"]
            assert (details["hold"]["id"], details["hold"]["amount"]) == (made["id"], 30)
            capture(owner, made, amount=10)
            assert data(owner.post(HOLDS, terms()))["status"] == "captured"
        with freeze_time("2033-03-11T12:00:00Z"):
            assert data(owner.post(HOLDS, terms()))["id"] == made["id"]

    def test_a_retry_formed_from_a_later_balance_is_another_request(self, owner: Caller) -> None:
        """Who holds "whatever there is" and tries again holds what is left then: that is refused, not held besides."""
        with freeze_time(NOON):
            hold(owner, balance(owner)[2], "all")
            hold_again = terms(max(1, balance(owner)[2]), "all")
            error(owner.post(HOLDS, hold_again), 409, "hold_exists")
            assert balance(owner) == (100, 100, 0)

    def test_a_hold_draws_its_lots_when_it_is_made(self, owner: Caller, give: Give) -> None:
        with freeze_time(NOON):
            soon = give(20, expires_in=86_400)["lot_id"]
            made = hold(owner, 30)
            give(50, priority=1)
            used = capture(owner, made)
            paid = data(owner.get(f"{TRANSACTIONS}{used['transaction_id']}/lots/"))["results"]
            assert [(each["credits"], each["lot_id"] == soon) for each in paid] == [(20, True), (10, False)]

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"amount": None}, "amount"),
            ({"amount": 0}, "amount"),
            ({"amount": "unknown"}, "amount"),
            ({"amount": 1.5}, "amount"),
            ({"reference": " "}, "reference"),
            ({"operation_type": ""}, "operation_type"),
            ({"expires_in": 0}, "expires_in"),
            ({"expires_in": 604_801}, "expires_in"),
            ({"over_capture": "always"}, "over_capture"),
        ],
    )
    def test_holds_of_an_unknown_cost_or_odd_terms_are_refused(
        self, owner: Caller, change: dict[str, Any], field: str
    ) -> None:
        with freeze_time(NOON):
            assert field in error(owner.post(HOLDS, {**terms(), **change}), 400)["details"]["json"]
            without_cost = {name: value for name, value in terms().items() if name != "amount"}
            assert "amount" in error(owner.post(HOLDS, without_cost), 400)["details"]["json"]
            assert balance(owner) == (100, 0, 100)


class TestCapturing:
    def test_the_rest_goes_back_with_the_final_capture(self, owner: Caller) -> None:
        with freeze_time(NOON):
            made = hold(owner, 75, description="a picture")
            used = capture(owner, made, amount=60)
            assert (used["status"], used["captured"], used["remaining"], used["available_after"]) == (
                "captured",
                60,
                0,
                40,
            )
            assert balance(owner) == (40, 0, 40)
            (usage,) = data(owner.get(USAGE))["results"]
            assert (usage["id"], usage["credits_used"], usage["operation_type"], usage["cost_usd"]) == (
                used["transaction_id"],
                60,
                "images",
                "0.60",
            )
            assert usage["description"] == "a picture"

    def test_captures_add_up_until_the_final_one(self, owner: Caller) -> None:
        with freeze_time(NOON):
            made = hold(owner, 50)
            assert capture(owner, made, amount=20, final=False)["remaining"] == 30
            assert capture(owner, made, amount=20, final=False)["remaining"] == 10
            assert capture(owner, made)["captured"] == 50
            assert amounts(owner) == [100, -20, -20, -10]
            ended = error(owner.post(f"{HOLDS}{made['id']}/capture/", {"amount": 1}), 409, "hold_ended")
            assert ended["details"]["hold"]["captured"] == 50
            error(owner.post(f"{HOLDS}{made['id']}/release/", None), 409, "hold_ended")
            error(owner.patch(f"{HOLDS}{made['id']}/", {"amount": 60}), 409, "hold_ended")

    def test_no_more_is_captured_than_is_held(self, owner: Caller) -> None:
        with freeze_time(NOON):
            made = hold(owner, 50)
            path = f"{HOLDS}{made['id']}/capture/"
            failure = error(owner.post(path, {"amount": 51}), 409, "capture_exceeds_hold")
            assert failure["details"] == {"requested": 51, "remaining": 50, "captured": 0}
            assert data(owner.get(f"{HOLDS}{made['id']}/"))["remaining"] == 50

    def test_over_capture_takes_what_is_available_whole_or_nothing(self, owner: Caller) -> None:
        with freeze_time(NOON):
            made = hold(owner, 50, over_capture="available")
            spend(owner, 30)
            path = f"{HOLDS}{made['id']}/capture/"
            assert error(owner.post(path, {"amount": 71}), 402)["details"] == {"available": 20, "requested": 21}
            assert balance(owner) == (70, 50, 20)
            used = capture(owner, made, amount=70)
            assert (used["captured"], used["remaining"], used["amount"]) == (70, 0, 50)
            assert balance(owner) == (0, 0, 0)
            assert len(data(owner.get(f"{TRANSACTIONS}{used['transaction_id']}/lots/"))["results"]) == 1

    def test_a_repeated_capture_has_one_effect(self, owner: Caller) -> None:
        with freeze_time(NOON):
            made = hold(owner, 50)
            path = f"{HOLDS}{made['id']}/capture/"
            first, again = (owner.post(path, {"amount": 20}, Idempotency_Key="c1") for _ in range(2))
            assert again.get_data() == first.get_data()
            assert balance(owner) == (80, 0, 80)


class TestEnding:
    def test_release_gives_back_and_is_final(self, owner: Caller) -> None:
        with freeze_time(NOON):
            made = hold(owner)
            released = data(owner.post(f"{HOLDS}{made['id']}/release/", None))
            assert (released["status"], released["remaining"], released["available_after"]) == ("released", 0, 100)
            assert balance(owner) == (100, 0, 100)
            assert amounts(owner) == [100]

    def test_a_hold_expires_at_its_instant_whoever_finds_out(self, owner: Caller) -> None:
        with freeze_time(NOON):
            made = hold(owner, 90, expires_in=60)
        with freeze_time("2031-03-11T12:00:59.999Z"):
            assert balance(owner) == (100, 90, 10)
        with freeze_time("2031-03-11T12:01:00Z"):
            assert balance(owner) == (100, 0, 100)
            expired = data(owner.get(f"{HOLDS}{made['id']}/"))
            assert (expired["status"], expired["remaining"], expired["ended_at"]) == (
                "expired",
                0,
                "2031-03-11T12:01:00.000Z",
            )
            listed = data(owner.get(f"{HOLDS}?status=expired"))
            assert (listed["count"], listed["results"]) == (1, [expired])
            assert data(owner.get(f"{HOLDS}?status=open"))["count"] == 0
            assert data(owner.get(LOTS))["results"][0]["held"] == 0
            error(owner.post(f"{HOLDS}{made['id']}/capture/", {"amount": 1}), 409, "hold_ended")
            assert spend(owner, 100)["balance_after"] == 0

    def test_a_job_that_was_queued_beyond_its_hold_is_refused_the_capture(self, owner: Caller) -> None:
        """The queue was down while the hold expired, and others spent the credits since."""
        with freeze_time(NOON):
            made = hold(owner, 80, expires_in=600)
        with freeze_time("2031-03-11T13:00:00Z"):
            spend(owner, 100)
            ended = error(owner.post(f"{HOLDS}{made['id']}/capture/", {"amount": 80}), 409, "hold_ended")
            assert (ended["details"]["hold"]["status"], ended["details"]["hold"]["captured"]) == ("expired", 0)
            assert balance(owner) == (0, 0, 0)

    def test_what_was_captured_stays_when_the_work_is_refused_later(self, owner: Caller) -> None:
        """The queue took the job and the capture was made, then the job was refused: only a reversal gives it back."""
        with freeze_time(NOON):
            made = hold(owner, 80)
            capture(owner, made, amount=50)
            error(owner.post(f"{HOLDS}{made['id']}/release/", None), 409, "hold_ended")
            assert balance(owner) == (50, 0, 50)

    def test_held_credits_outlast_their_lot_and_expire_when_given_back(self, owner: Caller, give: Give) -> None:
        with freeze_time(NOON):
            lot = give(50, expires_in=60)["lot_id"]
            made = hold(owner, 30)
        with freeze_time("2031-03-11T12:01:00Z"):
            assert balance(owner) == (130, 30, 100)
            capture(owner, made, amount=10, final=False)
            assert amounts(owner) == [100, 50, -20, -10]
            (found,) = (each for each in data(owner.get(LOTS))["results"] if each["id"] == lot)
            assert (found["status"], found["remaining"], found["held"]) == ("active", 20, 20)
        with freeze_time("2031-03-11T12:02:00Z"):
            released = data(owner.post(f"{HOLDS}{made['id']}/release/", None))
            assert released["available_after"] == 100
            last = data(owner.get(TRANSACTIONS))["results"][0]
            assert (last["amount"], last["transaction_type"], last["created_at"]) == (
                -20,
                "expiry",
                "2031-03-11T12:02:00.000Z",
            )

    def test_what_an_expired_hold_gives_back_to_an_expired_lot_expires_then(self, owner: Caller, give: Give) -> None:
        with freeze_time(NOON):
            give(50, expires_in=60)
            hold(owner, 30, expires_in=120)
        with freeze_time("2031-03-12T00:00:00Z"):
            assert balance(owner) == (100, 0, 100)
            spend(owner, 1)
            found = data(owner.get(TRANSACTIONS))["results"]
            assert [(each["amount"], each["created_at"][11:19]) for each in found] == [
                (-1, "00:00:00"),
                (-30, "12:02:00"),
                (-20, "12:01:00"),
                (50, "12:00:00"),
                (100, "12:00:00"),
            ]

    def test_credits_given_back_in_time_expire_with_their_lot(self, owner: Caller, give: Give) -> None:
        with freeze_time(NOON):
            give(50, expires_in=3600)
            made = hold(owner, 50)
            short = hold(owner, 1, "short", expires_in=60)
        with freeze_time("2031-03-11T12:10:00Z"):
            # What fell due is looked up anew while everything that expires is held.
            assert data(owner.get(f"{HOLDS}{short['id']}/"))["status"] == "expired"
            spend(owner, 1)
            data(owner.post(f"{HOLDS}{made['id']}/release/", None))
        with freeze_time("2031-03-11T13:00:00Z"):
            assert balance(owner) == (99, 0, 99)

    def test_a_voided_lot_takes_nothing_back(self, owner: Caller, give: Give, staff: Caller) -> None:
        with freeze_time(NOON):
            lot = give(50, priority=1)["lot_id"]
            made = hold(owner, 30)
            assert data(staff.post(f"{LOTS}{lot}/void/", {"reason": "x"}))["status"] == "active"
            assert balance(owner) == (130, 30, 100)
            capture(owner, made, amount=10)
            assert amounts(owner) == [100, 50, -20, -10, -20]
            assert balance(owner) == (100, 0, 100)


class TestChanging:
    def test_a_hold_can_grow_and_shrink(self, owner: Caller) -> None:
        with freeze_time(NOON):
            made = hold(owner, 30)
            path = f"{HOLDS}{made['id']}/"
            assert data(owner.patch(path, {"amount": 60}))["available_after"] == 40
            assert error(owner.patch(path, {"amount": 101}), 402)["details"] == {"available": 40, "requested": 41}
            capture(owner, made, amount=20, final=False)
            error(owner.patch(path, {"amount": 19}), 409, "capture_exceeds_hold")
            changed = data(owner.patch(path, {"amount": 20}))
            assert (changed["amount"], changed["remaining"], changed["available_after"]) == (20, 0, 80)

    def test_a_hold_lasts_at_most_thirty_days(self, owner: Caller) -> None:
        with freeze_time(NOON):
            made = hold(owner, 30, expires_in=604_800)
            path = f"{HOLDS}{made['id']}/"
        for day in (17, 23, 29):
            with freeze_time(f"2031-03-{day}T12:00:00Z"):
                data(owner.patch(path, {"expires_in": 604_800}))
        with freeze_time("2031-04-04T12:00:00Z"):
            assert "expires_in" in error(owner.patch(path, {"expires_in": 518_401}), 400)["details"]["json"]
            changed = data(owner.patch(path, {"expires_in": 518_400}))
            assert changed["expires_at"] == "2031-04-10T12:00:00.000Z"

    def test_a_change_of_another_version_is_refused(self, owner: Caller) -> None:
        with freeze_time(NOON):
            path = f"{HOLDS}{hold(owner, 30)['id']}/"
            tag = owner.get(path).headers["ETag"]
            data(owner.patch(path, {"amount": 40}, If_Match=tag))
            error(owner.patch(path, {"amount": 50}, If_Match=tag), 412, "precondition_failed")
            assert data(owner.get(path))["amount"] == 40

    @pytest.mark.parametrize("body", [{}, {"amount": 0}, {"expires_in": 604_801}, {"reference": "x"}])
    def test_bad_changes_are_refused(self, owner: Caller, body: dict[str, Any]) -> None:
        with freeze_time(NOON):
            error(owner.patch(f"{HOLDS}{hold(owner)['id']}/", body), 400)


class TestBulk:
    def test_each_item_has_its_own_outcome(self, owner: Caller) -> None:
        with freeze_time(NOON):
            items = [terms(60, "a"), terms(60, "b"), terms(40, "c"), terms(60, "a"), terms(1, "a"), terms(0, "d")]
            made = data(owner.post(f"{HOLDS}bulk/", items))
            assert [each.get("available_after") for each in made] == [40, None, 0, 0, None, None]
            reasons = [each.get("error", {}).get("reason") for each in made]
            assert reasons == [None, "insufficient_credits", None, None, "hold_exists", "invalid_input"]
            assert made[3]["id"] == made[0]["id"]
            ids = [made[0]["id"], made[2]["id"]]
            captures = [{"id": ids[0], "amount": 50}, {"id": ids[0]}, {"id": ids[1], "amount": 41}, {"id": 999_999}]
            done = data(owner.post(f"{HOLDS}capture/bulk/", captures))
            assert [each.get("captured") for each in done] == [50, None, None, None]
            assert [each.get("error", {}).get("reason") for each in done[1:]] == [
                "hold_ended",
                "capture_exceeds_hold",
                "not_found",
            ]
            assert balance(owner) == (50, 40, 10)

    def test_atomic_calls_are_all_or_nothing(self, owner: Caller) -> None:
        with freeze_time(NOON):
            error(owner.post(f"{HOLDS}bulk/?atomic=true", [terms(60, "a"), terms(60, "b")]), 402)
            assert balance(owner) == (100, 0, 100)
            made = hold(owner, 60, "c")
            error(owner.post(f"{HOLDS}capture/bulk/?atomic=true", [{"id": made["id"]}, {"id": made["id"]}]), 409)
            assert balance(owner) == (100, 60, 40)


class TestWhoMay:
    @pytest.fixture
    def machine(self, as_caller: Callable[..., Caller]) -> Caller:
        return as_caller(scopes=("spend:credits",), user="", azp="spender", hours=TEN_YEARS)

    def test_machines_name_the_account_on_every_call(self, owner: Caller, machine: Caller) -> None:
        with freeze_time(NOON):
            account = {"account_id": data(owner.get("/v1/account/settings/"))["id"]}
            error(machine.post(HOLDS, terms()), 400)
            made = data(machine.post(HOLDS, terms(**account)), 201)
            assert made["user_id"] == ""
            path, query = f"{HOLDS}{made['id']}/", f"?account_id={account['account_id']}"
            for refused in (
                machine.get(HOLDS),
                machine.get(path),
                machine.patch(path, {"amount": 31}),
                machine.post(f"{path}capture/", {"amount": 1}),
                machine.post(f"{path}release/", None),
            ):
                assert "account_id" in str(error(refused, 400)["details"])
            assert data(machine.get(f"{HOLDS}{query}"))["count"] == 1
            assert data(machine.get(f"{path}{query}"))["remaining"] == 30
            data(machine.patch(path, {"amount": 31, **account}))
            data(machine.post(f"{path}capture/", {"amount": 1, "final": False, **account}))
            data(machine.post(f"{path}release/", account))

    def test_members_read_and_managers_hold(self, owner: Caller, as_caller: Callable[..., Caller]) -> None:
        with freeze_time(NOON):
            member = join(owner, lambda **more: as_caller(**more, hours=TEN_YEARS), "ann")
            made = hold(owner)
            assert data(member.get(f"{HOLDS}{made['id']}/"))["id"] == made["id"]
            error(member.post(HOLDS, terms(1, "x")), 403)
            error(member.post(f"{HOLDS}{made['id']}/capture/", {}), 403)

    def test_holds_of_others_are_not_found(self, owner: Caller, as_caller: Callable[..., Caller]) -> None:
        with freeze_time(NOON):
            other = as_caller(user="other", hours=TEN_YEARS)
            open_customer(other, "Other")
            made = hold(owner)
            path = f"{HOLDS}{made['id']}/"
            error(other.get(path), 404)
            error(other.post(f"{path}capture/", {}), 404)
            error(other.post(f"{path}release/", None), 404)
            error(other.patch(path, {"amount": 1}), 404)
            assert data(other.get(HOLDS))["count"] == 0
            assert hold(other)["id"] != made["id"]


class TestUsage:
    def test_a_key_and_a_person_can_be_named_singly(self, owner: Caller) -> None:
        with freeze_time(NOON):
            usage = {"operation_type": "x", "credits_used": 5, "key": "k1", "user_id": "kim"}
            first = data(owner.post(USAGE, usage), 201)
            assert data(owner.post(USAGE, usage), 201)["id"] == first["id"]
            error(owner.post(USAGE, {**usage, "credits_used": 6}), 422, "idempotency_key_reused")
            assert data(owner.post(f"{USAGE}bulk/", [usage]))[0]["id"] == first["id"]
            assert balance(owner) == (95, 0, 95)
