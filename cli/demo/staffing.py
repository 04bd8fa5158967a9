"""People who are paid by the week: paid, on the way, failed, and still to be paid."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from app.clock import utc_now
from app.db.transaction import transaction
from app.errors import only
from app.work_periods import bookings, payments, periods
from app.work_periods.models import PaymentStatus, RateType
from cli.demo.budgets import IDS
from cli.demo.story import DAYS, OPERATOR, Event

_COMPLETED = (PaymentStatus.IN_PROGRESS, PaymentStatus.COMPLETED)
_FAILED = (PaymentStatus.IN_PROGRESS, PaymentStatus.FAILED)


class _Payment(NamedTuple):
    statuses: tuple[PaymentStatus, ...]
    # All that are due, unless given.
    days: int | None = None


class _Booking(NamedTuple):
    billing_account: str
    user_id: str
    handle: str
    project_id: int
    member_rate: str
    customer_rate: str
    weeks: int
    # Of the first weeks; the rest is due.
    payments: tuple[_Payment, ...]


BOOKINGS = (
    _Booking(
        "Globex staffing", "40051399", "ann", 17234, "1500", "2100", 12,
        (
            *[_Payment(_COMPLETED)] * 6, _Payment(_COMPLETED, 3), _Payment((PaymentStatus.IN_PROGRESS,)),
            _Payment(_FAILED), _Payment((), 2),
        ),
    ),
    _Booking(
        "Lakeside staffing", "22838965", "bob", 17301, "1820.50", "2400", 10,
        (*[_Payment(_COMPLETED)] * 4, _Payment(_FAILED), _Payment(_FAILED), _Payment((PaymentStatus.CANCELLED,))),
    ),
    _Booking("Globex staffing", "88774631", "kim", 17234, "1240", "1700", 8, (*[_Payment(_COMPLETED)] * 3,)),
)  # fmt: skip


def events() -> Iterator[Event]:
    """Each booking, and each of its weeks paid on the Friday after."""
    for booking in BOOKINGS:
        begins = DAYS - 7 * booking.weeks
        yield begins, partial(_book, booking)
        for week, payment in enumerate(booking.payments):
            yield begins + 7 * week + 8, partial(_pay, booking, week, payment)


# By the handle of the booked person; filled while the bookings are created.
_IDS: dict[str, str] = {}


def _book(booking: _Booking) -> None:
    today = utc_now().date()
    with transaction():
        created = bookings.create(
            OPERATOR,
            {
                "project_id": booking.project_id,
                "user_id": booking.user_id,
                "user_handle": booking.handle,
                "start_date": _monday(today),
                "end_date": _monday(today) + timedelta(weeks=booking.weeks + 4, days=-3),
                "member_rate": Decimal(booking.member_rate),
                "customer_rate": Decimal(booking.customer_rate),
                "rate_type": RateType.WEEKLY,
                "billing_account_id": IDS[booking.billing_account],
            },
        )
        _IDS[booking.handle] = str(created.id)


def _pay(booking: _Booking, week: int, payment: _Payment) -> None:
    asked = {"resource_booking_ids": [_IDS[booking.handle]], "page": 1, "per_page": 100, "sort_by": "start_date"}
    with transaction():
        period = periods.search(asked).results[week]
        item = {"work_period_id": str(period.id), **({} if payment.days is None else {"days": payment.days})}
        made = only(payments.create_many(OPERATOR, [item]))
        for status in payment.statuses:
            only(payments.update_many(OPERATOR, [{"id": made["id"], "status": status}]))


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
