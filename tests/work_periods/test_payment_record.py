"""What a payment keeps: of its booking, of how it went, and in which order."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.clock import utc_now
from app.db.base import db
from app.db.time_ordered import time_ordered_ids
from tests.caller import Caller, Open, data, error
from tests.factories.bookings import BOOKINGS, PAYMENTS, PERIODS, move, pay
from tests.work_periods.conftest import Book, budget, payment_in, summary

PROCESS = "process:taas-workPeriodPayments"


class TestExtraPayments:
    @pytest.mark.parametrize("rate", [None, 0])
    def test_extra_payment_needs_no_member_rate(self, admin: Caller, book: Book, account: int, rate: Any) -> None:
        period_id = book(memberRate=rate)[0]
        payment = pay(admin, period_id, days=0, amount="12.34")
        assert (payment["memberRate"], payment["days"], payment["amount"]) == (rate, 0, Decimal("12.34"))
        assert summary(admin, period_id) == (0, Decimal("12.34"), "in-progress")
        assert budget(admin, account) == (Decimal("12.34"), 0)
        assert data(admin.get(f"{PERIODS}/{period_id}"))["payments"] == [payment]
        assert data(admin.get(PAYMENTS))["results"] == [payment]

    def test_days_need_a_rate_later_too(self, admin: Caller, book: Book) -> None:
        payment = pay(admin, book(memberRate=None)[0], days=0, amount=5)
        path = f"{PAYMENTS}/{payment['id']}"
        for changes in ({"days": 2}, {"days": 2, "amount": 50}):
            error(admin.patch(path, changes), 409, "conflict")
        assert data(admin.patch(path, {"days": 2, "memberRate": 100}))["amount"] == 40

    def test_extra_payment_needs_no_week_that_has_begun(self, admin: Caller, book: Book) -> None:
        soon = utc_now().date() + timedelta(days=8)
        period_id = book(startDate=str(soon), endDate=str(soon + timedelta(days=6)))[0]
        error(admin.post(PAYMENTS, {"workPeriodId": period_id}), 400, "invalid_input")
        payment = pay(admin, period_id, days=0, amount=5)
        path = f"{PAYMENTS}/{payment['id']}"
        assert data(admin.patch(path, {"amount": 6}))["amount"] == 6
        problem = error(admin.patch(path, {"days": 1}), 400, "invalid_input")
        assert problem["details"]["json"].keys() == {"days"}

    def test_extra_payment_needs_a_billing_account(self, admin: Caller, book: Book) -> None:
        item = {"workPeriodId": book(billingAccountId=None)[0], "days": 0, "amount": 5}
        error(admin.post(PAYMENTS, item), 409, "conflict")


class TestTimes:
    def test_when_it_was_paid_out_is_kept(self, admin: Caller, machine: Caller, book: Book) -> None:
        scheduled = pay(admin, book()[0])
        assert (scheduled["completedAt"], scheduled["cancelledAt"]) == (None, None)
        completed = move(machine, scheduled, "in-progress", "completed")
        assert completed["completedAt"] == completed["updatedAt"] > scheduled["createdAt"]
        assert completed["cancelledAt"] is None
        cancelled = move(admin, completed, "cancelled")
        assert cancelled["completedAt"] == completed["completedAt"]
        assert cancelled["cancelledAt"] == cancelled["updatedAt"]

    def test_payment_times_are_whole_milliseconds(self, admin: Caller, machine: Caller, book: Book, app: Flask) -> None:
        payment_in("completed", admin, machine, book()[0])
        columns = ("created_at", "updated_at", "completed_at")
        whole = " AND ".join(f"date_trunc('milliseconds', {column}) = {column}" for column in columns)
        with app.app_context():
            assert db.session.scalars(text(f"SELECT {whole} FROM work_period_payments")).all() == [True]


class TestReports:
    def test_a_new_attempt_forgets_how_the_last_one_went(self, admin: Caller, machine: Caller, book: Book) -> None:
        payment = payment_in("in-progress", admin, machine, book()[0])
        path = f"{PAYMENTS}/{payment['id']}"
        details = {"errorCode": 7}
        failed = data(machine.patch(path, {"status": "failed", "statusDetails": details}))
        assert failed["statusDetails"] == details
        assert data(admin.patch(path, {"status": "scheduled"}))["statusDetails"] is None
        started = data(machine.patch(path, {"status": "in-progress", "statusDetails": {"step": 1}}))
        assert started["statusDetails"] == {"step": 1}
        assert data(machine.patch(path, {"status": "scheduled"}))["statusDetails"] is None
        assert data(machine.patch(path, {"status": "in-progress"}))["statusDetails"] is None
        assert data(machine.patch(path, {"status": "completed"}))["statusDetails"] is None

    def test_what_was_reported_stays_until_the_next_attempt(self, admin: Caller, machine: Caller, book: Book) -> None:
        payment = payment_in("in-progress", admin, machine, book()[0])
        path = f"{PAYMENTS}/{payment['id']}"
        data(machine.patch(path, {"statusDetails": {"step": 2}}))
        assert data(machine.patch(path, {"status": "completed"}))["statusDetails"] == {"step": 2}
        assert data(admin.patch(path, {"status": "cancelled"}))["statusDetails"] == {"step": 2}

    def test_an_administrator_ends_what_a_processor_left(
        self, admin: Caller, machine: Caller, book: Book, account: int
    ) -> None:
        payment = payment_in("in-progress", admin, machine, book()[0])
        path, details = f"{PAYMENTS}/{payment['id']}", {"reason": "processor is gone"}
        failed = data(admin.patch(path, {"status": "failed", "statusDetails": details}))
        assert (failed["status"], failed["statusDetails"], failed["updatedBy"]) == ("failed", details, "admin")
        assert budget(admin, account) == (0, 0)
        error(machine.patch(path, {"status": "completed"}), 409, "conflict")

    def test_processing_puts_back_what_it_will_not_end(
        self, admin: Caller, machine: Caller, book: Book, account: int
    ) -> None:
        payment = payment_in("in-progress", admin, machine, book()[0])
        assert move(machine, payment, "scheduled")["status"] == "scheduled"
        assert budget(admin, account) == (500, 0)
        assert data(admin.patch(f"{PAYMENTS}/{payment['id']}", {"days": 2}))["amount"] == 200

    def test_the_reference_of_the_payout(self, admin: Caller, machine: Caller, as_caller: Any, book: Book) -> None:
        payment = pay(admin, book()[0])
        path = f"{PAYMENTS}/{payment['id']}"
        sent = {"status": "in-progress", "externalReference": " PP-7 "}
        assert data(machine.patch(path, sent))["externalReference"] == "PP-7"
        assert data(machine.patch(path, {"status": "completed"}))["externalReference"] == "PP-7"
        assert data(admin.patch(path, {"externalReference": None}))["externalReference"] is None
        assert data(machine.patch(path, {"externalReference": "PP-8"}))["externalReference"] == "PP-8"
        manager = as_caller(roles=("bookingmanager",))
        error(manager.patch(path, {"externalReference": "PP-9"}), 403, "forbidden")
        for wrong in ("", " ", 7, "x" * 256, "P\u200bP", "P\nP"):
            problem = error(admin.patch(path, {"externalReference": wrong}), 400, "invalid_input")
            assert problem["details"]["json"].keys() == {"externalReference"}


class TestCorrections:
    """Of completed payments."""

    @pytest.fixture
    def payment(self, admin: Caller, machine: Caller, book: Book) -> Any:
        """A completed payment of 500 for five days."""
        return payment_in("completed", admin, machine, book()[0])

    @pytest.mark.parametrize(
        ("changes", "amount"),
        [
            ({"amount": 450}, 450),
            ({"amount": 10_000}, 10_000),
            ({"memberRate": 600}, 600),
            ({"memberRate": 600, "amount": 550}, 550),
            ({"days": 5, "amount": 450, "status": "completed"}, 450),
            ({"customerRate": None}, 500),
        ],
    )
    def test_correction_moves_what_is_consumed(
        self, admin: Caller, payment: Any, account: int, changes: Any, amount: int
    ) -> None:
        changed = data(admin.patch(f"{PAYMENTS}/{payment['id']}", changes))
        assert (changed["amount"], changed["days"], changed["status"]) == (amount, 5, "completed")
        assert changed["completedAt"] == payment["completedAt"]
        assert summary(admin, payment["workPeriodId"]) == (5, amount, "completed")
        assert budget(admin, account) == (0, amount)

    def test_correction_keeps_the_budget_rule(self, admin: Caller, payment: Any, account: int) -> None:
        path = f"{PAYMENTS}/{payment['id']}"
        problem = error(admin.patch(path, {"amount": "10000.01"}), 400, "insufficient_funds")
        assert problem["details"] == {"available": 10_000, "requested": Decimal("10000.01")}
        data(admin.patch(f"/v6/billing-accounts/{account}", {"status": "INACTIVE"}))
        error(admin.patch(path, {"amount": 501}), 409, "account_inactive")
        assert data(admin.patch(path, {"amount": 400}))["amount"] == 400

    def test_correction_moves_a_payment_to_another_account(
        self, admin: Caller, payment: Any, account: int, open_account: Open
    ) -> None:
        other, poor = open_account(budget=600), open_account(budget=499)
        path = f"{PAYMENTS}/{payment['id']}"
        error(admin.patch(path, {"billingAccountId": poor}), 400, "insufficient_funds")
        data(admin.patch(path, {"billingAccountId": other, "amount": 600}))
        assert (budget(admin, account), budget(admin, other)) == ((0, 0), (0, 600))

    def test_days_once_paid_out_are_due_only_after_a_cancellation(
        self, admin: Caller, payment: Any, account: int
    ) -> None:
        path = f"{PAYMENTS}/{payment['id']}"
        error(admin.patch(path, {"days": 0, "amount": "0.01"}), 409, "conflict")
        error(admin.patch(path, {"days": 4}), 409, "conflict")
        data(admin.patch(path, {"amount": "0.01"}))
        error(admin.post(PAYMENTS, {"workPeriodId": payment["workPeriodId"]}), 409, "conflict")
        move(admin, payment, "cancelled")
        assert budget(admin, account) == (0, 0)
        assert pay(admin, payment["workPeriodId"])["days"] == 5

    def test_an_account_without_budget_is_repaired_with_the_next_attempt(
        self, admin: Caller, machine: Caller, book: Book, account: int, open_account: Open
    ) -> None:
        payment = payment_in("failed", admin, machine, book()[0])
        data(admin.patch(f"/v6/billing-accounts/{account}/lock-amount", {"challengeId": "c", "amount": 9_800}))
        path, other = f"{PAYMENTS}/{payment['id']}", open_account(budget=300)
        error(admin.patch(path, {"status": "scheduled"}), 400, "insufficient_funds")
        error(admin.patch(path, {"billingAccountId": other}), 409, "conflict")
        again = data(admin.patch(path, {"status": "scheduled", "billingAccountId": other, "days": 3}))
        assert (again["amount"], again["billingAccountId"]) == (300, other)
        assert (budget(admin, account), budget(admin, other)) == ((9_800, 0), (300, 0))


class TestNeverDeleted:
    @pytest.mark.parametrize("table", ["work_periods", "resource_bookings", "billing_accounts"])
    def test_nothing_that_it_is_about_can_be_deleted(self, admin: Caller, book: Book, app: Flask, table: str) -> None:
        move(admin, pay(admin, book()[0]), "cancelled")
        with app.app_context(), pytest.raises(IntegrityError, match="foreign key constraint"):
            db.session.execute(text(f"DELETE FROM {table}"))

    def test_no_foreign_key_of_it_cascades(self, app: Flask) -> None:
        actions = (
            "SELECT DISTINCT confdeltype FROM pg_constraint WHERE contype = 'f' AND conrelid = CAST(:t AS regclass)"
        )
        with app.app_context():
            found = db.session.scalars(text(actions), {"t": "work_period_payments"}).all()
        assert found == ["r"], "RESTRICT, all of them"

    def test_no_route_deletes_one(self, admin: Caller, book: Book) -> None:
        error(admin.delete(f"{PAYMENTS}/{pay(admin, book()[0])['id']}"), 405, "method_not_allowed")


class TestOrder:
    @pytest.mark.parametrize("sort_by", ["createdAt", "updatedAt", "status", "amount"])
    def test_rows_of_one_call_sort_in_the_order_they_were_sent(self, admin: Caller, book: Book, sort_by: str) -> None:
        periods = book()
        items = [{"workPeriodId": periods[n % 3], "days": 0, "amount": 5} for n in range(60)]
        made = [payment["id"] for payment in data(admin.post(f"{PAYMENTS}/bulk", items))]
        assert len({payment["createdAt"] for payment in data(admin.get(f"{PAYMENTS}?perPage=60"))["results"]}) == 1
        for order, wanted in (("asc", made), ("desc", made[::-1])):
            found = data(admin.get(f"{PAYMENTS}?sortBy={sort_by}&sortOrder={order}&perPage=60"))["results"]
            assert [payment["id"] for payment in found] == wanted

    def test_a_period_lists_them_in_that_order(self, admin: Caller, book: Book) -> None:
        period_id = book()[0]
        items = [{"workPeriodId": period_id, "days": 0, "amount": amount} for amount in range(1, 30)]
        data(admin.post(f"{PAYMENTS}/bulk", items))
        shown = data(admin.get(f"{PERIODS}/{period_id}"))["payments"]
        assert [payment["amount"] for payment in shown] == list(range(1, 30))

    def test_weeks_of_a_booking_sort_by_date_when_sorted_by_creation(self, admin: Caller, book: Book) -> None:
        book(endDate="2025-12-31")
        found = data(admin.get(f"{PERIODS}?sortBy=createdAt&perPage=100"))["results"]
        starts = [date.fromisoformat(period["startDate"]) for period in found]
        assert starts == sorted(starts)
        assert len(starts) > 40

    def test_ids_carry_their_moment(self) -> None:
        ids = time_ordered_ids(utc_now(), 1000)
        assert ids == sorted(set(ids))
        assert {(each[14], each[19] in "89ab") for each in ids} == {("7", True)}
        later = time_ordered_ids(utc_now() + timedelta(milliseconds=1), 1)
        assert max(ids) < later[0]


class TestFilters:
    @pytest.fixture
    def found(self, admin: Caller) -> Callable[[str], list[Any]]:
        """The amounts of the payments that a query finds, smallest first."""

        def find(query: str) -> list[Any]:
            answer = data(admin.get(f"{PAYMENTS}?{query}&sortBy=amount"))
            assert answer["count"] == len(answer["results"])
            return [payment["amount"] for payment in answer["results"]]

        return find

    def test_each_filter_of_payments_narrows(
        self, admin: Caller, machine: Caller, book: Book, found: Any, open_account: Open
    ) -> None:
        other = open_account(budget=1000)
        first = payment_in("completed", admin, machine, book(memberRate=100)[0])
        second_week = book(projectId=18, userId="u|2", userHandle="Bob", memberRate=200, billingAccountId=other)[0]
        second = payment_in("failed", admin, machine, second_week)
        third = pay(admin, book(projectId=19, memberRate=300)[0])
        for query, amounts in {
            "status=completed": [100],
            "status=completed,failed": [100, 200],
            "status=completed&status=scheduled": [100, 300],
            "projectId=18": [200],
            "projectId=18,19": [200, 300],
            "projectIds=17,18": [100, 200],
            "projectIds=17&projectIds=19": [100, 300],
            "userId=u%7C2": [200],
            "userId=u": [],
            "userHandle=bOB": [200],
            f"resourceBookingId={first['resourceBookingId']}": [100],
            f"resourceBookingIds={first['resourceBookingId']},{third['resourceBookingId']}": [100, 300],
            f"workPeriodIds={second['workPeriodId']}&workPeriodIds={third['workPeriodId']}": [200, 300],
            f"billingAccountId={other}": [200],
            f"billingAccountIds={other},{first['billingAccountId']}": [100, 200, 300],
            f"billingAccountId={other}&status=scheduled,completed": [],
            f"createdAtFrom={second['createdAt']}": [200, 300],
            f"createdAtTo={first['createdAt']}": [100],
            f"completedAtFrom={first['completedAt']}": [100],
            f"completedAtTo={first['createdAt']}": [],
        }.items():
            assert found(query) == amounts, query

    def test_a_last_day_is_whole(self, admin: Caller, machine: Caller, book: Book, found: Any) -> None:
        payment_in("completed", admin, machine, book()[0])
        today = utc_now().date()
        for name in ("createdAt", "completedAt"):
            assert found(f"{name}From={today}&{name}To={today}") == [500]
            assert found(f"{name}To={today - timedelta(days=1)}") == []
            assert found(f"{name}From={today + timedelta(days=1)}") == []

    @pytest.mark.parametrize(
        "query",
        [
            "status=completed,paid",
            "status=",
            "projectIds=17,x",
            "projectId=0",
            "resourceBookingIds=7",
            "createdAtFrom=soon",
            "completedAtTo=2025-02-30",
            "createdAtFrom=2025-02-02&createdAtTo=2025-02-01",
            "completedAtFrom=2025-02-02&completedAtTo=2025-02-01",
            "userHandle=a&userHandle=b",
        ],
    )
    def test_what_cannot_be_asked_is_refused(self, admin: Caller, query: str) -> None:
        error(admin.get(f"{PAYMENTS}?{query}"), 400, "invalid_input")


def test_user_ids_may_be_numbers(admin: Caller, book: Book) -> None:
    period_id = book(userId=40051399)[0]
    assert pay(admin, period_id)["userId"] == "40051399"
    assert data(admin.get(f"{BOOKINGS}?userId=40051399"))["count"] == 1
