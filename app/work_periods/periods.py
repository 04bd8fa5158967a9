"""Work periods: the weeks of bookings, and the days worked in them."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, exists, func, insert, select

from app.audit.models import ObjectType
from app.audit.recording import record
from app.clock import utc_now
from app.db import versions
from app.db.base import db
from app.db.paging import Page
from app.db.versions import Expected
from app.errors import Conflict, Invalid, NotFound
from app.work_periods import queries, weeks
from app.work_periods.models import ResourceBooking, WorkPeriod, WorkPeriodPayment


def search(arguments: Mapping[str, Any]) -> Page:
    """One page of the work periods that match."""
    return queries.PERIODS.page(arguments)


def get(period_id: str) -> Row[Any]:
    """The work period with its payments. Raises NotFound."""
    period = db.session.execute(queries.PERIOD, {"period_id": period_id}).one_or_none()
    if period is None:
        raise _not_found(period_id)
    return period


def update(period_id: str, days_worked: int, expected: Expected) -> Row[Any]:
    """Set the days worked. Raises NotFound, PreconditionFailed, and Invalid if fewer than the days paid."""
    period = db.session.get(WorkPeriod, UUID(period_id), with_for_update={"key_share": True})
    if period is None:
        raise _not_found(period_id)
    versions.require(period.version, expected)
    if days_worked < period.days_paid:
        raise Invalid.field("daysWorked", f"Must not be below the days paid, {period.days_paid}.")
    record(
        ObjectType.WORK_PERIOD,
        period_id,
        before={"days_worked": period.days_worked},
        after={"days_worked": days_worked},
    )
    period.days_worked = days_worked
    versions.touch(period)
    db.session.flush()
    return get(period_id)


def lock_weeks(booking: ResourceBooking) -> Sequence[WorkPeriod]:
    """The weeks of a booking, locked: no other transaction pays them until this one ends."""
    statement = select(WorkPeriod).where(WorkPeriod.resource_booking_id == booking.id).order_by(WorkPeriod.id)
    return db.session.scalars(statement.with_for_update(key_share=True)).all()


def is_active(week: WorkPeriod) -> bool:
    """Whether the week has an active payment."""
    return week.open_payments + week.completed_payments > 0


def have_payments(weeks: Sequence[WorkPeriod]) -> bool:
    """Whether one of the weeks has a payment, including failed and cancelled ones."""
    return _first_paid(weeks) is not None


def sync_weeks(
    booking: ResourceBooking, weeks_now: Sequence[WorkPeriod], before: tuple[date | None, date | None] = (None, None)
) -> None:
    """Give a booking the weeks that its dates ask for, `before` being its dates until now.

    `weeks_now` are the locked weeks it has. Days worked that were never set by hand follow the dates, but not below
    the days paid. Raises Conflict when a week with a payment, also a failed or a cancelled one, would have to go.
    """
    present = {period.start_date: period for period in weeks_now}
    wanted, usual = _weeks(booking.start_date, booking.end_date), _weeks(*before)
    gone = [present.pop(start) for start in sorted(present.keys() - wanted.keys())]
    paid = _first_paid(gone)
    if paid is not None:
        raise Conflict(f"The week of {paid} has payments and cannot be removed")
    if gone:
        db.session.execute(delete(WorkPeriod).where(WorkPeriod.id.in_([period.id for period in gone])))
    for start, period in present.items():
        if start in usual and period.days_worked == usual[start].working_days:
            period.days_worked = max(wanted[start].working_days, period.days_paid)
        period.user_handle, period.project_id = booking.user_handle, booking.project_id
    now = utc_now()
    added = [
        {
            "resource_booking_id": booking.id,
            "project_id": booking.project_id,
            "user_handle": booking.user_handle,
            "start_date": week.start,
            "end_date": week.end,
            "days_worked": week.working_days,
            "created_at": now,
            "updated_at": now,
        }
        for start, week in wanted.items()
        if start not in present
    ]
    if added:
        db.session.execute(insert(WorkPeriod), added)
    db.session.flush()


def _first_paid(weeks_now: Sequence[WorkPeriod]) -> date | None:
    """The first day of the earliest of the weeks that has a payment, if any has."""
    has_payment = exists().where(WorkPeriodPayment.work_period_id == WorkPeriod.id)
    ids = [period.id for period in weeks_now]
    statement = select(func.min(WorkPeriod.start_date)).where(WorkPeriod.id.in_(ids), has_payment)
    return db.session.scalar(statement) if ids else None


def _weeks(first: date | None, last: date | None) -> dict[date, weeks.Week]:
    return {} if first is None or last is None else {week.start: week for week in weeks.between(first, last)}


def _not_found(period_id: str) -> NotFound:
    return NotFound(f"Work period {period_id} was not found")
