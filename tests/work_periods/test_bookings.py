from decimal import Decimal
from typing import Any

import pytest

from tests.caller import Caller, data, error
from tests.factories.bookings import BOOKING, BOOKINGS, PAYMENTS, PERIODS, create_booking, move, pay, periods_of
from tests.work_periods.conftest import UNKNOWN, Book, budget, payment_in

ALLOWED: dict[str, dict[str, tuple[str, ...]]] = {
    "administrator": {"roles": ("administrator",)},
    "bookingmanager": {"roles": ("bookingManager",)},
    "read": {"scopes": ("read:taas-resourceBookings",)},
    "all": {"scopes": ("all:taas-resourceBookings",)},
}


@pytest.fixture
def booking(admin: Caller, account: int) -> Any:
    return create_booking(admin, account)


def week(caller: Caller, booking: Any) -> list[tuple[str, int]]:
    found = data(caller.get(f"{PERIODS}?resourceBookingId={booking['id']}&sortBy=startDate"))["results"]
    return [(period["startDate"], period["daysWorked"]) for period in found]


@pytest.mark.parametrize("name", ALLOWED)
def test_roles_and_scopes_that_may_read_bookings(as_caller: Any, booking: Any, name: str) -> None:
    data(as_caller(**ALLOWED[name]).get(f"{BOOKINGS}/{booking['id']}"))


@pytest.mark.parametrize("caller", [{"roles": ("copilot",)}, {"scopes": ("read:taas-workPeriods",)}])
def test_bookings_need_a_role_or_scope(as_caller: Any, caller: Any) -> None:
    error(as_caller(**caller).get(BOOKINGS), 403, "forbidden")
    error(as_caller(scopes=("read:taas-resourceBookings",)).post(BOOKINGS, BOOKING), 403, "forbidden")


def test_what_is_not_there_is_not_found(admin: Caller) -> None:
    for path in (BOOKINGS, PERIODS):
        error(admin.get(f"{path}/{UNKNOWN}"), 404, "not_found")
    error(admin.patch(f"{BOOKINGS}/{UNKNOWN}", {"jobId": "j"}), 404, "not_found")
    error(admin.patch(f"{PERIODS}/{UNKNOWN}", {"daysWorked": 1}), 404, "not_found")
    assert "resourceBookingId" in error(admin.get(f"{BOOKINGS}/7"), 400, "invalid_input")["details"]["path"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("projectId", None),
        ("projectId", "17"),
        ("userId", ""),
        ("rateType", "yearly"),
        ("status", "open"),
        ("startDate", "2025-02-30"),
        ("startDate", "2025-03-03T00:00:00Z"),
        ("startDate", "2025-03-22"),
        ("endDate", "2099-01-01"),
        ("memberRate", -1),
        ("memberRate", "1.00001"),
        ("billingAccountId", 2_000_000),
        ("paymentTotal", 5),
    ],
)
def test_what_does_not_fit_is_named(admin: Caller, field: str, value: Any) -> None:
    problem = error(admin.post(BOOKINGS, {**BOOKING, field: value}), 400, "invalid_input")
    assert {field, "startDate"} & problem["details"]["json"].keys()
    assert data(admin.get(BOOKINGS))["count"] == 0


def test_a_change_to_an_unknown_billing_account_is_refused(admin: Caller, booking: Any) -> None:
    path = f"{BOOKINGS}/{booking['id']}"
    details = error(admin.patch(path, {"billingAccountId": 2_000_000, "jobId": "7"}), 400, "invalid_input")["details"]
    assert details == {"json": {"billingAccountId": ["Billing account 2000000 does not exist."]}}
    assert data(admin.get(path)) == booking


def test_every_field_is_kept(admin: Caller, account: int) -> None:
    whole = {
        **BOOKING,
        "jobId": "j-1",
        "status": "closed",
        "billingAccountId": account,
        "memberRate": Decimal("13.2345"),
    }
    booking = data(admin.post(BOOKINGS, whole), 201)
    assert {name: booking[name] for name in whole} == whole
    assert (booking["createdBy"], booking["updatedBy"]) == ("admin", None)
    assert data(admin.get(f"{BOOKINGS}/{booking['id']}")) == booking
    assert data(admin.get(f"{BOOKINGS}?jobId=j-1&status=closed&projectIds=16,17"))["results"] == [booking]
    assert data(admin.get(f"{BOOKINGS}?projectIds=16"))["count"] == 0
    for query in ("status=placed,closed", "status=placed&status=closed", "rateType=weekly,daily", "projectId=16,17"):
        assert data(admin.get(f"{BOOKINGS}?{query}"))["count"] == 1
    assert data(admin.get(f"{BOOKINGS}?status=placed,cancelled"))["count"] == 0


def test_a_booking_without_dates_has_no_weeks(admin: Caller) -> None:
    booking = data(admin.post(BOOKINGS, {**BOOKING, "endDate": None}), 201)
    assert week(admin, booking) == []
    data(admin.patch(f"{BOOKINGS}/{booking['id']}", {"endDate": "2025-03-05"}))
    assert week(admin, booking) == [("2025-03-02", 3)]


def test_dates_add_and_remove_weeks(admin: Caller, booking: Any) -> None:
    path = f"{BOOKINGS}/{booking['id']}"
    assert week(admin, booking) == [("2025-03-02", 5), ("2025-03-09", 5), ("2025-03-16", 5)]
    data(admin.patch(path, {"startDate": "2025-03-12", "endDate": "2025-03-24"}))
    assert week(admin, booking) == [("2025-03-09", 3), ("2025-03-16", 5), ("2025-03-23", 1)]
    data(admin.patch(path, {"startDate": None}))
    assert week(admin, booking) == []


def test_days_set_by_hand_or_paid_outlive_a_change_of_dates(admin: Caller, booking: Any) -> None:
    first, second, third = periods_of(admin, booking["id"])
    data(admin.patch(f"{PERIODS}/{first}", {"daysWorked": 7}))
    pay(admin, second, days=4)
    data(admin.patch(f"{BOOKINGS}/{booking['id']}", {"startDate": "2025-03-07", "endDate": "2025-03-17"}))
    assert week(admin, booking) == [("2025-03-02", 7), ("2025-03-09", 5), ("2025-03-16", 1)]
    assert data(admin.get(f"{PERIODS}/{third}"))["daysWorked"] == 1


@pytest.mark.parametrize("status", ["scheduled", "in-progress", "completed", "failed", "cancelled"])
def test_a_week_with_any_payment_cannot_go(admin: Caller, machine: Caller, booking: Any, status: str) -> None:
    first, *_ = periods_of(admin, booking["id"])
    payment = payment_in(status, admin, machine, first)
    path = f"{BOOKINGS}/{booking['id']}"
    for changes in ({"startDate": "2025-03-10", "jobId": "j"}, {"endDate": None}, {"startDate": None}):
        error(admin.patch(path, changes), 409, "conflict")
    assert data(admin.get(path))["jobId"] is None, "a refused change changes nothing"
    assert len(periods_of(admin, booking["id"])) == 3
    data(admin.patch(path, {"endDate": "2025-03-14"}))
    assert len(periods_of(admin, booking["id"])) == 2, "a week without a payment goes"
    assert data(admin.get(f"{PAYMENTS}/{payment['id']}")) == payment


def test_a_completed_payment_that_was_cancelled_is_never_lost(admin: Caller, machine: Caller, booking: Any) -> None:
    first, *_ = periods_of(admin, booking["id"])
    payment = move(admin, payment_in("completed", admin, machine, first), "cancelled")
    error(admin.patch(f"{BOOKINGS}/{booking['id']}", {"startDate": "2025-03-10"}), 409, "conflict")
    assert data(admin.get(f"{PERIODS}/{first}"))["payments"] == [payment]
    assert payment["completedAt"] < payment["cancelledAt"]


class TestCancelled:
    @pytest.mark.parametrize("status", ["scheduled", "in-progress", "completed"])
    def test_a_booking_with_active_payments_is_not_cancelled(
        self, admin: Caller, machine: Caller, booking: Any, status: str
    ) -> None:
        path = f"{BOOKINGS}/{booking['id']}"
        payment = payment_in(status, admin, machine, periods_of(admin, booking["id"])[1])
        error(admin.patch(path, {"status": "cancelled"}), 409, "conflict")
        assert data(admin.patch(path, {"status": "closed"}))["status"] == "closed"
        if status != "in-progress":
            move(admin, payment, "cancelled")
            assert data(admin.patch(path, {"status": "cancelled"}))["status"] == "cancelled"

    @pytest.mark.parametrize("status", ["failed", "cancelled"])
    def test_a_booking_with_other_payments_is_cancelled(
        self, admin: Caller, machine: Caller, booking: Any, status: str
    ) -> None:
        payment_in(status, admin, machine, periods_of(admin, booking["id"])[1])
        path = f"{BOOKINGS}/{booking['id']}"
        assert data(admin.patch(path, {"status": "cancelled"}))["status"] == "cancelled"

    def test_a_cancelled_booking_takes_no_payment(self, admin: Caller, booking: Any, account: int) -> None:
        periods = periods_of(admin, booking["id"])
        data(admin.patch(f"{BOOKINGS}/{booking['id']}", {"status": "cancelled"}))
        for values in ({}, {"days": 1}, {"days": 0, "amount": 5}):
            item = {"workPeriodId": periods[0], **values}
            error(admin.post(PAYMENTS, item), 409, "booking_cancelled")
            (outcome,) = data(admin.post(f"{PAYMENTS}/bulk", [item]))
            assert (outcome["error"]["code"], outcome["error"]["reason"]) == (409, "booking_cancelled")
        for condition in ({"projectId": 17}, {"status": "cancelled"}, {"status": ["cancelled", "placed"]}):
            assert data(admin.post(f"{PAYMENTS}/query", {"query": condition}))["total"] == 0
        assert budget(admin, account) == (0, 0)
        data(admin.patch(f"{BOOKINGS}/{booking['id']}", {"status": "placed"}))
        pay(admin, periods[0])

    def test_a_failed_payment_of_a_cancelled_booking_is_not_tried_again(
        self, admin: Caller, machine: Caller, booking: Any, account: int
    ) -> None:
        payment = payment_in("failed", admin, machine, periods_of(admin, booking["id"])[0])
        data(admin.patch(f"{BOOKINGS}/{booking['id']}", {"status": "cancelled"}))
        error(admin.patch(f"{PAYMENTS}/{payment['id']}", {"status": "scheduled"}), 409, "booking_cancelled")
        assert budget(admin, account) == (0, 0)
        move(admin, payment, "cancelled")


class TestPerson:
    @pytest.mark.parametrize("status", ["scheduled", "failed", "cancelled"])
    def test_the_person_stays_once_a_payment_was_made(
        self, admin: Caller, machine: Caller, booking: Any, status: str
    ) -> None:
        path = f"{BOOKINGS}/{booking['id']}"
        assert data(admin.patch(path, {"userId": "1"}))["userId"] == "1"
        data(admin.patch(path, {"userId": booking["userId"]}))
        payment_in(status, admin, machine, periods_of(admin, booking["id"])[0])
        error(admin.patch(path, {"userId": "1"}), 409, "conflict")
        same = data(admin.patch(path, {"userId": booking["userId"], "jobId": "j"}))
        assert (same["userId"], same["jobId"]) == (booking["userId"], "j")

    def test_a_payment_keeps_what_it_was_made_for(self, admin: Caller, booking: Any) -> None:
        period_id = periods_of(admin, booking["id"])[0]
        payment = pay(admin, period_id)
        kept = {"userId": "40051399", "userHandle": "ann", "projectId": 17, "resourceBookingId": booking["id"]}
        assert {name: payment[name] for name in kept} == kept
        data(admin.patch(f"{BOOKINGS}/{booking['id']}", {"userHandle": "ann2", "projectId": 18}))
        assert data(admin.get(f"{PAYMENTS}/{payment['id']}")) == payment
        assert data(admin.get(f"{PERIODS}/{period_id}"))["payments"] == [payment]
        assert pay(admin, period_id, days=0, amount=1)["userHandle"] == "ann2"


def test_weeks_follow_their_booking(admin: Caller, booking: Any) -> None:
    data(admin.patch(f"{BOOKINGS}/{booking['id']}", {"userHandle": "Bob", "projectId": 18}))
    assert data(admin.get(f"{PERIODS}?userHandle=BOB&projectId=18"))["count"] == 3


class TestPeriods:
    def test_a_payment_without_a_customer_rate_shows_too(self, admin: Caller, book: Book) -> None:
        period_id = book()[0]
        payment = pay(admin, period_id, days=2)
        changed = data(admin.patch(f"{PAYMENTS}/{payment['id']}", {"customerRate": None}))
        assert changed["customerRate"] is None
        assert data(admin.get(f"{PERIODS}/{period_id}"))["payments"] == [changed]

    def test_a_period_shows_its_payments(self, admin: Caller, book: Book) -> None:
        period_id = book()[0]
        payment = pay(admin, period_id, days=2)
        period = data(admin.get(f"{PERIODS}/{period_id}"))
        assert period["payments"] == [payment]
        assert {name: period[name] for name in ("startDate", "endDate", "daysWorked", "daysPaid", "userHandle")} == {
            "startDate": "2025-03-02",
            "endDate": "2025-03-08",
            "daysWorked": 5,
            "daysPaid": 2,
            "userHandle": "ann",
        }

    @pytest.mark.parametrize("days", [-1, 11, "5", None, 2.5])
    def test_days_worked_are_from_0_to_10(self, admin: Caller, book: Book, days: Any) -> None:
        problem = error(admin.patch(f"{PERIODS}/{book()[0]}", {"daysWorked": days}), 400, "invalid_input")
        assert "daysWorked" in problem["details"]["json"]

    def test_days_worked_are_never_below_days_paid(self, admin: Caller, book: Book) -> None:
        period_id = book()[0]
        pay(admin, period_id, days=3)
        error(admin.patch(f"{PERIODS}/{period_id}", {"daysWorked": 2}), 400, "invalid_input")
        assert data(admin.patch(f"{PERIODS}/{period_id}", {"daysWorked": 3}))["daysWorked"] == 3

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ("paymentStatus=in-progress", 1),
            ("paymentStatus=pending", 2),
            ("startDate=2025-03-09", 1),
            ("endDate=2025-03-08", 1),
            ("userHandle=ANN", 3),
            ("projectIds=17&projectIds=18", 3),
            ("projectId=17,18", 3),
            ("paymentStatus=in-progress,pending", 3),
            ("paymentStatus=in-progress&paymentStatus=no-days", 1),
            (f"resourceBookingIds={UNKNOWN}", 0),
        ],
    )
    def test_periods_are_filtered(self, admin: Caller, book: Book, query: str, count: int) -> None:
        pay(admin, book()[0])
        assert data(admin.get(f"{PERIODS}?{query}"))["count"] == count

    @pytest.mark.parametrize("query", ["paymentStatus=paid", "startDate=soon", "resourceBookingIds=7", "projectIds=a"])
    def test_what_cannot_be_asked_is_refused(self, admin: Caller, query: str) -> None:
        error(admin.get(f"{PERIODS}?{query}"), 400, "invalid_input")


def test_weeks_may_go_while_their_booking_changes_hands(admin: Caller, booking: Any) -> None:
    changes = {"startDate": "2025-03-10", "userHandle": "bob", "projectId": 18}
    data(admin.patch(f"{BOOKINGS}/{booking['id']}", changes))
    assert data(admin.get(f"{PERIODS}?userHandle=bob&projectId=18"))["count"] == 2
