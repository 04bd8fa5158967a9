from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.clock import utc_now
from tests.caller import Caller, data, error
from tests.factories.bookings import BOOKING, BOOKINGS, PAYMENTS, PERIODS, move, pay, periods_of
from tests.work_periods.conftest import UNKNOWN, Book, budget, payment_in, summary


class TestCreate:
    def test_an_array_is_sent_to_bulk(self, admin: Caller) -> None:
        problem = error(admin.post(PAYMENTS, [{"workPeriodId": UNKNOWN}]), 400, "invalid_input")
        assert "/bulk" in str(problem["details"])

    def test_an_unknown_period_is_not_found(self, admin: Caller) -> None:
        error(admin.post(PAYMENTS, {"workPeriodId": UNKNOWN}), 404, "not_found")

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"workPeriodId": "7"}, "workPeriodId"),
            ({"days": 11}, "days"),
            ({"days": "1"}, "days"),
            ({"days": 6}, "days"),
            ({"days": 0}, "amount"),
            ({"days": 0, "amount": 0}, "amount"),
            ({"days": 2, "amount": 5}, "amount"),
            ({"amount": 5}, "amount"),
            ({"amount": "0.00001"}, "amount"),
            ({"days": 0, "amount": "0.001"}, "amount"),
            ({"days": 0, "amount": "12.345"}, "amount"),
            ({"days": 0, "amount": "-1"}, "amount"),
            ({"memberRate": 5}, "memberRate"),
            ({"status": "completed"}, "status"),
        ],
    )
    def test_what_cannot_be_paid_is_named(self, admin: Caller, book: Book, values: Any, field: str) -> None:
        period_id = book()[0]
        problem = error(admin.post(PAYMENTS, {"workPeriodId": period_id, **values}), 400, "invalid_input")
        assert field in problem["details"]["json"]
        assert summary(admin, period_id) == (0, 0, "pending")

    def test_all_due_days_are_paid_unless_said_otherwise(self, admin: Caller, book: Book, account: int) -> None:
        period_id = book()[0]
        first = pay(admin, period_id, days=2)
        assert (first["amount"], first["memberRate"], first["customerRate"]) == (200, 500, 700)
        assert (first["status"], first["billingAccountId"], first["createdBy"]) == ("scheduled", account, "admin")
        second = pay(admin, period_id)
        assert (second["days"], second["amount"]) == (3, 300)
        assert summary(admin, period_id) == (5, 500, "in-progress")
        assert budget(admin, account) == (500, 0)
        error(admin.post(PAYMENTS, {"workPeriodId": period_id}), 409, "conflict")
        assert data(admin.get(f"{PAYMENTS}/{second['id']}")) == second

    @pytest.mark.parametrize(
        ("rate", "days", "amount"),
        [
            ("13.23", 3, "7.94"),
            ("0.05", 1, "0.01"),
            ("0.03", 1, "0.01"),
            ("333.33", 5, "333.33"),
            ("1000", 1, "200"),
            # Half a cent: to the even cent it would be 0.02, and a float makes 0.175 less than it is.
            ("0.125", 1, "0.03"),
            ("0.175", 1, "0.04"),
        ],
    )
    def test_amounts_are_rounded_half_up_to_cents(
        self, admin: Caller, book: Book, rate: str, days: int, amount: str
    ) -> None:
        assert pay(admin, book(memberRate=rate)[0], days=days)["amount"] == Decimal(amount)

    def test_an_amount_that_vanishes_is_refused(self, admin: Caller, book: Book) -> None:
        error(admin.post(PAYMENTS, {"workPeriodId": book(memberRate="0.01")[0], "days": 1}), 400, "invalid_input")

    def test_an_extra_payment_counts_no_days(self, admin: Caller, book: Book, account: int) -> None:
        period_id = book()[0]
        assert pay(admin, period_id, days=0, amount="12.34")["amount"] == Decimal("12.34")
        assert summary(admin, period_id) == (0, Decimal("12.34"), "in-progress")
        assert budget(admin, account) == (Decimal("12.34"), 0)

    @pytest.mark.parametrize("values", [{"billingAccountId": None}, {"memberRate": None}, {"memberRate": 0}])
    def test_a_booking_that_cannot_pay_is_a_conflict(self, admin: Caller, book: Book, values: Any) -> None:
        error(admin.post(PAYMENTS, {"workPeriodId": book(**values)[0]}), 409, "conflict")

    def test_a_week_without_days_is_a_conflict(self, admin: Caller, book: Book) -> None:
        period_id = book(startDate="2025-03-08", endDate="2025-03-08")[0]
        assert summary(admin, period_id) == (0, 0, "no-days")
        error(admin.post(PAYMENTS, {"workPeriodId": period_id}), 409, "conflict")

    def test_a_week_that_has_not_begun_is_not_paid(self, admin: Caller, book: Book) -> None:
        soon = (utc_now() + timedelta(days=8)).date()
        period_id = book(startDate=str(soon), endDate=str(soon + timedelta(days=6)))[0]
        error(admin.post(PAYMENTS, {"workPeriodId": period_id, "days": 1}), 400, "invalid_input")

    def test_no_more_than_the_budget_is_paid(self, admin: Caller, book: Book, account: int) -> None:
        first, second, third = book(memberRate=5000)
        for period_id in (first, second):
            pay(admin, period_id)
        problem = error(admin.post(PAYMENTS, {"workPeriodId": third}), 400, "insufficient_funds")
        assert problem["details"] == {"available": 0, "requested": 5000}
        assert summary(admin, third) == (0, 0, "pending")
        data(admin.patch(f"/v6/billing-accounts/{account}", {"status": "INACTIVE"}))
        error(admin.post(PAYMENTS, {"workPeriodId": third, "days": 1}), 409, "account_inactive")

    def test_payments_are_lines_of_the_account(self, admin: Caller, book: Book, account: int) -> None:
        payment = pay(admin, book()[0])
        (line,) = data(admin.get(f"/v6/billing-accounts/{account}"))["lockedAmounts"]
        assert (line["externalType"], line["externalId"]) == ("WORK_PERIOD_PAYMENT", payment["id"])
        assert (line["amount"], line["challengeId"]) == (500, None)
        reference = {"externalId": payment["id"], "externalType": "WORK_PERIOD_PAYMENT", "amount": 1}
        for call in ("lock-amount", "consume-amount"):
            error(admin.patch(f"/v6/billing-accounts/{account}/{call}", reference), 400, "invalid_input")


class TestMoves:
    def test_processing_changes_nothing_but_status(self, admin: Caller, machine: Caller, book: Book) -> None:
        payment = pay(admin, book()[0])
        error(machine.patch(f"{PAYMENTS}/{payment['id']}", {"days": 1}), 403, "forbidden")
        details = {"errorCode": 7, "errorMessage": "Card declined"}
        move(machine, payment, "in-progress")
        failed = data(machine.patch(f"{PAYMENTS}/{payment['id']}", {"status": "failed", "statusDetails": details}))
        assert failed["statusDetails"] == details
        refused = error(admin.patch(f"{PAYMENTS}/{payment['id']}", {"statusDetails": {}}), 403, "forbidden")
        assert refused["details"] == {"roles": [], "scopes": ["process:taas-workPeriodPayments"]}

    def test_a_failed_payment_is_scheduled_again_only_with_days_left(
        self, admin: Caller, machine: Caller, book: Book
    ) -> None:
        period_id = book()[0]
        payment = payment_in("failed", admin, machine, period_id)
        other = pay(admin, period_id, days=1)
        error(admin.patch(f"{PAYMENTS}/{payment['id']}", {"status": "scheduled"}), 409, "conflict")
        again = data(admin.patch(f"{PAYMENTS}/{payment['id']}", {"status": "scheduled", "days": 4}))
        assert (again["amount"], other["amount"]) == (400, 100)
        assert summary(admin, period_id) == (5, 500, "in-progress")

    def test_a_failed_payment_is_scheduled_again_only_with_budget_left(
        self, admin: Caller, machine: Caller, book: Book, account: int
    ) -> None:
        payment = payment_in("failed", admin, machine, book()[0])
        lock = {"challengeId": "c1", "amount": 9501}
        data(admin.patch(f"/v6/billing-accounts/{account}/lock-amount", lock))
        error(admin.patch(f"{PAYMENTS}/{payment['id']}", {"status": "scheduled"}), 400, "insufficient_funds")
        assert data(admin.get(f"{PAYMENTS}/{payment['id']}"))["status"] == "failed"


class TestUpdate:
    def test_what_is_not_there_is_not_found(self, admin: Caller) -> None:
        error(admin.get(f"{PAYMENTS}/{UNKNOWN}"), 404, "not_found")
        error(admin.patch(f"{PAYMENTS}/{UNKNOWN}", {"days": 1}), 404, "not_found")

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({}, "body"),
            ({"days": 6}, "days"),
            ({"days": None}, "days"),
            ({"days": 0}, "amount"),
            ({"amount": "0.00001"}, "amount"),
            ({"amount": "1.005"}, "amount"),
            ({"amount": 0, "days": 0}, "amount"),
            ({"memberRate": 0}, "memberRate"),
            ({"memberRate": None}, "memberRate"),
            ({"memberRate": 99_999_999_999}, "days"),
            ({"billingAccountId": 2_000_000}, "billingAccountId"),
            ({"status": "paid"}, "status"),
            ({"workPeriodId": UNKNOWN}, "workPeriodId"),
            ({"id": UNKNOWN, "days": 1}, "id"),
        ],
    )
    def test_what_cannot_be_changed_is_named(self, admin: Caller, book: Book, changes: Any, field: str) -> None:
        payment = pay(admin, book(memberRate=1000)[0])
        days = {"days": 10} if changes.get("memberRate") == 99_999_999_999 else {}
        if days:
            data(admin.patch(f"{PERIODS}/{payment['workPeriodId']}", {"daysWorked": 10}))
        problem = error(admin.patch(f"{PAYMENTS}/{payment['id']}", {**changes, **days}), 400, "invalid_input")
        assert field in problem["details"]["json"]
        assert data(admin.get(f"{PAYMENTS}/{payment['id']}")) == payment

    def test_days_and_rate_make_the_amount(self, admin: Caller, book: Book, account: int) -> None:
        period_id = book()[0]
        payment = pay(admin, period_id)
        path = f"{PAYMENTS}/{payment['id']}"
        assert data(admin.patch(path, {"days": 3}))["amount"] == 300
        changed = data(admin.patch(path, {"memberRate": "13.23", "customerRate": None}))
        assert (changed["amount"], changed["customerRate"], changed["updatedBy"]) == (Decimal("7.94"), None, "admin")
        assert summary(admin, period_id) == (3, Decimal("7.94"), "in-progress")
        assert budget(admin, account) == (Decimal("7.94"), 0)
        extra = data(admin.patch(path, {"days": 0, "amount": 40}))
        assert (extra["days"], extra["amount"]) == (0, 40)
        assert data(admin.patch(path, {"days": 0}))["amount"] == 40
        assert budget(admin, account) == (40, 0)

    def test_an_agreed_amount_stands_until_days_or_rate_change(self, admin: Caller, book: Book, account: int) -> None:
        period_id = book()[0]
        payment = pay(admin, period_id, days=4)
        path = f"{PAYMENTS}/{payment['id']}"
        for changes, days, amount in (
            ({"amount": "450.5"}, 4, Decimal("450.5")),
            ({"customerRate": 1}, 4, Decimal("450.5")),
            ({"days": 3, "amount": 290}, 3, 290),
            ({"memberRate": 600, "amount": 291}, 3, 291),
            ({"days": 2}, 2, 240),
        ):
            changed = data(admin.patch(path, changes))
            assert (changed["days"], changed["amount"]) == (days, amount)
            assert summary(admin, period_id) == (days, amount, "in-progress")
            assert budget(admin, account) == (amount, 0)

    def test_a_change_of_account_moves_the_hold(
        self, admin: Caller, book: Book, account: int, open_account: Any
    ) -> None:
        payment = pay(admin, book()[0])
        small, other = open_account(budget=499), open_account(budget=500)
        path = f"{PAYMENTS}/{payment['id']}"
        error(admin.patch(path, {"billingAccountId": small}), 400, "insufficient_funds")
        assert (budget(admin, account), budget(admin, small)) == ((500, 0), (0, 0))
        data(admin.patch(path, {"billingAccountId": other}))
        assert (budget(admin, account), budget(admin, other)) == ((0, 0), (500, 0))

    @pytest.mark.parametrize("changes", [{"days": 1}, {"memberRate": 1}, {"amount": 5}, {"days": 0, "amount": 5}])
    def test_amounts_stand_while_in_progress(self, admin: Caller, machine: Caller, book: Book, changes: Any) -> None:
        payment = payment_in("in-progress", admin, machine, book()[0])
        error(admin.patch(f"{PAYMENTS}/{payment['id']}", changes), 409, "conflict")
        data(admin.patch(f"{PAYMENTS}/{payment['id']}", {"customerRate": 5}))


class TestStatusOfThePeriod:
    def test_the_first_rule_that_holds(self, admin: Caller, machine: Caller, book: Book) -> None:
        period_id = book()[0]
        first = move(machine, pay(admin, period_id, days=2), "in-progress", "completed")
        assert summary(admin, period_id)[2] == "partially-completed"
        second = pay(admin, period_id)
        assert summary(admin, period_id)[2] == "in-progress"
        move(machine, second, "in-progress", "completed")
        assert summary(admin, period_id) == (5, 500, "completed")
        data(admin.patch(f"{PERIODS}/{period_id}", {"daysWorked": 6}))
        assert summary(admin, period_id)[2] == "partially-completed"
        move(admin, first, "cancelled")
        assert summary(admin, period_id) == (3, 300, "partially-completed")


class TestList:
    @pytest.fixture
    def payments(self, admin: Caller, book: Book) -> list[Any]:
        first, second, third = book()
        return [
            pay(admin, first, days=1),
            pay(admin, second, days=3),
            move(admin, pay(admin, third, days=2), "cancelled"),
        ]

    def test_filters_and_sorts(self, admin: Caller, payments: list[Any], account: int) -> None:
        def amounts(query: str) -> list[Any]:
            return [payment["amount"] for payment in data(admin.get(f"{PAYMENTS}?{query}"))["results"]]

        periods = [payment["workPeriodId"] for payment in payments]
        assert amounts("") == [200, 300, 100], "newest first"
        assert amounts("sortBy=amount&sortOrder=desc") == [300, 200, 100]
        assert amounts("status=cancelled") == [200]
        assert amounts(f"workPeriodId={periods[1]}") == [300]
        assert amounts(f"workPeriodIds={periods[0]},{periods[1]}&sortBy=amount") == [100, 300]
        assert amounts(f"workPeriodIds={periods[0]}&workPeriodIds={periods[2]}&sortBy=amount") == [100, 200]
        assert amounts(f"billingAccountId={account}&perPage=1&page=2&sortBy=amount") == [200]
        assert amounts("billingAccountId=2000000") == []

    @pytest.mark.parametrize("query", ["status=paid", "workPeriodIds=7", "sortBy=days", "billingAccountId=x"])
    def test_what_cannot_be_asked_is_refused(self, admin: Caller, query: str) -> None:
        error(admin.get(f"{PAYMENTS}?{query}"), 400, "invalid_input")


def test_periods_of_a_booking_are_its_own(admin: Caller, book: Book) -> None:
    book()
    booking = data(admin.post(BOOKINGS, BOOKING), 201)
    assert len(periods_of(admin, booking["id"])) == 3
