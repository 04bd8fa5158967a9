"""Charges that are taken back: to the lots that paid, in parts, once."""

from collections.abc import Callable
from typing import Any

import pytest
from freezegun import freeze_time

from tests.caller import Caller, data, error
from tests.concurrency.callers import at_once, statuses
from tests.credits.conftest import Give
from tests.factories.customers import credits_of, open_customer, spend

BALANCE = "/v1/billing/credits/balance/"
USAGE = "/v1/billing/credits/usage/"
LOTS = "/v1/billing/credits/lots/"
TRANSACTIONS = "/v1/billing/transactions/"
NOON = "2031-03-11T12:00:00Z"

pytestmark = pytest.mark.usefixtures("sound_books")


def reverse(caller: Caller, usage: Any, credits: int | None = None, **more: Any) -> Any:
    body = {"reason": "It failed", **({} if credits is None else {"credits": credits}), **more}
    return caller.post(f"{USAGE}{usage['id']}/reverse/", body)


def remaining(caller: Caller) -> list[int]:
    return [each["remaining"] for each in data(caller.get(LOTS))["results"]][::-1]


class TestReversal:
    def test_credits_return_to_the_lots_that_paid_the_last_first(self, owner: Caller, give: Give) -> None:
        with freeze_time(NOON):
            give(20, expires_in=86_400)
            usage = spend(owner, 50)
            refund = data(reverse(owner, usage, 40), 201)
            assert (refund["amount"], refund["transaction_type"], refund["balance_after"]) == (40, "refund", 110)
            assert refund["description"] == "It failed"
            assert remaining(owner) == [100, 10]
            assert data(reverse(owner, usage), 201)["amount"] == 10
            assert remaining(owner) == [100, 20]
            (row,) = data(owner.get(USAGE))["results"]
            assert (row["credits_used"], row["credits_reversed"]) == (50, 50)

    def test_no_more_is_taken_back_than_was_spent(self, owner: Caller) -> None:
        with freeze_time(NOON):
            usage = spend(owner, 50)
            assert error(reverse(owner, usage, 51), 409, "nothing_to_reverse")["details"] == {
                "reversible": 50,
                "requested": 51,
            }
            data(reverse(owner, usage, 20), 201)
            error(reverse(owner, usage, 31), 409, "nothing_to_reverse")
            data(reverse(owner, usage), 201)
            error(reverse(owner, usage), 409, "nothing_to_reverse")
            assert credits_of(owner) == 100

    def test_at_once_it_is_taken_back_once(self, owner: Caller) -> None:
        usage = spend(owner, 50)
        answers = at_once(lambda: reverse(owner, usage) for _ in range(12))
        assert statuses(answers) == {201: 1, 409: 11}

    def test_what_expired_meanwhile_returns_and_expires(self, owner: Caller, give: Give) -> None:
        with freeze_time(NOON):
            give(20, expires_in=60)
            usage = spend(owner, 20)
        with freeze_time("2031-03-12T12:00:00Z"):
            assert data(reverse(owner, usage), 201)["balance_after"] == 120
            assert credits_of(owner) == 100
            last = data(owner.get(f"{TRANSACTIONS}?per_page=2"))["results"]
            assert [(each["amount"], each["transaction_type"]) for each in last] == [(-20, "expiry"), (20, "refund")]

    def test_it_lowers_what_the_month_of_the_charge_used(self, owner: Caller) -> None:
        with freeze_time("2031-03-31T12:00:00Z"):
            usage = spend(owner, 50)
        with freeze_time("2031-04-01T12:00:00Z"):
            spend(owner, 5)
            data(reverse(owner, usage, 30), 201)
            assert data(owner.get(BALANCE))["credits_used_this_month"] == 5
        with freeze_time("2031-03-31T13:00:00Z"):
            assert data(owner.get(BALANCE))["credits_used_this_month"] == 25

    def test_a_capture_can_be_taken_back(self, owner: Caller) -> None:
        with freeze_time(NOON):
            terms = {"amount": 60, "operation_type": "images", "reference": "job"}
            made = data(owner.post("/v1/billing/credits/holds/", terms), 201)
            captured = data(owner.post(f"/v1/billing/credits/holds/{made['id']}/capture/", {"amount": 40}))
            data(reverse(owner, {"id": captured["transaction_id"]}), 201)
            assert credits_of(owner) == 100

    def test_only_charges_of_the_account_can_be_taken_back(
        self, owner: Caller, as_caller: Callable[..., Caller]
    ) -> None:
        other = as_caller(user="other")
        open_customer(other, "Other")
        theirs = spend(other, 5)
        (grant,) = data(other.get(f"{TRANSACTIONS}?transaction_type=grant"))["results"]
        error(reverse(other, grant), 404)
        with freeze_time(NOON):
            error(reverse(owner, theirs), 404)
            assert "reason" in error(owner.post(f"{USAGE}{theirs['id']}/reverse/", {}), 400)["details"]["json"]

    def test_a_machine_names_the_account(self, customer: Caller, customer_id: int, as_caller: Any) -> None:
        machine = as_caller(scopes=("spend:credits",), user="", azp="spender")
        usage = spend(customer, 5)
        error(reverse(machine, usage), 400)
        data(reverse(machine, usage, account_id=customer_id), 201)
