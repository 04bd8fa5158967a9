"""Request and response schemas of work periods and payments."""

from decimal import Decimal
from typing import Any

import marshmallow as ma

from app.web import fields
from app.web.schemas import CamelSchema, ETag, PageArguments, ReadSchema, require_order, require_some_field, sorting
from app.web.versions import IfMatch
from app.work_periods.models import MAX_DAYS, PaymentStatus, PeriodStatus

_PERIOD = "7f1c9c1e-3c7b-7b31-9d5e-0d9b6c1c2f10"
_PAYMENT = "0b6ff4a2-57a5-4f0a-9a3e-9d6a0e7d2b11"
PAYMENT_EXAMPLE = {"workPeriodId": _PERIOD, "days": 3}
PAYMENT_UPDATE_EXAMPLE = {"status": "cancelled"}
PAYMENTS_EXAMPLE: list[dict[str, Any]] = [PAYMENT_EXAMPLE, {"workPeriodId": _PERIOD, "days": 0, "amount": 120.5}]
PAYMENT_UPDATES_EXAMPLE: list[dict[str, Any]] = [{"id": _PAYMENT, "days": 2}, {"id": _PAYMENT, "status": "cancelled"}]

_LEAST_RATE, _LEAST_AMOUNT = Decimal("0.0001"), Decimal("0.01")


def _days(**options: Any) -> fields.Integer:
    return fields.Integer(least=0, most=MAX_DAYS, **options)


def project_ids(**options: Any) -> fields.Several:
    """Ids of projects, of which one is to match."""
    return fields.Several(fields.Integer(least=1), **options)


def _account_ids(**options: Any) -> fields.Several:
    return fields.Several(fields.Integer(least=1), **options)


class WorkPeriodPayment(ReadSchema):
    """A payment for days of a work period, or an extra payment for none."""

    etag = ETag.VERSIONED

    id = fields.Uuid()
    work_period_id = fields.Uuid()
    resource_booking_id = fields.Uuid()
    project_id = fields.Integer(
        least=1, metadata={"description": "Project of the booking when the payment was created."}
    )
    user_id = fields.Text(
        metadata={"description": "User who is paid: the user of the booking when the payment was created."}
    )
    user_handle = fields.Text(
        allow_none=True, metadata={"description": "Handle of the user when the payment was created."}
    )
    challenge_id = fields.Text(allow_none=True)
    member_rate = fields.Amount(
        allow_none=True,
        metadata={
            "description": "Amount paid for a week of five days. Null for extra payments of bookings without a rate.",
            "example": 1500,
        },
    )
    customer_rate = fields.Amount(allow_none=True)
    days = _days(metadata={"description": "Days paid; 0 for an extra payment."})
    amount = fields.Cents(
        metadata={
            "description": "Amount paid: `memberRate` / 5 * `days`, unless it was set explicitly.",
            "example": 900,
        }
    )
    status = fields.Choice(PaymentStatus)
    status_details = fields.JsonObject(
        allow_none=True, metadata={"description": "Details of the current attempt, as reported by processing."}
    )
    external_reference = fields.Text(
        allow_none=True,
        metadata={"description": "Reference of the payout in the system that made it.", "example": "PP-7731"},
    )
    billing_account_id = fields.Integer(least=1)
    created_by = fields.Text()
    updated_by = fields.Text(allow_none=True)
    completed_at = fields.Moment(
        allow_none=True, metadata={"description": "When the payment was paid out. Kept if it is cancelled later."}
    )
    cancelled_at = fields.Moment(allow_none=True, metadata={"description": "When the payment was cancelled."})
    created_at = fields.Moment()
    updated_at = fields.Moment()


class WorkPeriod(ReadSchema):
    """One week of a booking, Sunday to Saturday."""

    id = fields.Uuid()
    resource_booking_id = fields.Uuid()
    user_handle = fields.Text(allow_none=True)
    project_id = fields.Integer(least=1)
    start_date = fields.Day(metadata={"description": "First day of the week, a Sunday."})
    end_date = fields.Day(metadata={"description": "Last day of the week, a Saturday."})
    days_worked = _days()
    days_paid = _days(metadata={"description": "Total days of active payments."})
    payment_total = fields.Amount(metadata={"description": "Total amount of active payments."})
    payment_status = fields.Choice(PeriodStatus)
    created_at = fields.Moment()
    updated_at = fields.Moment()


class WorkPeriodDetail(WorkPeriod):
    """A work period with its payments, oldest first."""

    etag = ETag.VERSIONED

    payments = ma.fields.Nested(WorkPeriodPayment, many=True)


class WorkPeriodUpdate(CamelSchema):
    """The days worked in a work period."""

    days_worked = _days(required=True)


class WorkPeriodQuery(PageArguments):
    """Filters of the list of work periods."""

    resource_booking_id = fields.Several(fields.Uuid())
    resource_booking_ids = fields.Several(fields.Uuid())
    project_id = project_ids()
    project_ids = project_ids()
    user_handle = fields.Identifier(metadata={"description": "Handle of the user, case-insensitive."})
    payment_status = fields.Several(fields.Choice(PeriodStatus))
    start_date = fields.Day()
    end_date = fields.Day()
    sort_by, sort_order = sorting("start_date", "end_date", "created_at", "user_handle", "payment_status")


class WorkPeriodPaymentCreate(CamelSchema):
    """A payment to create: for all due days, for some of them, or, with `days` 0, for an extra amount."""

    work_period_id = fields.Uuid(required=True)
    days = _days(metadata={"description": "Days to pay; 0 for an extra payment. Defaults to all due days."})
    amount = fields.Cents(
        least=_LEAST_AMOUNT,
        metadata={"description": "Amount of an extra payment: required with `days` 0, refused otherwise."},
    )

    @ma.pre_load
    def _refuse_arrays(self, values: Any, **_: Any) -> Any:
        if isinstance(values, list):
            raise ma.ValidationError("Must be one object; send arrays to /v6/work-period-payments/bulk.")
        return values


class WorkPeriodPaymentUpdate(CamelSchema):
    """The fields of a payment to update. The current status determines which may change."""

    member_rate = fields.Amount(least=_LEAST_RATE)
    customer_rate = fields.Amount(allow_none=True)
    billing_account_id = fields.Integer(least=1)
    amount = fields.Cents(
        least=_LEAST_AMOUNT,
        metadata={"description": "Recalculated if `memberRate` or `days` change, unless it is sent."},
    )
    days = _days()
    status = fields.Choice(PaymentStatus)
    status_details = fields.JsonObject(
        allow_none=True,
        metadata={
            "description": (
                "Details of the attempt. Accepted from processing, and from administrators with status `failed`."
            )
        },
    )
    external_reference = fields.Identifier(
        allow_none=True,
        blank=False,
        metadata={
            "description": (
                "Reference of the payout in the system that made it. Accepted from processing and administrators."
            ),
            "example": "PP-7731",
        },
    )

    @ma.validates_schema
    def _validate_some(self, values: dict[str, Any], **_: Any) -> None:
        require_some_field({name: value for name, value in values.items() if name not in {"id", "if_match"}})


class WorkPeriodPaymentUpdateItem(WorkPeriodPaymentUpdate):
    """The id of a payment, and the fields to update."""

    id = fields.Uuid(required=True)
    if_match = IfMatch()


class WorkPeriodPaymentQuery(PageArguments):
    """Filters of the list of payments."""

    status = fields.Several(fields.Choice(PaymentStatus))
    work_period_id = fields.Several(fields.Uuid())
    work_period_ids = fields.Several(fields.Uuid())
    resource_booking_id = fields.Several(fields.Uuid())
    resource_booking_ids = fields.Several(fields.Uuid())
    project_id = project_ids()
    project_ids = project_ids()
    billing_account_id = _account_ids()
    billing_account_ids = _account_ids()
    user_id = fields.Identifier()
    user_handle = fields.Identifier(metadata={"description": "Handle of the user, case-insensitive."})
    created_at_from = fields.Moment(dates=True)
    created_at_to = fields.Moment(whole_day=True)
    completed_at_from = fields.Moment(dates=True)
    completed_at_to = fields.Moment(whole_day=True)
    sort_by, sort_order = sorting("status", "amount", "created_at", "updated_at", "completed_at")

    @ma.validates_schema
    def _validate_order(self, values: dict[str, Any], **_: Any) -> None:
        require_order(values, "created_at_from", "created_at_to")
        require_order(values, "completed_at_from", "completed_at_to")
