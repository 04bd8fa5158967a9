"""Request and response schemas of payment runs: the work periods to pay, and the outcome."""

from typing import Any

import marshmallow as ma

from app.web import bulk, fields
from app.web.schemas import CamelSchema, ReadSchema
from app.work_periods.models import BookingStatus, PeriodStatus, RateType
from app.work_periods.payment_runs import ERRORS_SHOWN, PaymentRun

QUERY_EXAMPLE = {"query": {"status": "placed", "workPeriods.endDateTo": "2025-03-08"}, "dryRun": True}


class PeriodsToPay(CamelSchema):
    """Conditions that select work periods; all must match. At least one is required."""

    status = fields.Several(fields.Choice(BookingStatus))
    start_date = fields.Day()
    end_date = fields.Day()
    rate_type = fields.Several(fields.Choice(RateType))
    job_id = fields.Identifier(blank=False)
    user_id = fields.Identifier(blank=False, numbers=True)
    project_id = fields.Integer(least=1)
    project_ids = fields.Several(fields.Integer(least=1))
    billing_account_id = fields.Integer(least=1)
    billing_account_ids = fields.Several(fields.Integer(least=1))
    payment_status = fields.Several(fields.Choice(PeriodStatus), data_key="workPeriods.paymentStatus")
    period_start_date = fields.Day(data_key="workPeriods.startDate")
    period_end_date = fields.Day(data_key="workPeriods.endDate")
    period_end_date_to = fields.Day(
        data_key="workPeriods.endDateTo", metadata={"description": "Latest last day of the work periods, inclusive."}
    )
    user_handle = fields.Identifier(blank=False, data_key="workPeriods.userHandle")

    @ma.validates_schema
    def _validate_some(self, values: dict[str, Any], **_: Any) -> None:
        if not values:
            raise ma.ValidationError("At least one condition is required.")


class PayMatching(CamelSchema):
    """The work periods to pay."""

    query = ma.fields.Nested(PeriodsToPay, required=True)
    dry_run = fields.Boolean(
        load_default=False, metadata={"description": "Only return what would be paid; nothing is changed."}
    )


class UnpaidPeriod(ReadSchema):
    """A work period that matched but could not be paid."""

    work_period_id = fields.Uuid()
    user_handle = fields.Text(allow_none=True)
    error = ma.fields.Nested(bulk.ItemError)


class PaidFromAccount(ReadSchema):
    """What a payment run charged to one billing account."""

    billing_account_id = fields.Integer(least=1)
    amount = fields.Amount(
        metadata={"description": "Amount charged to the account; 0 if nothing could be paid from it."}
    )
    available = fields.Amount(metadata={"description": "Remaining budget before the call, at least 0."})


class PaidPeriods(ReadSchema):
    """The outcome of a payment run: work periods matched and paid, and amounts by billing account."""

    total = ma.fields.Integer(metadata={"description": "Number of work periods with due days that matched."})
    query = ma.fields.Dict(metadata={"description": "The conditions of the request."})
    total_success = ma.fields.Integer(metadata={"description": "Number of work periods that were paid."})
    total_error = ma.fields.Integer(metadata={"description": "Number of work periods that could not be paid."})
    amount_total = fields.Amount(metadata={"description": "Total amount of the payments created."})
    by_billing_account = ma.fields.List(
        ma.fields.Nested(PaidFromAccount),
        metadata={"description": "One entry per billing account of a matching booking."},
    )
    errors = ma.fields.List(
        ma.fields.Nested(UnpaidPeriod),
        metadata={"description": f"Why work periods could not be paid; at most the first {ERRORS_SHOWN:,}."},
    )


def paid_periods(run: PaymentRun, query: Any) -> dict[str, Any]:
    """The response of a payment run with this `query`."""
    return {
        "total": run.total,
        "query": query,
        "total_success": run.total_success,
        "total_error": run.total_error,
        "amount_total": run.amount_total,
        "by_billing_account": run.by_billing_account,
        "errors": [{**failed, "error": bulk.described(failed["error"])} for failed in run.errors],
    }
