"""Request and response schemas of the vendor's reports."""

from typing import Any

import marshmallow as ma

from app.desk.reports import AGES
from app.purchases.models import PaymentMethod
from app.web import fields
from app.web.fields import QueryArguments
from app.web.negotiation import OF_REPORTS
from app.web.schemas import ETag, Schema, SnakeReadSchema

# A year, with its leap day.
MAX_DAYS = 366


class _ReportQuery(Schema, QueryArguments):
    format = fields.Choice(
        tuple(OF_REPORTS), metadata={"description": "The type of the response; takes precedence over `Accept`."}
    )


class CreditsReportQuery(_ReportQuery):
    """The month of a report."""

    month = fields.Month(required=True, metadata={"description": "The month, in UTC."})


class UsageReportQuery(_ReportQuery):
    """The days of a report."""

    first = fields.Day(data_key="from", required=True, metadata={"description": "The first day, in UTC."})
    last = fields.Day(data_key="to", required=True, metadata={"description": "The last day, which is included."})

    @ma.validates_schema
    def _validate(self, values: dict[str, Any], **_: Any) -> None:
        if values["first"] > values["last"]:
            raise ma.ValidationError("from must not be after to.", "from")
        if (values["last"] - values["first"]).days >= MAX_DAYS:
            raise ma.ValidationError(f"Must not be more than {MAX_DAYS} days after from.", "to")


class ReceivablesQuery(_ReportQuery):
    """The type that the report is returned as."""


def _credits(description: str, *, signed: bool = False) -> fields.Integer:
    least = -fields.MAX_CREDITS if signed else 0
    return fields.Integer(least=least, most=fields.MAX_CREDITS, metadata={"description": description})


class CreditsReport(SnakeReadSchema):
    """The credits of all accounts over a month: `opening`, plus what was added, less what was taken, is `closing`."""

    etag = ETag.NEVER

    month = fields.Text(longest=7, metadata={"description": "The month, in UTC.", "example": "2025-10"})
    opening = _credits("Credits of all accounts when the month began.")
    granted = _credits("Credits of plans and grants.")
    purchased = _credits("Credits that were bought.")
    adjusted = _credits("Adjustments by staff; negative if more was deducted.", signed=True)
    returned = _credits("Credits of charges that were taken back.")
    spent = _credits("Credits that were spent.")
    refunded = _credits("Credits taken for refunds, less those of refunds that failed.", signed=True)
    charged_back = _credits("Credits taken for disputes that were lost, less those given again.", signed=True)
    debt_paid = _credits("Credits that paid debts.")
    expired = _credits("Credits that expired.")
    voided = _credits("Credits that were voided.")
    closing = _credits("Credits of all accounts when the month ended, or now.")
    revenue = fields.Dollars(
        metadata={
            "description": (
                "Revenue in US dollars: of each purchase its price by the part of its credits that was spent or "
                "expired. Negative if more was taken back."
            ),
            "pattern": r"^-?\d+\.\d{2}$",
            "example": "29.00",
        }
    )


class UsageSums(Schema):
    """What was spent, and what was taken back."""

    credits_used = _credits("Credits that were spent.")
    credits_returned = _credits("Credits that were spent, then or before, and were taken back.")
    count = fields.Integer(metadata={"description": "How many operations credits were spent on."})


class DayUsage(SnakeReadSchema, UsageSums):
    """What all accounts spent on one day."""

    date = fields.Day(metadata={"description": "The day, in UTC."})


class OperationUsage(SnakeReadSchema, UsageSums):
    """What all accounts spent on one kind of operation."""

    operation_type = fields.Text(metadata={"description": "The operation.", "example": "search"})


class UsageReport(SnakeReadSchema, UsageSums):
    """What all accounts spent in a range of days."""

    etag = ETag.NEVER

    first = fields.Day(data_key="from", metadata={"description": "The first day, in UTC."})
    last = fields.Day(data_key="to", metadata={"description": "The last day, in UTC."})
    by_day = ma.fields.Nested(DayUsage, many=True, metadata={"description": "Their sums by day, every day in order."})
    by_operation_type = ma.fields.Nested(
        OperationUsage, many=True, metadata={"description": "Their sums by operation, the one with most credits first."}
    )


class UsageRow(DayUsage, OperationUsage):
    """A row of the CSV: what all accounts spent on one kind of operation on one day."""

    class Meta:
        """The columns in order."""

        fields = ("date", "operation_type", "credits_used", "credits_returned", "count")


class OpenInvoice(SnakeReadSchema):
    """An invoice that is not paid."""

    id = fields.Id()
    invoice_number = fields.Text(metadata={"example": "INV-2025-001"})
    account_id = fields.Id(metadata={"description": "Identifier of the customer account."})
    account_name = fields.Text(metadata={"description": "Name of the account at the time of issue."})
    billing_email = fields.Text()
    payment_id = fields.Id(allow_none=True, metadata={"description": "The payment that would settle it."})
    payment_method = fields.Choice(PaymentMethod, allow_none=True)
    total_amount = fields.Dollars()
    currency = fields.Text(longest=3, metadata={"example": "USD"})
    created_at = fields.Moment()
    due_date = fields.Day(metadata={"description": "Day by which it is to be paid."})
    days_overdue = fields.Integer(metadata={"description": "Days (UTC) since its due date; 0 until it has passed."})
    age = fields.Choice(tuple(AGES), metadata={"description": "The same as a range of days."})


class ReceivablesRow(OpenInvoice):
    """A row of the CSV: an invoice, or with `kind` `total` the sum of those of one currency and age."""

    kind = fields.Choice(("invoice", "total"), metadata={"description": "What the row is about."})
    count = fields.Integer(metadata={"description": "Of a total: number of invoices."})

    class Meta:
        """The columns in order."""

        fields = ("kind", *OpenInvoice().fields, "count")


class AgeSum(SnakeReadSchema):
    """The invoices of one age."""

    age = fields.Choice(tuple(AGES), metadata={"description": "Days since the due date."})
    count = fields.Integer(metadata={"description": "Number of invoices."})
    total_amount = fields.Dollars()


class CurrencySum(SnakeReadSchema):
    """The invoices of one currency."""

    currency = fields.Text(longest=3, metadata={"example": "USD"})
    count = fields.Integer(metadata={"description": "Number of invoices."})
    total_amount = fields.Dollars()
    by_age = ma.fields.Nested(AgeSum, many=True, metadata={"description": "Their sums by age."})


class Receivables(SnakeReadSchema):
    """The invoices that are not paid."""

    etag = ETag.NEVER

    as_of = fields.Moment(metadata={"description": "The instant of the report."})
    count = fields.Integer(metadata={"description": "Number of invoices."})
    totals = ma.fields.Nested(CurrencySum, many=True, metadata={"description": "Their sums by currency and age."})
    invoices = ma.fields.Nested(
        OpenInvoice, many=True, metadata={"description": "All of them, the oldest due date first."}
    )
