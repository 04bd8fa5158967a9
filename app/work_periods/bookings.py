"""Creating, reading and updating resource bookings."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from app.audit.models import ObjectType
from app.audit.recording import record, state_of
from app.auth.actor import Actor
from app.billing_accounts import service as billing_accounts
from app.db import versions
from app.db.base import db
from app.db.paging import Page
from app.db.versions import Expected
from app.errors import Conflict, Invalid, NotFound
from app.work_periods import periods, queries
from app.work_periods.models import BookingStatus, ResourceBooking, WorkPeriod

# Ten years: longer bookings are mistakes, and every week is a row.
MAX_DAYS = 3660
# Fields that weeks copy from their booking, or that their payments may prevent from changing.
_OF_WEEKS = frozenset({"start_date", "end_date", "user_handle", "project_id", "user_id", "status"})


def search(arguments: Mapping[str, Any]) -> Page:
    """One page of the bookings that match."""
    return queries.BOOKINGS.page(arguments)


def get(booking_id: str) -> ResourceBooking:
    """The booking with this id. Raises NotFound."""
    return _found(db.session.get(ResourceBooking, UUID(booking_id)), booking_id)


def create(actor: Actor, values: Mapping[str, Any]) -> ResourceBooking:
    """Create a booking with its weeks. Raises Invalid (unknown billing account, start after end, too long)."""
    _require_sound(values, values.get("start_date"), values.get("end_date"))
    booking = ResourceBooking(created_by=actor.subject, **values)
    db.session.add(booking)
    db.session.flush()
    record(ObjectType.RESOURCE_BOOKING, booking.id, after=state_of(booking))
    periods.sync_weeks(booking, [])
    return booking


def update(actor: Actor, booking_id: str, changes: Mapping[str, Any], expected: Expected) -> ResourceBooking:
    """Update the given fields, and add and remove weeks to match the dates.

    Raises NotFound, PreconditionFailed, Invalid (unknown billing account, start after end, too long) or Conflict (would
    remove a week with a payment, cancel a booking with active payments, or change the user of a booking with payments).
    """
    booking = _found(db.session.get(ResourceBooking, UUID(booking_id), with_for_update={"key_share": True}), booking_id)
    versions.require(booking.version, expected)
    before = (booking.start_date, booking.end_date)
    start, end = before
    _require_sound(changes, changes.get("start_date", start), changes.get("end_date", end))
    changed = {name for name, value in changes.items() if getattr(booking, name) != value}
    # Locked until the commit, so that no payment is created meanwhile.
    weeks = periods.lock_weeks(booking) if changed & _OF_WEEKS else []
    _require_free(booking, weeks, changes, changed)
    fields = state_of(booking)
    for name, value in changes.items():
        setattr(booking, name, value)
    booking.updated_by = actor.subject
    db.session.flush()
    record(ObjectType.RESOURCE_BOOKING, booking.id, before=fields, after=state_of(booking))
    if changed & _OF_WEEKS:
        periods.sync_weeks(booking, weeks, before)
    return booking


def _require_free(
    booking: ResourceBooking, weeks: Sequence[WorkPeriod], changes: Mapping[str, Any], changed: set[str]
) -> None:
    """Raise Conflict if payments prevent the booking from being cancelled, or its user from being changed."""
    if "status" in changed and changes["status"] == BookingStatus.CANCELLED and any(map(periods.is_active, weeks)):
        raise Conflict("The booking has active payments; cancel them first")
    if "user_id" in changed and periods.have_payments(weeks):
        raise Conflict(f"userId cannot be changed: the booking has payments to {booking.user_id}")


def _require_sound(values: Mapping[str, Any], start: date | None, end: date | None) -> None:
    if start is not None and end is not None:
        name = "startDate" if "start_date" in values else "endDate"
        if start > end:
            raise Invalid.field(name, "startDate must not be after endDate.")
        if (end - start).days > MAX_DAYS:
            raise Invalid.field(name, "A booking must not be longer than ten years.")
    if values.get("billing_account_id") is not None:
        billing_accounts.require(values["billing_account_id"])


def _found(booking: ResourceBooking | None, booking_id: str) -> ResourceBooking:
    if booking is None:
        raise NotFound(f"Resource booking {booking_id} was not found")
    return booking
