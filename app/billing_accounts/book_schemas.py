"""Request and response schemas of the books of budgets."""

import marshmallow as ma

from app.billing_accounts.models import ExternalType, MovementKind
from app.web import fields
from app.web.schemas import CamelQuery, ETag, PageArguments, ReadSchema, sorting


class Movement(ReadSchema):
    """One change of a budget. Movements are never changed or deleted."""

    position = fields.Integer(
        least=1,
        allow_none=True,
        metadata={
            "description": "Dense in an account, from 1, the opening. Null for an expiry that no write has posted yet."
        },
    )
    at = fields.Moment(metadata={"description": "When it happened; never decreases with the position."})
    kind = fields.Choice(MovementKind)
    entry_id = ma.fields.UUID(allow_none=True, metadata={"description": "The budget line that changed."})
    external_type = fields.Choice(ExternalType, allow_none=True)
    external_id = fields.Text(allow_none=True)
    external_name = fields.Text(allow_none=True)
    budget_delta = ma.fields.Decimal()
    locked_delta = ma.fields.Decimal()
    consumed_delta = ma.fields.Decimal()
    budget_after = fields.Amount()
    locked_after = fields.Amount()
    consumed_after = fields.Amount()
    actor = fields.Text(
        allow_none=True,
        metadata={"description": "The caller, or the command, that caused it; `null` when it was erased."},
    )
    reason = fields.Text(
        longest=500,
        allow_none=True,
        metadata={"description": "Why, from the body of the request or else from `X-Change-Reason`."},
    )
    request_id = fields.Text(allow_none=True, metadata={"description": "The `X-Request-ID` of the response."})


class MovementQuery(PageArguments):
    """Filters of the list of movements."""

    kind = fields.Choice(MovementKind)
    external_type = fields.Choice(ExternalType)
    external_id = fields.Identifier()
    at_from = fields.Moment(dates=True)
    at_to = fields.Moment(whole_day=True)
    actor = fields.Identifier()
    sort_by, sort_order = sorting("position", "at")


class BalanceQuery(CamelQuery):
    """The instant of a balance."""

    as_of = fields.Moment(
        whole_day=True,
        metadata={"description": "The instant, which is included. Defaults to now."},
    )


class _Amounts(ReadSchema):
    """The totals of a budget."""

    budget = fields.Amount()
    locked_budget = fields.Amount()
    consumed_budget = fields.Amount()
    total_budget_remaining = ma.fields.Decimal(
        metadata={"description": "`budget` minus `lockedBudget` and `consumedBudget`."}
    )


class Balance(_Amounts):
    """What a budget was at an instant."""

    as_of = fields.Moment()
    position = fields.Integer(
        least=1,
        allow_none=True,
        metadata={
            "description": "The last movement up to that instant. Null if it is an expiry that no write has posted yet."
        },
    )


class StatementBalance(_Amounts):
    """What a budget was at one end of a period."""


class KindSum(ReadSchema):
    """The movements of a kind, counted and added up."""

    kind = fields.Choice(MovementKind)
    count = fields.Integer(least=1)
    budget_delta = ma.fields.Decimal()
    locked_delta = ma.fields.Decimal()
    consumed_delta = ma.fields.Decimal()


class ExternalTypeSum(ReadSchema):
    """The movements for references of a type, counted and added up; of the budget itself where the type is `null`."""

    external_type = fields.Choice(ExternalType, allow_none=True)
    count = fields.Integer(least=1)
    budget_delta = ma.fields.Decimal()
    locked_delta = ma.fields.Decimal()
    consumed_delta = ma.fields.Decimal()


class StatementRow(Movement):
    """A row of a statement as CSV: a movement, or what the budget was at one end of the period."""

    kind = fields.Choice(("opening", "closing", *MovementKind))


class Statement(ReadSchema):
    """A statement of a budget: `opening` plus `movements` is `closing`."""

    etag = ETag.NEVER

    since = fields.Moment(data_key="from")
    until = fields.Moment(data_key="to")
    opening = ma.fields.Nested(StatementBalance)
    movements = ma.fields.Nested(Movement, many=True)
    closing = ma.fields.Nested(StatementBalance)
    by_kind = ma.fields.Nested(KindSum, many=True)
    by_external_type = ma.fields.Nested(ExternalTypeSum, many=True)
