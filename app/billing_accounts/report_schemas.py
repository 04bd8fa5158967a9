"""Request and response schemas of the reports over all billing accounts."""

from decimal import Decimal

import marshmallow as ma

from app.web import fields
from app.web.schemas import ETag, PageArguments, ReadSchema

DEFAULT_SHARE = Decimal("0.2")


class BudgetReportQuery(PageArguments):
    """Which budgets run out."""

    max_share = fields.Amount(
        most=Decimal(1),
        load_default=DEFAULT_SHARE,
        metadata={"description": "The most that may remain, as a fraction of the budget."},
    )


class RunningBudget(ReadSchema):
    """A billing account of whose budget little remains."""

    etag = ETag.NEVER

    id = fields.Id()
    name = fields.Text()
    client_id = fields.Text(metadata={"description": "Identifier of the client."})
    client_name = fields.Text(metadata={"description": "Name of the client."})
    budget = fields.Amount()
    total_budget_remaining = ma.fields.Decimal(metadata={"description": "What is neither locked nor consumed."})
    share = ma.fields.Decimal(metadata={"description": "`totalBudgetRemaining` as a fraction of `budget`."})
    consumed_per_day = fields.Amount(
        metadata={"description": "What was consumed on average on each of the last 30 days."}
    )
    days_left = fields.Integer(
        allow_none=True,
        metadata={"description": "Whole days that the rest lasts at that rate; `null` if nothing was consumed."},
    )
