"""Request and response schemas of bookings."""

from datetime import date
from typing import Any

import marshmallow as ma

from app.web import fields
from app.web.schemas import CamelSchema, ETag, PageArguments, ReadSchema, require_order, require_some_field, sorting
from app.work_periods.models import BookingStatus, RateType
from app.work_periods.schemas import project_ids

BOOKING_EXAMPLE = {
    "projectId": 17234,
    "userId": "40051399",
    "userHandle": "ann",
    "startDate": "2025-03-03",
    "endDate": "2025-05-30",
    "memberRate": 1500,
    "customerRate": 2100,
    "rateType": "weekly",
    "billingAccountId": 1,
}

# Dates beyond these are mistakes; the ends of Python's calendar would cut a week short.
_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2999, 12, 31)


class _WritableBooking(CamelSchema):
    user_handle = fields.Identifier(allow_none=True, blank=False)
    job_id = fields.Identifier(allow_none=True, blank=False)
    status = fields.Choice(BookingStatus, metadata={"description": "Defaults to placed."})
    start_date = fields.Day(least=_FIRST_DAY, most=_LAST_DAY, allow_none=True)
    end_date = fields.Day(least=_FIRST_DAY, most=_LAST_DAY, allow_none=True)
    member_rate = fields.Amount(
        allow_none=True, metadata={"description": "Amount paid to the member for a week of five days."}
    )
    customer_rate = fields.Amount(allow_none=True)
    billing_account_id = fields.Integer(least=1, allow_none=True)

    @ma.validates_schema
    def _validate(self, values: dict[str, Any], **_: Any) -> None:
        require_order(values)


class ResourceBookingCreate(_WritableBooking):
    """A new booking. If both dates are given, it gets one work period per week."""

    project_id = fields.Integer(least=1, required=True)
    user_id = fields.Identifier(blank=False, numbers=True, required=True)
    rate_type = fields.Choice(RateType, required=True)


class ResourceBookingUpdate(_WritableBooking):
    """The fields of a booking to update; `null` clears an optional field."""

    project_id = fields.Integer(least=1)
    user_id = fields.Identifier(blank=False, numbers=True)
    rate_type = fields.Choice(RateType)

    @ma.validates_schema
    def _validate_some(self, values: dict[str, Any], **_: Any) -> None:
        require_some_field(values)


class ResourceBooking(ReadSchema):
    """A booking of a person for a project."""

    etag = ETag.VERSIONED

    id = fields.Uuid()
    project_id = fields.Integer(least=1)
    user_id = fields.Text()
    user_handle = fields.Text(allow_none=True)
    job_id = fields.Text(allow_none=True)
    status = fields.Choice(BookingStatus)
    start_date = fields.Day(allow_none=True)
    end_date = fields.Day(allow_none=True)
    member_rate = fields.Amount(
        allow_none=True, metadata={"description": "Amount paid to the member for a week of five days."}
    )
    customer_rate = fields.Amount(allow_none=True)
    rate_type = fields.Choice(RateType)
    billing_account_id = fields.Integer(least=1, allow_none=True)
    created_by = fields.Text()
    updated_by = fields.Text(allow_none=True)
    created_at = fields.Moment()
    updated_at = fields.Moment()


class ResourceBookingQuery(PageArguments):
    """Filters of the list of bookings."""

    project_id = project_ids()
    project_ids = project_ids()
    user_id = fields.Identifier()
    job_id = fields.Identifier()
    status = fields.Several(fields.Choice(BookingStatus))
    rate_type = fields.Several(fields.Choice(RateType))
    sort_by, sort_order = sorting("start_date", "end_date", "created_at", "project_id", "status")
