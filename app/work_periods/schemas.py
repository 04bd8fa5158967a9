"""The shapes of bookings, work periods and payments in requests and answers."""

from datetime import date
from decimal import Decimal
from typing import Any

import marshmallow as ma

from app.web import fields
from app.web.schemas import CamelSchema, PageArguments, ReadSchema, require_order, require_some_field, sorting
from app.work_periods.models import MAX_DAYS, BookingStatus, PaymentStatus, PeriodStatus, RateType

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
_PERIOD = "7f1c9c1e-3c7b-7b31-9d5e-0d9b6c1c2f10"
_PAYMENT = "0b6ff4a2-57a5-4f0a-9a3e-9d6a0e7d2b11"
PAYMENT_EXAMPLE = {"workPeriodId": _PERIOD, "days": 3}
PAYMENT_UPDATE_EXAMPLE = {"status": "cancelled"}
PAYMENTS_EXAMPLE: list[dict[str, Any]] = [PAYMENT_EXAMPLE, {"workPeriodId": _PERIOD, "days": 0, "amount": 120.5}]
PAYMENT_UPDATES_EXAMPLE: list[dict[str, Any]] = [{"id": _PAYMENT, "days": 2}, {"id": _PAYMENT, "status": "cancelled"}]
QUERY_EXAMPLE = {"query": {"status": "placed", "workPeriods.startDate": "2025-03-02"}}

_LEAST = Decimal("0.0001")
MAX_PROJECTS = 1000
# Beyond them a date is a mistake; the calendar's own ends would cut a week short.
_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2999, 12, 31)


def _days(**options: Any) -> fields.Integer:
    return fields.Integer(least=0, most=MAX_DAYS, **options)


class _WritableBooking(CamelSchema):
    user_handle = fields.Identifier(allow_none=True, blank=False)
    job_id = fields.Identifier(allow_none=True, blank=False)
    status = fields.Choice(BookingStatus, metadata={"description": "Defaults to placed."})
    start_date = fields.Day(least=_FIRST_DAY, most=_LAST_DAY, allow_none=True)
    end_date = fields.Day(least=_FIRST_DAY, most=_LAST_DAY, allow_none=True)
    member_rate = fields.Amount(allow_none=True, metadata={"description": "For a week of five days."})
    customer_rate = fields.Amount(allow_none=True)
    billing_account_id = fields.Integer(least=1, allow_none=True)

    @ma.validates_schema
    def _validate(self, values: dict[str, Any], **_: Any) -> None:
        require_order(values)


class ResourceBookingCreate(_WritableBooking):
    """A new booking. With both dates it gets a work period for each week."""

    project_id = fields.Integer(least=1, required=True)
    user_id = fields.Identifier(blank=False, required=True)
    rate_type = fields.Choice(RateType, required=True)


class ResourceBookingUpdate(_WritableBooking):
    """The fields of a booking to change; `null` clears an optional one."""

    project_id = fields.Integer(least=1)
    user_id = fields.Identifier(blank=False)
    rate_type = fields.Choice(RateType)

    @ma.validates_schema
    def _validate_some(self, values: dict[str, Any], **_: Any) -> None:
        require_some_field(values)


class ResourceBooking(ReadSchema):
    """A person booked for a project."""

    id = fields.Uuid()
    project_id = fields.Integer(least=1)
    user_id = fields.Text()
    user_handle = fields.Text(allow_none=True)
    job_id = fields.Text(allow_none=True)
    status = fields.Choice(BookingStatus)
    start_date = fields.Day(allow_none=True)
    end_date = fields.Day(allow_none=True)
    member_rate = fields.Amount(allow_none=True, metadata={"description": "For a week of five days."})
    customer_rate = fields.Amount(allow_none=True)
    rate_type = fields.Choice(RateType)
    billing_account_id = fields.Integer(least=1, allow_none=True)
    created_by = fields.Text()
    updated_by = fields.Text(allow_none=True)
    created_at = fields.Moment()
    updated_at = fields.Moment()


class ResourceBookingQuery(PageArguments):
    """Which bookings to list; newest first unless sorted."""

    project_id = fields.Integer(least=1)
    project_ids = fields.Several(fields.Integer(least=1))
    user_id = fields.Identifier()
    job_id = fields.Identifier()
    status = fields.Choice(BookingStatus)
    rate_type = fields.Choice(RateType)
    sort_by, sort_order = sorting("start_date", "end_date", "created_at", "project_id", "status")


class WorkPeriodPayment(ReadSchema):
    """A payment for days of a work period, or an extra one for none."""

    id = fields.Uuid()
    work_period_id = fields.Uuid()
    challenge_id = fields.Text(allow_none=True)
    member_rate = fields.Amount(metadata={"example": 1500})
    customer_rate = fields.Amount(allow_none=True)
    days = _days(metadata={"description": "Days that are paid; 0 for an extra payment."})
    amount = fields.Amount(
        metadata={"description": "The rate for these days, unless agreed otherwise.", "example": 900}
    )
    status = fields.Choice(PaymentStatus)
    status_details = fields.JsonObject(allow_none=True, metadata={"description": "How processing went."})
    billing_account_id = fields.Integer(least=1)
    created_by = fields.Text()
    updated_by = fields.Text(allow_none=True)
    created_at = fields.Moment()
    updated_at = fields.Moment()


class WorkPeriod(ReadSchema):
    """A week, Sunday to Saturday, of a booking."""

    id = fields.Uuid()
    resource_booking_id = fields.Uuid()
    user_handle = fields.Text(allow_none=True)
    project_id = fields.Integer(least=1)
    start_date = fields.Day(metadata={"description": "A Sunday."})
    end_date = fields.Day(metadata={"description": "A Saturday."})
    days_worked = _days()
    days_paid = _days(metadata={"description": "Days of active payments."})
    payment_total = fields.Amount(metadata={"description": "Amounts of active payments."})
    payment_status = fields.Choice(PeriodStatus)
    created_at = fields.Moment()
    updated_at = fields.Moment()


class WorkPeriodDetail(WorkPeriod):
    """A work period with its payments, oldest first."""

    payments = ma.fields.Nested(WorkPeriodPayment, many=True)


class WorkPeriodUpdate(CamelSchema):
    """The days worked."""

    days_worked = _days(required=True)


class WorkPeriodQuery(PageArguments):
    """Which work periods to list; latest week first unless sorted."""

    resource_booking_id = fields.Uuid()
    resource_booking_ids = fields.Several(fields.Uuid())
    project_id = fields.Integer(least=1)
    project_ids = fields.Several(fields.Integer(least=1))
    user_handle = fields.Identifier()
    payment_status = fields.Choice(PeriodStatus)
    start_date = fields.Day()
    end_date = fields.Day()
    sort_by, sort_order = sorting("start_date", "end_date", "created_at", "user_handle", "payment_status")


class WorkPeriodPaymentCreate(CamelSchema):
    """A payment to make: for all due days, for some of them, or an extra amount with `days` 0."""

    work_period_id = fields.Uuid(required=True)
    days = _days(metadata={"description": "Defaults to all due days."})
    amount = fields.Amount(least=_LEAST, metadata={"description": "Goes with days 0 only."})

    @ma.pre_load
    def _refuse_arrays(self, values: Any, **_: Any) -> Any:
        if isinstance(values, list):
            raise ma.ValidationError("Send one object here; an array goes to /v6/work-period-payments/bulk.")
        return values


class WorkPeriodPaymentUpdate(CamelSchema):
    """The fields of a payment to change."""

    member_rate = fields.Amount(least=_LEAST)
    customer_rate = fields.Amount(allow_none=True)
    billing_account_id = fields.Integer(least=1)
    amount = fields.Amount(
        least=_LEAST, metadata={"description": "Follows from memberRate and days where they change, unless given."}
    )
    days = _days()
    status = fields.Choice(PaymentStatus)
    status_details = fields.JsonObject(allow_none=True, metadata={"description": "How processing went; for machines."})

    @ma.validates_schema
    def _validate_some(self, values: dict[str, Any], **_: Any) -> None:
        require_some_field({name: value for name, value in values.items() if name != "id"})


class WorkPeriodPaymentUpdateItem(WorkPeriodPaymentUpdate):
    """The payment to change, and the fields to change."""

    id = fields.Uuid(required=True)


class WorkPeriodPaymentQuery(PageArguments):
    """Which payments to list; newest first unless sorted."""

    status = fields.Choice(PaymentStatus)
    work_period_id = fields.Uuid()
    work_period_ids = fields.Several(fields.Uuid())
    billing_account_id = fields.Integer(least=1)
    sort_by, sort_order = sorting("status", "amount", "created_at", "updated_at")


class PeriodsToPay(CamelSchema):
    """Which work periods to pay: those that match every field."""

    status = fields.Choice(BookingStatus)
    start_date = fields.Day()
    end_date = fields.Day()
    rate_type = fields.Choice(RateType)
    job_id = fields.Identifier()
    user_id = fields.Identifier()
    project_id = fields.Integer(least=1)
    project_ids = fields.Items(fields.Integer(least=1), most=MAX_PROJECTS)
    payment_status = fields.Choice(PeriodStatus, data_key="workPeriods.paymentStatus")
    period_start_date = fields.Day(data_key="workPeriods.startDate")
    period_end_date = fields.Day(data_key="workPeriods.endDate")
    user_handle = fields.Identifier(data_key="workPeriods.userHandle")


class PayMatching(CamelSchema):
    """Which work periods to pay."""

    query = ma.fields.Nested(PeriodsToPay, required=True)


class PaidPeriods(ReadSchema):
    """How many periods with due days matched, and how many of them were paid."""

    total = ma.fields.Integer()
    query = ma.fields.Dict(metadata={"description": "What was asked for."})
    total_success = ma.fields.Integer()
    total_error = ma.fields.Integer()
