from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from tests.caller import Caller, data, error
from tests.factories.bookings import PAYMENTS, PERIODS, pay
from tests.work_periods.conftest import UNKNOWN, Book, budget, summary

BULK = f"{PAYMENTS}/bulk"
SEND: dict[str, Callable[[Caller, Any], Any]] = {
    "POST": lambda caller, body: caller.post(BULK, body),
    "PATCH": lambda caller, body: caller.patch(BULK, body),
}


def codes(answer: list[Any]) -> list[int]:
    return [item["error"]["code"] if "error" in item else 200 for item in answer]


class TestShape:
    @pytest.mark.parametrize("method", SEND)
    @pytest.mark.parametrize("body", [{}, {"workPeriodId": UNKNOWN}, [], [{}] * 1001, [{}, 7], [[]], "x", 7, True])
    def test_only_an_array_of_objects_is_taken(self, admin: Caller, method: str, body: Any) -> None:
        error(SEND[method](admin, body), 400, "invalid_input")

    @pytest.mark.parametrize("method", SEND)
    def test_what_is_no_json_is_refused(self, admin: Caller, method: str) -> None:
        error(SEND[method](admin, b"[{"), 400, "invalid_json")

    def test_bulk_payments_need_a_role_or_scope(self, as_caller: Any) -> None:
        error(as_caller(roles=("copilot",)).post(BULK, [{}]), 403, "forbidden")
        error(as_caller(scopes=("create:taas-workPeriodPayments",)).patch(BULK, [{}]), 403, "forbidden")

    @pytest.mark.parametrize("query", ["atomic=1", "atomic=", "partial=true"])
    def test_options_of_bulk_payments_are_strict(self, admin: Caller, query: str) -> None:
        error(admin.post(f"{BULK}?{query}", [{}]), 400, "invalid_input")


class TestCreate:
    def test_each_item_has_an_outcome_of_its_own(self, admin: Caller, book: Book, account: int) -> None:
        first, second, _ = book()
        items = [
            {"workPeriodId": first, "days": 2},
            {"workPeriodId": UNKNOWN, "days": 1},
            {"workPeriodId": first, "days": 4},
            {"workPeriodId": "7", "colour": "red", "nested": {"a": [1, None]}},
            {"workPeriodId": first},
            {"workPeriodId": first},
            {"days": Decimal("1.50")},
            {},
            {"workPeriodId": second, "days": 0, "amount": "20000"},
            {"workPeriodId": second, "days": 0, "amount": "20"},
        ]
        answer = data(admin.post(BULK, items))
        assert codes(answer) == [200, 404, 400, 400, 200, 409, 400, 400, 400, 200]
        for item, outcome in zip(items, answer, strict=True):
            if "error" in outcome:
                assert {name: value for name, value in outcome.items() if name != "error"} == item
                assert outcome["error"].keys() >= {"message", "code", "reason"}
        assert [answer[index]["days"] for index in (0, 4, 9)] == [2, 3, 0]
        assert answer[8]["error"]["reason"] == "insufficient_funds"
        assert summary(admin, first) == (5, 500, "in-progress")
        assert summary(admin, second) == (0, 20, "in-progress")
        assert budget(admin, account) == (520, 0)
        assert data(admin.get(f"{PAYMENTS}/{answer[0]['id']}")) == answer[0]

    def test_failures_say_what_the_single_operation_says(self, admin: Caller, book: Book) -> None:
        period_id = book()[0]
        for item in ({"workPeriodId": UNKNOWN}, {"workPeriodId": period_id, "days": 6}, {"days": "x"}):
            single = error(admin.post(PAYMENTS, item), admin.post(PAYMENTS, item).status_code)
            (outcome,) = data(admin.post(BULK, [item]))
            assert outcome["error"]["code"] == single["code"]
            assert outcome["error"]["reason"] == single["reason"]
            assert outcome["error"]["details"] == single["details"] if "details" in single else True

    def test_money_runs_out_item_by_item(self, admin: Caller, book: Book, account: int) -> None:
        periods = book(memberRate=4000)
        answer = data(admin.post(BULK, [{"workPeriodId": period} for period in periods]))
        assert codes(answer) == [200, 200, 400]
        assert answer[2]["error"]["details"] == {"available": 2000, "requested": 4000}
        assert budget(admin, account) == (8000, 0)

    def test_atomic_bulk_payments_are_all_or_nothing(self, admin: Caller, book: Book, account: int) -> None:
        first, second, _ = book()
        good, bad = {"workPeriodId": first}, {"workPeriodId": second, "days": 6}
        problem = error(admin.post(f"{BULK}?atomic=true", [good, bad, {}]), 400, "invalid_input")
        assert problem["details"]["index"] == 1
        assert summary(admin, first) == (0, 0, "pending")
        assert budget(admin, account) == (0, 0)
        assert codes(data(admin.post(f"{BULK}?atomic=true", [good, {**bad, "days": 5}]))) == [200, 200]

    def test_a_key_covers_the_whole_call(self, admin: Caller, book: Book, account: int) -> None:
        items = [{"workPeriodId": book()[0], "days": 1}, {}]
        first = admin.post(BULK, items, Idempotency_Key="bulk-1")
        again = admin.post(BULK, items, Idempotency_Key="bulk-1")
        assert first.get_data() == again.get_data()
        assert again.headers["Idempotency-Replayed"] == "true"
        assert budget(admin, account) == (100, 0)


class TestUpdate:
    def test_each_item_sees_what_those_before_it_did(self, admin: Caller, book: Book, account: int) -> None:
        first, second, _ = book()
        one, two = pay(admin, first), pay(admin, second)
        items = [
            {"id": one["id"], "days": 2},
            {"id": one["id"], "days": 6},
            {"id": one["id"], "status": "cancelled"},
            {"id": one["id"], "status": "scheduled"},
            {"id": two["id"], "memberRate": 1000},
            {"id": str(uuid4()), "days": 1},
            {"id": "7", "days": 1},
            {"days": 1},
            {"id": two["id"]},
            {"id": two["id"], "amount": 0},
            {"id": two["id"], "billingAccountId": 2_000_000},
        ]
        answer = data(admin.patch(BULK, items))
        assert codes(answer) == [200, 400, 200, 409, 200, 404, 400, 400, 400, 400, 400]
        assert (answer[0]["amount"], answer[2]["status"], answer[4]["amount"]) == (200, "cancelled", 1000)
        assert summary(admin, first) == (0, 0, "pending")
        assert budget(admin, account) == (1000, 0)
        assert data(admin.get(f"{PAYMENTS}/{one['id']}"))["status"] == "cancelled"

    def test_a_refused_item_leaves_nothing_to_the_next(self, admin: Caller, book: Book, account: int) -> None:
        period_id = book()[0]
        payment = pay(admin, period_id)
        items = [{"id": payment["id"], "amount": 10_001}, {"id": payment["id"], "days": 4}]
        assert codes(data(admin.patch(BULK, items))) == [400, 200]
        assert summary(admin, period_id) == (4, 400, "in-progress")
        assert budget(admin, account) == (400, 0)

    def test_processing_moves_many_along(self, admin: Caller, machine: Caller, book: Book, account: int) -> None:
        payments = [pay(admin, period) for period in book()]
        ids = [payment["id"] for payment in payments]
        assert codes(data(machine.patch(BULK, [{"id": each, "status": "in-progress"} for each in ids]))) == [200] * 3
        outcome = ["completed", "failed", "cancelled"]
        items = [{"id": each, "status": status} for each, status in zip(ids, outcome, strict=True)]
        assert codes(data(machine.patch(BULK, items))) == [200, 200, 409]
        assert budget(admin, account) == (500, 500)

    def test_money_freed_by_one_item_is_there_for_the_next(self, admin: Caller, book: Book, account: int) -> None:
        first, second, third = book(memberRate=5000)
        one = pay(admin, first)
        pay(admin, second)
        three = pay(admin, third, days=0, amount=1) if budget(admin, account) != (10_000, 0) else None
        assert three is None, "the budget is used up"
        failed = data(admin.post(BULK, [{"workPeriodId": third, "days": 0, "amount": 1}]))
        assert codes(failed) == [400]
        items = [{"id": one["id"], "days": 4}, {"id": one["id"], "days": 5}, {"id": one["id"], "days": 1}]
        assert codes(data(admin.patch(BULK, items))) == [200, 200, 200]
        assert budget(admin, account) == (6000, 0)


def test_many_items_need_no_more_messages_than_few(
    admin: Caller, book: Book, account: int, messages: list[Any]
) -> None:
    data(admin.patch(f"/v6/billing-accounts/{account}", {"budget": 1_000_000}))
    periods = book(startDate="2020-01-06", endDate="2023-12-29")
    needed = []
    for size in (3, 200):
        messages.clear()
        created = data(admin.post(BULK, [{"workPeriodId": period, "days": 1} for period in periods[:size]]))
        needed.append(len(messages))
        messages.clear()
        assert codes(data(admin.patch(BULK, [{"id": each["id"], "days": 2} for each in created]))) == [200] * size
        needed.append(len(messages))
    assert needed == [6, 7, 6, 7]
    assert data(admin.get(f"{PERIODS}?paymentStatus=in-progress"))["count"] == 200
