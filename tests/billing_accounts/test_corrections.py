"""Corrections of budgets: reversals, adjustments and carry-overs."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.billing_accounts.conftest import totals
from tests.caller import ACCOUNTS, Caller, Open, data, error
from tests.factories.bookings import PAYMENTS, create_booking, move, pay, periods_of

CHALLENGE = {"externalType": "CHALLENGE", "externalId": "c1", "reason": "Cancelled"}
ENGAGEMENT = {"externalType": "ENGAGEMENT", "externalId": "e1", "reason": "Cancelled"}
UNKNOWN_LINE = "0198f3a0-0000-7000-8000-000000000000"


def consume(caller: Caller, path: str, amount: Any, **reference: str) -> str:
    line = data(caller.patch(f"{path}/consume-amount", {"amount": amount, **(reference or {"challengeId": "c1"})}))
    return str(line["id"])


def reverse(caller: Caller, path: str, **body: Any) -> Any:
    return data(caller.post(f"{path}/reversals", {"reason": "Cancelled", **body}), 201)


def consumed_lines(caller: Caller, path: str) -> dict[str, Any]:
    return {each["id"]: each["amount"] for each in data(caller.get(path))["consumedAmounts"]}


class TestReversal:
    @pytest.mark.parametrize("what", ["reversals", "budget-adjustments", "carry-over"])
    def test_only_staff_corrects(self, as_caller: Callable[..., Caller], path: str, what: str) -> None:
        error(as_caller(roles=("copilot",)).post(f"{path}/{what}", {}), 403)

    def test_a_talent_manager_reverses_nothing(self, as_caller: Callable[..., Caller], path: str) -> None:
        error(as_caller(roles=("talent manager",)).post(f"{path}/reversals", CHALLENGE), 403)

    def test_an_unknown_account_is_not_found(self, admin: Caller) -> None:
        error(admin.post(f"{ACCOUNTS}/999999/reversals", CHALLENGE), 404, "not_found")

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "entryId"),
            ({"externalType": "CHALLENGE"}, "externalId"),
            ({"externalId": "c1"}, "externalType"),
            ({"entryId": UNKNOWN_LINE, "externalId": "c1"}, "entryId"),
            ({"entryId": "c1"}, "entryId"),
            ({**CHALLENGE, "amount": 0}, "amount"),
            ({**CHALLENGE, "amount": -1}, "amount"),
            ({**CHALLENGE, "amount": 0.00001}, "amount"),
            ({**CHALLENGE, "reason": " "}, "reason"),
            ({**CHALLENGE, "reason": "x" * 501}, "reason"),
            ({**CHALLENGE, "why": "x"}, "why"),
        ],
    )
    def test_what_cannot_be_meant_is_refused(self, admin: Caller, path: str, body: Any, field: str) -> None:
        consume(admin, path, 10)
        answer = admin.post(f"{path}/reversals", {"reason": "r", **body})
        assert field in error(answer, 400, "invalid_input")["details"]["json"]
        assert totals(admin, path) == (0, 10)

    def test_a_reason_is_required(self, admin: Caller, path: str) -> None:
        body = {"externalType": "CHALLENGE", "externalId": "c1"}
        assert error(admin.post(f"{path}/reversals", body), 400)["details"]["json"].keys() == {"reason"}

    def test_the_whole_is_taken_back_and_the_reference_is_free_again(self, admin: Caller, path: str) -> None:
        line = consume(admin, path, 60)
        answer = reverse(admin, path, **CHALLENGE)
        [movement] = answer["movements"]
        assert answer["reversed"] == 60
        assert (movement["kind"], movement["entryId"], movement["consumedDelta"]) == ("reversed", line, -60)
        assert (movement["consumedAfter"], movement["reason"], movement["position"]) == (0, "Cancelled", 3)
        assert consumed_lines(admin, path) == {}
        data(admin.patch(f"{path}/lock-amount", {"challengeId": "c1", "amount": 100}))
        assert consume(admin, path, 100) != line

    def test_parts_are_taken_back_until_nothing_is_left(self, admin: Caller, path: str) -> None:
        line = consume(admin, path, 10)
        for amount, left in ((4, 6), (2.5, 3.5)):
            assert reverse(admin, path, entryId=line, amount=amount)["reversed"] == Decimal(str(amount))
            assert consumed_lines(admin, path) == {line: left}
        answer = admin.post(f"{path}/reversals", {"entryId": line, "amount": 3.6, "reason": "r"})
        assert error(answer, 400, "reversal_exceeds_consumed")["details"] == {
            "consumed": 3.5,
            "requested": Decimal("3.6"),
        }
        reverse(admin, path, entryId=line)
        for body in ({"entryId": line, "reason": "r"}, CHALLENGE):
            error(admin.post(f"{path}/reversals", body), 409, "nothing_to_reverse")
        assert totals(admin, path) == (0, 0)

    def test_a_reference_gives_from_its_newest_line(self, admin: Caller, path: str) -> None:
        lines = [consume(admin, path, each, externalType="ENGAGEMENT", externalId="e1") for each in (10, 20, 30)]
        consume(admin, path, 5, externalType="ENGAGEMENT", externalId="e2")
        answer = reverse(admin, path, **ENGAGEMENT, amount=35)
        found = [(each["entryId"], each["consumedDelta"], each["consumedAfter"]) for each in answer["movements"]]
        assert found == [(lines[2], -30, 35), (lines[1], -5, 30)]
        assert [each["position"] for each in answer["movements"]] == [6, 7]
        assert {lines[0]: 10, lines[1]: 15}.items() <= consumed_lines(admin, path).items()

    def test_what_is_only_locked_is_not_reversed(self, admin: Caller, path: str) -> None:
        line = data(admin.patch(f"{path}/lock-amount", {"challengeId": "c1", "amount": 10}))["id"]
        for body in (CHALLENGE, {"entryId": line, "reason": "r"}, {"entryId": UNKNOWN_LINE, "reason": "r"}):
            error(admin.post(f"{path}/reversals", body), 409, "nothing_to_reverse")
        assert totals(admin, path) == (10, 0)

    def test_a_line_of_another_account_is_not_reversed(self, admin: Caller, path: str, open_account: Open) -> None:
        other = f"{ACCOUNTS}/{open_account(budget=100)}"
        line = consume(admin, other, 10)
        error(admin.post(f"{path}/reversals", {"entryId": line, "reason": "r"}), 409, "nothing_to_reverse")
        assert totals(admin, other) == (0, 10)

    def test_inactive_and_overspent_accounts_are_reversed_too(self, admin: Caller, overspent: str) -> None:
        data(admin.patch(overspent, {"status": "INACTIVE"}))
        reverse(admin, overspent, externalType="CHALLENGE", externalId="c2", amount=1)
        assert totals(admin, overspent) == (60, 79)

    def test_a_key_reverses_once(self, admin: Caller, path: str) -> None:
        consume(admin, path, 10)
        answers = [
            admin.post(f"{path}/reversals", {**CHALLENGE, "amount": 4}, Idempotency_Key="once") for _ in range(2)
        ]
        assert answers[0].get_data() == answers[1].get_data()
        assert totals(admin, path) == (0, 6)

    def test_the_line_of_a_payment_is_reversed_through_the_payment(
        self, admin: Caller, as_caller: Callable[..., Caller], open_account: Open
    ) -> None:
        account_id = open_account(budget=1000)
        path = f"{ACCOUNTS}/{account_id}"
        payment = pay(admin, periods_of(admin, create_booking(admin, account_id)["id"])[0], days=1)
        move(as_caller(scopes=("process:taas-workPeriodPayments",), user="p"), payment, "in-progress", "completed")
        [line] = consumed_lines(admin, path)
        reference = {"externalType": "WORK_PERIOD_PAYMENT", "externalId": payment["id"]}
        for named in ({"entryId": line}, reference):
            error(admin.post(f"{path}/reversals", {**named, "reason": "r"}), 409, "payment_line")
        data(admin.patch(f"{PAYMENTS}/{payment['id']}", {"status": "cancelled"}))
        assert totals(admin, path) == (0, 0)


class TestAdjustment:
    def test_it_adds_and_takes(self, admin: Caller, path: str) -> None:
        movement = data(admin.post(f"{path}/budget-adjustments", {"amount": 25.5, "reason": "PO 4711"}), 201)
        assert (movement["kind"], movement["position"], movement["budgetDelta"]) == ("budget_changed", 2, 25.5)
        assert (movement["budgetAfter"], movement["reason"]) == (125.5, "PO 4711")
        data(admin.post(f"{path}/budget-adjustments", {"amount": -125.5, "reason": "Closed", "poNumber": "P1"}), 201)
        account = data(admin.get(path))
        assert (account["budget"], account["poNumber"]) == (0, "P1")

    def test_the_reason_of_the_body_counts_before_that_of_the_header(self, admin: Caller, path: str) -> None:
        body = {"amount": 1, "reason": "body"}
        movement = data(admin.post(f"{path}/budget-adjustments", body, X_Change_Reason="header"), 201)
        assert movement["reason"] == "body"

    def test_a_budget_is_not_taken_below_what_is_reserved(self, admin: Caller, path: str) -> None:
        data(admin.patch(f"{path}/lock-amount", {"challengeId": "c1", "amount": 60}))
        answer = admin.post(f"{path}/budget-adjustments", {"amount": -40.01, "reason": "r", "poNumber": "P1"})
        assert error(answer, 409, "budget_below_reserved")["details"] == {"reserved": 60, "requested": Decimal("59.99")}
        assert data(admin.get(path))["poNumber"] is None
        data(admin.post(f"{path}/budget-adjustments", {"amount": -40, "reason": "r"}), 201)

    def test_an_increase_always_passes(self, admin: Caller, overspent: str) -> None:
        data(admin.patch(overspent, {"status": "INACTIVE"}))
        data(admin.post(f"{overspent}/budget-adjustments", {"amount": 0.0001, "reason": "r"}), 201)
        error(admin.post(f"{overspent}/budget-adjustments", {"amount": -0.0001, "reason": "r"}), 409)
        data(admin.patch(overspent, {"budget": 140}))

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"amount": 0}, "amount"),
            ({"amount": 99999999999.9999}, "amount"),
            ({"amount": -100000000000}, "amount"),
            ({"amount": 0.00001}, "amount"),
            ({"amount": None}, "amount"),
            ({"amount": 5, "reason": ""}, "reason"),
            ({"amount": 5, "poNumber": 7}, "poNumber"),
        ],
    )
    def test_what_cannot_be_added_is_refused(self, admin: Caller, path: str, values: Any, field: str) -> None:
        answer = admin.post(f"{path}/budget-adjustments", {"reason": "r", **values})
        assert error(answer, 400, "invalid_input")["details"]["json"].keys() == {field}
        assert data(admin.get(path))["budget"] == 100

    def test_an_unknown_account_is_not_found(self, admin: Caller) -> None:
        error(admin.post(f"{ACCOUNTS}/999999/budget-adjustments", {"amount": 1, "reason": "r"}), 404, "not_found")


class TestCarryOver:
    @pytest.fixture
    def target(self, open_account: Open) -> int:
        return open_account(budget=10)

    def carry(self, caller: Caller, path: str, target: int, **values: Any) -> Any:
        return caller.post(f"{path}/carry-over", {"toBillingAccountId": target, "reason": "New year", **values})

    @pytest.mark.parametrize("amount", [{}, {"amount": "remaining"}, {"amount": 70}])
    def test_what_remains_is_moved(self, admin: Caller, path: str, target: int, amount: Any) -> None:
        data(admin.patch(f"{path}/lock-amount", {"challengeId": "c1", "amount": 30}))
        out, into = data(self.carry(admin, path, target, **amount), 201)["movements"]
        assert [(each["kind"], each["budgetDelta"], each["budgetAfter"]) for each in (out, into)] == [
            ("budget_changed", -70, 30),
            ("budget_changed", 70, 80),
        ]
        assert (out["reason"], out["at"]) == ("New year", into["at"])
        error(self.carry(admin, path, target), 409, "nothing_to_carry")

    def test_more_than_remains_is_refused(self, admin: Caller, path: str, target: int) -> None:
        answer = self.carry(admin, path, target, amount=100.01)
        assert error(answer, 400, "insufficient_funds")["details"] == {"available": 100, "requested": Decimal("100.01")}

    def test_nothing_remains_of_an_overspent_budget(self, admin: Caller, overspent: str, target: int) -> None:
        error(self.carry(admin, overspent, target, amount=1), 409, "nothing_to_carry")

    def test_it_stays_with_the_client(self, admin: Caller, path: str, target: int) -> None:
        other = data(admin.post("/v6/clients", {"name": "Other"}), 201)["id"]
        data(admin.patch(f"{ACCOUNTS}/{target}", {"clientId": other}))
        error(self.carry(admin, path, target), 409, "other_client")

    def test_it_goes_to_another_account_that_exists(self, admin: Caller, path: str, account_id: int) -> None:
        answer = self.carry(admin, path, account_id)
        assert error(answer, 400, "invalid_input")["details"]["json"].keys() == {"toBillingAccountId"}
        error(self.carry(admin, path, 999999), 404, "not_found")
        error(self.carry(admin, f"{ACCOUNTS}/999999", account_id), 404, "not_found")

    @pytest.mark.parametrize("amount", [0, -1, "all", True, "1e3"])
    def test_an_amount_is_positive(self, admin: Caller, path: str, target: int, amount: Any) -> None:
        error(self.carry(admin, path, target, amount=amount), 400, "invalid_input")

    def test_no_budget_grows_beyond_what_can_be_kept(self, admin: Caller, path: str, open_account: Open) -> None:
        full = open_account(budget=99999999999.9999)
        answer = self.carry(admin, path, full)
        assert error(answer, 400, "invalid_input")["details"]["json"].keys() == {"amount"}
        assert data(admin.get(path))["budget"] == 100
