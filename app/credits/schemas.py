"""Request and response schemas of credits."""

from functools import partial
from typing import Any

import marshmallow as ma

from app.credits.models import TransactionType
from app.web import fields
from app.web.schemas import Schema, SnakePageArguments, SnakeReadSchema, require_order

_ACCOUNT = 17
USAGE_EXAMPLE = {"operation_type": "keyword_research", "credits_used": 3, "description": "12 keywords"}
USAGE_BULK_EXAMPLE: list[dict[str, Any]] = [
    {"operation_type": "keyword_research", "credits_used": 3, "account_id": _ACCOUNT, "key": "job-17-1"},
    {"operation_type": "image_generation", "credits_used": 5, "account_id": _ACCOUNT, "key": "job-17-2"},
]
GRANT_EXAMPLE = {"account_id": _ACCOUNT, "amount": 50, "transaction_type": "grant", "description": "Goodwill"}

_credits = partial(fields.Integer, most=fields.MAX_CREDITS)


class CreditBalance(SnakeReadSchema):
    """The credit balance of an account."""

    credits = _credits(metadata={"description": "Credit balance."})
    plan_credits_per_month = _credits(metadata={"description": "Credits that the plan grants each month."})
    credits_used_this_month = _credits(metadata={"description": "Credits spent since the first of the month, UTC."})
    credits_remaining = _credits(metadata={"description": "Credits that can still be spent; equals `credits`."})


class CreditTransaction(SnakeReadSchema):
    """One change of the credit balance."""

    id = fields.Id()
    amount = _credits(
        least=-fields.MAX_CREDITS, metadata={"description": "Credits added to the balance; negative if deducted."}
    )
    transaction_type = fields.Choice(TransactionType)
    description = fields.Text(longest=1000)
    created_at = fields.Moment()
    balance_after = _credits(metadata={"description": "Balance after this transaction."})


class CreditUsage(SnakeReadSchema):
    """Credits spent on one operation."""

    id = fields.Id()
    operation_type = fields.Text()
    credits_used = _credits(least=1)
    cost_usd = fields.Dollars(
        metadata={
            "description": "Value of the credits on the plan of the account, in US dollars; rounded from 6 decimals."
        }
    )
    description = fields.Text(longest=1000)
    created_at = fields.Moment()


class SpentCredits(CreditUsage):
    """Credits spent on one operation, and the balance after."""

    balance_after = _credits()


class _Period(SnakePageArguments):
    start_date = fields.Moment(dates=True, metadata={"description": "Start of the range, inclusive."})
    end_date = fields.Moment(whole_day=True, metadata={"description": "End of the range, inclusive."})

    @ma.validates_schema
    def _validate(self, values: dict[str, Any], **_: Any) -> None:
        require_order(values, named=str)


class TransactionQuery(_Period):
    """Filters of the list of transactions."""

    transaction_type = fields.Choice(TransactionType)


class UsageQuery(_Period):
    """Filters of the list of usage."""

    operation_type = fields.Identifier()


class UsageCreate(Schema):
    """Credits to spend on one operation."""

    operation_type = fields.Identifier(blank=False, required=True)
    credits_used = fields.Integer(least=1, required=True)
    description = fields.Text(longest=1000, load_default="")
    account_id = fields.Id(
        metadata={"description": "Account to charge; required for machines. Defaults to the caller's account."}
    )


class UsageItem(UsageCreate):
    """Credits to spend on one operation, once per `key`."""

    key = fields.Identifier(
        blank=False,
        metadata={
            "description": "Deduplication key: an item with a key that the caller sent before is not charged again."
        },
    )


class GrantCreate(Schema):
    """Credits to grant to an account, or an adjustment of its balance."""

    account_id = fields.Id(required=True)
    amount = fields.Integer(
        least=-fields.MAX_INTEGER,
        required=True,
        metadata={"description": "Credits to add; negative only for an adjustment."},
    )
    transaction_type = fields.Choice(
        (TransactionType.GRANT, TransactionType.ADJUSTMENT, TransactionType.REFUND), required=True
    )
    description = fields.Text(longest=1000, blank=False, required=True)

    @ma.validates_schema
    def _validate(self, values: dict[str, Any], **_: Any) -> None:
        amount = values["amount"]
        if amount == 0:
            raise ma.ValidationError("Must not be 0.", "amount")
        if amount < 0 and values["transaction_type"] != TransactionType.ADJUSTMENT:
            raise ma.ValidationError("Must not be negative unless transaction_type is adjustment.", "amount")
