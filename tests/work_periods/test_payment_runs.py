"""Paying whatever is due and matches."""

from datetime import timedelta
from typing import Any

import pytest

from app.clock import utc_now
from tests.caller import Caller, Open, data, error
from tests.concurrency.locks import holding
from tests.factories.bookings import BOOKING, BOOKINGS, PAYMENTS, PERIODS, pay
from tests.work_periods.conftest import Book, budget, summary

URL = f"{PAYMENTS}/query"
# Each finds all three weeks of the booking of `book`, and none of another one.
CONDITIONS: list[dict[str, Any]] = [
    {"status": "placed"},
    {"status": "placed,closed"},
    {"status": ["closed", "placed"]},
    {"startDate": "2025-03-03"},
    {"endDate": "2025-03-21"},
    {"rateType": "weekly"},
    {"rateType": "daily,weekly"},
    {"rateType": ["weekly"]},
    {"jobId": "job"},
    {"userId": "40051399"},
    {"userId": 40051399},
    {"projectId": 17},
    {"projectIds": "16,17"},
    {"projectIds": "17"},
    {"projectIds": [17, 18]},
    {"workPeriods.paymentStatus": "pending,partially-completed"},
    {"workPeriods.paymentStatus": ["pending"]},
    {"workPeriods.userHandle": "ANN"},
    {"workPeriods.endDateTo": "2025-03-22"},
]
NONE_OF_THEM: list[dict[str, Any]] = [
    {"status": "closed,cancelled"},
    {"startDate": "2025-03-04"},
    {"endDate": "2025-03-20"},
    {"rateType": "daily,annual"},
    {"jobId": "jo"},
    {"userId": "4005139"},
    {"projectId": 18},
    {"projectIds": "16,18"},
    {"billingAccountId": 2_000_000},
    {"billingAccountIds": [1_999_999, 2_000_000]},
    {"workPeriods.paymentStatus": "completed,no-days"},
    {"workPeriods.userHandle": "an"},
    {"workPeriods.endDateTo": "2025-03-07"},
    {"status": "placed", "projectId": 18},
]


def run(caller: Caller, query: Any, **options: Any) -> Any:
    return data(caller.post(URL, {"query": query, **options}))


class TestConditions:
    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"query": None},
            {"query": []},
            {"query": {}},
            {"query": {"projectIds": []}},
            {"query": {"status": ""}},
            {"query": {"status": None}},
            {"query": {"status": []}},
            {"query": {"userId": " "}},
            {"query": {"jobId": ""}},
            {"query": {"workPeriods.userHandle": ""}},
            {"query": {"projectId": 17, "projectIds": []}},
            {"query": {"projectId": 17, "status": None}},
            {"query": {"workPeriods.status": "x"}},
            {"query": {"workPeriods.paymentStatus": "paid"}},
            {"query": {"projectId": "1"}},
            {"query": {"projectIds": "1,x"}},
            {"query": {"projectIds": ["1"]}},
            {"query": {"projectId": 17}, "x": 1},
            {"query": {"projectId": 17}, "dryRun": "true"},
            {"query": {"projectId": 17}, "dryRun": None},
            {"dryRun": True},
        ],
    )
    def test_what_names_no_condition_or_a_wrong_one_is_refused(self, admin: Caller, book: Book, body: Any) -> None:
        period_id = book()[0]
        error(admin.post(URL, body), 400, "invalid_input")
        assert summary(admin, period_id) == (0, 0, "pending")

    @pytest.mark.parametrize("query", CONDITIONS, ids=str)
    def test_what_matches_is_found(self, admin: Caller, book: Book, query: Any) -> None:
        book(jobId="job")
        answer = run(admin, query, dryRun=True)
        assert (answer["total"], answer["query"]) == (3, query)

    @pytest.mark.parametrize("query", NONE_OF_THEM, ids=str)
    def test_what_does_not_match_is_left_out(self, admin: Caller, book: Book, query: Any) -> None:
        book(jobId="job")
        assert run(admin, query)["total"] == 0

    def test_accounts_and_last_days_narrow_it(self, admin: Caller, book: Book, account: int) -> None:
        periods = book()
        for query in ({"billingAccountId": account}, {"billingAccountIds": f"{account},7"}):
            assert run(admin, query, dryRun=True)["total"] == 3
        assert run(admin, {"workPeriods.endDateTo": "2025-03-15"})["total"] == 2
        assert [summary(admin, period)[0] for period in periods] == [5, 5, 0]
        assert run(admin, {"workPeriods.endDate": "2025-03-22", "workPeriods.startDate": "2025-03-16"})["total"] == 1


class TestPaying:
    def test_due_days_are_paid_once(self, admin: Caller, book: Book, account: int) -> None:
        periods = book() + book(projectId=18)
        pay(admin, periods[0], days=2)
        query = {"projectIds": [17], "workPeriods.userHandle": "ANN"}
        account_line = {"billingAccountId": account, "amount": 1300, "available": 9800}
        assert run(admin, query) == {
            "total": 3,
            "totalSuccess": 3,
            "totalError": 0,
            "amountTotal": 1300,
            "byBillingAccount": [account_line],
            "errors": [],
            "query": query,
        }
        again = run(admin, query)
        assert (again["total"], again["totalSuccess"], again["amountTotal"]) == (0, 0, 0)
        assert (again["byBillingAccount"], again["errors"]) == ([], [])
        assert [summary(admin, period)[0] for period in periods] == [5, 5, 5, 0, 0, 0]
        assert budget(admin, account) == (1500, 0)

    def test_what_cannot_be_paid_is_told_one_by_one(self, admin: Caller, book: Book, account: int) -> None:
        periods = book(memberRate=4000)
        answer = run(admin, {"workPeriods.paymentStatus": "pending"})
        assert (answer["total"], answer["totalSuccess"], answer["totalError"]) == (3, 2, 1)
        assert answer["amountTotal"] == 8000
        assert answer["byBillingAccount"] == [{"billingAccountId": account, "amount": 8000, "available": 10_000}]
        (failed,) = answer["errors"]
        assert (failed["workPeriodId"], failed["userHandle"]) == (periods[2], "ann")
        single = error(admin.post(PAYMENTS, {"workPeriodId": periods[2]}), 400, "insufficient_funds")
        assert failed["error"] == single

    def test_each_account_has_its_line(self, admin: Caller, open_account: Open) -> None:
        first, second, third = (open_account(budget=budget) for budget in (500, 700, 0))
        for account, rate in ((second, 300), (first, 500), (third, 100)):
            week = {"startDate": "2025-03-03", "endDate": "2025-03-14", "memberRate": rate, "billingAccountId": account}
            data(admin.post(BOOKINGS, {**BOOKING, **week}), 201)
        data(admin.post(BOOKINGS, {**BOOKING, "endDate": "2025-03-07", "billingAccountId": None}), 201)
        answer = run(admin, {"projectId": 17})
        assert answer["byBillingAccount"] == [
            {"billingAccountId": first, "amount": 500, "available": 500},
            {"billingAccountId": second, "amount": 600, "available": 700},
            {"billingAccountId": third, "amount": 0, "available": 0},
        ]
        reasons = sorted(failed["error"]["reason"] for failed in answer["errors"])
        assert reasons == ["conflict", "insufficient_funds", "insufficient_funds", "insufficient_funds"]
        assert (answer["totalSuccess"], answer["totalError"], answer["amountTotal"]) == (3, 4, 1100)

    def test_weeks_to_come_are_left_out(self, admin: Caller, book: Book) -> None:
        soon = utc_now().date() + timedelta(days=8)
        book(startDate=str(soon), endDate=str(soon + timedelta(days=6)))
        assert run(admin, {"projectId": 17})["total"] == 0

    @pytest.mark.parametrize("dry_run", [False, True])
    def test_pages_cover_everything(
        self, admin: Caller, book: Book, monkeypatch: pytest.MonkeyPatch, *, dry_run: bool
    ) -> None:
        monkeypatch.setattr("app.work_periods.payment_runs.PERIODS_AT_ONCE", 2)
        book(memberRate=4000)
        answer = run(admin, {"startDate": BOOKING["startDate"]}, dryRun=dry_run)
        assert (answer["total"], answer["totalSuccess"], answer["amountTotal"]) == (3, 2, 8000)
        assert answer["byBillingAccount"][0]["available"] == 10_000, "of before the first page"

    def test_only_the_first_errors_are_told(self, admin: Caller, book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("app.work_periods.payment_runs.ERRORS_SHOWN", 2)
        periods = book(memberRate=None)
        answer = run(admin, {"projectId": 17})
        assert answer["totalError"] == 3
        assert [failed["workPeriodId"] for failed in answer["errors"]] == sorted(periods)[:2]

    def test_a_key_replays_the_answer(self, admin: Caller, book: Book) -> None:
        book()
        body: Any = {"query": {"rateType": "weekly"}}
        first = admin.post(URL, body, Idempotency_Key="pay-1")
        again = admin.post(URL, body, Idempotency_Key="pay-1")
        assert again.get_data() == first.get_data()
        assert again.headers["Idempotency-Replayed"] == "true"
        other = {"query": {"rateType": "daily"}}
        error(admin.post(URL, other, Idempotency_Key="pay-1"), 422, "idempotency_key_reused")


class TestDryRun:
    def test_dry_run_changes_nothing_and_says_the_same(self, admin: Caller, book: Book, open_account: Open) -> None:
        periods = book(memberRate=4000) + book(billingAccountId=open_account(budget=900), memberRate=None)
        periods += book(billingAccountId=open_account(budget=900))
        accounts = data(admin.get("/v6/billing-accounts"))
        before = [data(admin.get(f"{PERIODS}/{period}")) for period in periods]
        query = {"projectIds": "17"}
        told = run(admin, query, dryRun=True)
        assert told["totalError"] == 6
        assert data(admin.get(PAYMENTS))["count"] == 0
        assert data(admin.get("/v6/billing-accounts")) == accounts
        assert [data(admin.get(f"{PERIODS}/{period}")) for period in periods] == before
        assert run(admin, query, dryRun=True) == told
        assert run(admin, query, dryRun=False) == told
        assert data(admin.get(PAYMENTS))["count"] == told["totalSuccess"]

    def test_dry_run_waits_for_no_lock(self, admin: Caller, book: Book, account: int, app: Any) -> None:
        book()
        rows = "SELECT FROM budgets FOR UPDATE; SELECT FROM work_periods FOR UPDATE; SELECT FROM resource_bookings"
        with holding(app, f"{rows} FOR UPDATE"):
            assert run(admin, {"billingAccountId": account}, dryRun=True)["amountTotal"] == 1500

    def test_payment_runs_need_a_role_or_scope(self, as_caller: Any) -> None:
        reader = as_caller(scopes=("read:taas-workPeriodPayments",))
        error(reader.post(URL, {"query": {"projectId": 17}, "dryRun": True}), 403, "forbidden")
