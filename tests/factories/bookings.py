"""Bookings of people, their weeks, and payments for these."""

from typing import Any

from tests.caller import Caller, data

BOOKINGS, PERIODS, PAYMENTS = "/v6/resource-bookings", "/v6/work-periods", "/v6/work-period-payments"
# Three whole weeks: Monday 2025-03-03 to Friday 2025-03-21.
BOOKING = {
    "projectId": 17,
    "userId": "40051399",
    "userHandle": "ann",
    "startDate": "2025-03-03",
    "endDate": "2025-03-21",
    "memberRate": 500,
    "customerRate": 700,
    "rateType": "weekly",
}


def create_booking(staff: Caller, account_id: int | None = None, **values: Any) -> Any:
    """A new booking of three weeks, unless `values` say otherwise."""
    return data(staff.post(BOOKINGS, {**BOOKING, "billingAccountId": account_id, **values}), 201)


def periods_of(caller: Caller, booking_id: str) -> list[str]:
    """The ids of the work periods of a booking, first week first."""
    found = data(caller.get(f"{PERIODS}?resourceBookingId={booking_id}&sortBy=startDate&perPage=1000"))
    return [period["id"] for period in found["results"]]


def pay(caller: Caller, period_id: str, **values: Any) -> Any:
    """A new payment, for every day that is left unless `values` say otherwise."""
    return data(caller.post(PAYMENTS, {"workPeriodId": period_id, **values}), 201)


def move(caller: Caller, payment: Any, *statuses: str) -> Any:
    """The payment, moved from one status to the next."""
    for status in statuses:
        payment = data(caller.patch(f"{PAYMENTS}/{payment['id']}", {"status": status}))
    return payment
