"""Request and response schemas of credits."""

from functools import partial
from typing import Any

import marshmallow as ma

from app.credits.models import DEFAULT_PRIORITY, LotSource, LotStatus, TransactionType
from app.web import fields
from app.web.schemas import Schema, SnakePageArguments, SnakeReadSchema, require_order

_ACCOUNT = 17
USAGE_EXAMPLE = {"operation_type": "keyword_research", "credits_used": 3, "description": "12 keywords"}
USAGE_BULK_EXAMPLE: list[dict[str, Any]] = [
    {"operation_type": "keyword_research", "credits_used": 3, "account_id": _ACCOUNT, "key": "job-17-1"},
    {"operation_type": "image_generation", "credits_used": 5, "account_id": _ACCOUNT, "key": "job-17-2"},
]
GRANT_EXAMPLE = {"account_id": _ACCOUNT, "amount": 50, "transaction_type": "grant", "description": "Goodwill"}
REVERSE_EXAMPLE = {"credits": 2, "reason": "The job failed"}
VOID_EXAMPLE = {"reason": "Granted to the wrong account"}
MAX_EXPIRES_IN = 36_500 * 24 * 3600
_NOT_POSTED = "`null` until it is posted, which the next write of the account does"

_credits = partial(fields.Integer, most=fields.MAX_CREDITS)


class ExpiringCredits(SnakeReadSchema):
    """Credits that expire at an instant."""

    credits = _credits(metadata={"description": "Credits that are neither spent nor held nor frozen."})
    expires_at = fields.Moment(metadata={"description": "When they expire, unless they are used before."})


class CreditBalance(SnakeReadSchema):
    """The credit balance of an account; at an instant of the past, of its credits only."""

    sparse = frozenset(
        {
            *("as_of", "plan_credits_per_month", "credits_used_this_month"),
            *("credits_held", "credits_frozen", "credits_available", "expiring", "debt"),
        }
    )

    as_of = fields.Moment(metadata={"description": "The instant asked for; only if one was."})
    credits = _credits(metadata={"description": "Credit balance."})
    plan_credits_per_month = _credits(metadata={"description": "Credits that the plan grants each month."})
    credits_used_this_month = _credits(metadata={"description": "Credits spent since the first of the month, UTC."})
    credits_remaining = _credits(metadata={"description": "Credits of all lots; equals `credits`."})
    credits_held = _credits(metadata={"description": "Credits that are held."})
    credits_frozen = _credits(metadata={"description": "Credits that are frozen, as their payment is disputed."})
    credits_available = _credits(
        metadata={"description": "Credits that can be spent: those that are neither held nor frozen."}
    )
    expiring = ma.fields.Nested(
        ExpiringCredits, many=True, metadata={"description": "Credits that will expire, the next ones first."}
    )
    debt = _credits(
        metadata={
            "description": "Credits owed: spent ones whose payment was returned. They are not part of the balance."
        }
    )


class CreditTransaction(SnakeReadSchema):
    """One change of the credit balance."""

    id = fields.Id(allow_none=True, metadata={"description": f"Identifier; {_NOT_POSTED}."})
    amount = _credits(
        least=-fields.MAX_CREDITS, metadata={"description": "Credits added to the balance; negative if deducted."}
    )
    transaction_type = fields.Choice(TransactionType)
    description = fields.Text(longest=1000)
    created_at = fields.Moment()
    balance_after = _credits(metadata={"description": "Balance after this transaction."})


class GrantedCredits(SnakeReadSchema):
    """The transaction of a grant, and the lot that it made."""

    id = fields.Id(allow_none=True, metadata={"description": "Identifier; `null` while the grant is pending."})
    amount = _credits(
        least=-fields.MAX_CREDITS, metadata={"description": "Credits added to the balance; negative if deducted."}
    )
    transaction_type = fields.Choice(TransactionType)
    description = fields.Text(longest=1000)
    created_at = fields.Moment(metadata={"description": "When the credits arrive."})
    balance_after = _credits(
        allow_none=True, metadata={"description": "Balance after this transaction; `null` while the grant is pending."}
    )
    lot_id = fields.Id(
        allow_none=True, metadata={"description": "The lot of the credits; `null` for a negative adjustment."}
    )


class LotPayment(SnakeReadSchema):
    """What a lot contributed to a transaction."""

    lot_id = fields.Id(metadata={"description": "Id of the lot."})
    credits = _credits(least=1, metadata={"description": "Credits that came from the lot, or went to it."})
    source = fields.Choice(LotSource, metadata={"description": "Where the credits of the lot come from."})
    price_per_credit = fields.UnitPrice(
        metadata={"description": "What was paid for each credit of the lot, in US dollars; `0.00` if it was given."}
    )
    priority = fields.Integer(metadata={"description": "Lots with a lower priority are spent first."})
    effective_at = fields.Moment(metadata={"description": "When the credits arrived, or will."})
    expires_at = fields.Moment(
        allow_none=True, metadata={"description": "When what is left of the lot expires; `null` for never."}
    )
    reference = fields.Text(metadata={"description": "Reference of the grant; empty if it has none."})
    description = fields.Text(longest=1000)


class CreditLot(LotPayment):
    """Credits that arrived together. They are spent, expire and are taken back as a lot."""

    class Meta:
        """marshmallow's options."""

        exclude = ("lot_id",)

    id = fields.Id(allow_none=True, metadata={"description": f"Identifier; {_NOT_POSTED}."})
    credits = _credits(least=1, metadata={"description": "Credits that the lot began with, or will."})
    remaining = _credits(
        metadata={"description": "Credits of the lot that are part of the balance, including those held."}
    )
    held = _credits(metadata={"description": "Credits of the lot that are held."})
    frozen = _credits(
        metadata={"description": "Credits of the lot that are not to be spent while its payment is disputed."}
    )
    status = fields.Choice(
        LotStatus,
        metadata={
            "description": "`pending` before it is effective, `active` while credits remain; then what ended it."
        },
    )
    created_at = fields.Moment()


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
    credits_reversed = _credits(metadata={"description": "Credits of it that were taken back."})
    description = fields.Text(longest=1000)
    created_at = fields.Moment()


class UsageReverse(Schema):
    """How much of a usage is taken back, and why."""

    credits = fields.Integer(
        least=1, metadata={"description": "Credits to take back. Defaults to all that are not taken back yet."}
    )
    reason = fields.Why("Why the usage is taken back.")
    account_id = fields.Id(
        metadata={"description": "Account of the usage; required for machines. Defaults to the caller's account."}
    )


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
    """Credits to spend on one operation, once per `key`."""

    operation_type = fields.Identifier(blank=False, required=True)
    credits_used = fields.Integer(least=1, required=True)
    description = fields.Text(longest=1000, load_default="")
    account_id = fields.Id(
        metadata={"description": "Account to charge; required for machines. Defaults to the caller's account."}
    )
    user_id = fields.Identifier(
        load_default="", metadata={"description": "Person that the operation is for. Defaults to the member who calls."}
    )
    key = fields.Identifier(
        blank=False,
        metadata={
            "description": "Deduplication key: an item with a key that the caller sent before is not charged again."
        },
    )


_OF_LOTS = ("expires_at", "expires_in", "effective_at", "reference")


class VoidLot(Schema):
    """Why a lot is voided."""

    reason = fields.Why("Why the lot is voided.")


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
    expires_at = fields.Moment(
        whole_day=True, metadata={"description": "When what is left of the credits expires. Defaults to never."}
    )
    expires_in = fields.Integer(
        least=1,
        most=MAX_EXPIRES_IN,
        metadata={"description": "Seconds from the arrival of the credits to their expiry, instead of `expires_at`."},
    )
    effective_at = fields.Moment(
        dates=True, metadata={"description": "When the credits arrive. Defaults to now; must not be in the past."}
    )
    priority = fields.Integer(
        load_default=DEFAULT_PRIORITY, metadata={"description": "Lots with a lower priority are spent first."}
    )
    reference = fields.Identifier(
        load_default="",
        metadata={"description": "Unique among the grants of the account: a grant that is repeated is made once."},
    )

    @ma.validates_schema
    def _validate(self, values: dict[str, Any], **_: Any) -> None:
        amount = values["amount"]
        if "expires_at" in values and "expires_in" in values:
            raise ma.ValidationError("Cannot be combined with expires_at.", "expires_in")
        if amount < 0 and (given := [name for name in _OF_LOTS if values.get(name)]):
            raise ma.ValidationError("Must not be given when credits are deducted.", given[0])
        if amount == 0:
            raise ma.ValidationError("Must not be 0.", "amount")
        if amount < 0 and values["transaction_type"] != TransactionType.ADJUSTMENT:
            raise ma.ValidationError("Must not be negative unless transaction_type is adjustment.", "amount")
