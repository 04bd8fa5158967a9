"""Request and response schemas of customer accounts and their analytics."""

from typing import Any

import marshmallow as ma

from app.credits.hold_models import CapKind, CapPeriod
from app.credits.models import TransactionType
from app.customers.models import AccountStatus
from app.web import fields
from app.web.schemas import ETag, Schema, SnakeReadSchema, require_some_field

MAX_DAYS = 365
ACCOUNT_EXAMPLE = {"name": "Harbour Studio", "billing_email": "accounts@harbour.example"}
CAP_EXAMPLE = {"kind": "operation", "subject": "image_generation", "period": "day", "credits": 500}
SETTINGS_EXAMPLE = {"billing_address_line1": "1 Quay Street", "billing_city": "Cork", "billing_country": "Ireland"}
_READ_ONLY = {"description": "Read-only; may be sent unchanged."}


def _members_may_buy() -> fields.Boolean:
    return fields.Boolean(
        metadata={"description": "Whether every member may buy credits, besides owners and admins. Defaults to false."}
    )


class _WritableAccount(Schema):
    members_may_buy = _members_may_buy()
    billing_email = fields.Identifier(optional=True, validate=ma.validate.Email())
    billing_address_line1 = fields.Text(optional=True)
    billing_address_line2 = fields.Text(optional=True)
    billing_city = fields.Text(optional=True)
    billing_state = fields.Text(optional=True)
    billing_postal_code = fields.Text(optional=True)
    billing_country = fields.Text(
        optional=True, metadata={"description": "Country of the billing address: an ISO 3166 code or an English name."}
    )
    tax_id = fields.Identifier(optional=True)


class AccountCreate(_WritableAccount):
    """A new customer account."""

    name = fields.Text(blank=False, required=True)


class AccountUpdate(_WritableAccount):
    """The settings to update; `null` clears an optional one. Read-only settings may be sent unchanged."""

    name = fields.Text(blank=False)
    id = fields.Id(metadata=_READ_ONLY)
    slug = fields.Text(metadata=_READ_ONLY)
    billing_country_code = fields.Text(longest=2, metadata=_READ_ONLY)
    credit_balance = fields.Integer(most=fields.MAX_CREDITS, metadata=_READ_ONLY)
    created_at = fields.Moment(metadata=_READ_ONLY)
    status = fields.Choice(AccountStatus, metadata=_READ_ONLY)
    plan = fields.Identifier(metadata=_READ_ONLY)

    @ma.validates_schema
    def _validate(self, values: dict[str, Any], **_: Any) -> None:
        require_some_field(values)


class AccountSettings(SnakeReadSchema):
    """The settings of a customer account, as printed on its invoices."""

    etag = ETag.VERSIONED

    id = fields.Id()
    name = fields.Text()
    slug = fields.Text(metadata={"description": "URL-safe form of the name. Never changes."})
    billing_email = fields.Text()
    billing_address_line1 = fields.Text()
    billing_address_line2 = fields.Text()
    billing_city = fields.Text()
    billing_state = fields.Text()
    billing_postal_code = fields.Text()
    billing_country = fields.Text()
    billing_country_code = fields.Text(
        longest=2,
        metadata={"description": "ISO 3166 code of `billing_country`; empty if that is neither a code nor a name."},
    )
    tax_id = fields.Text()
    status = fields.Choice(
        AccountStatus,
        metadata={"description": "A suspended account cannot spend, hold or buy; a closed one can only be read."},
    )
    plan = fields.Text(metadata={"description": "Name of the plan that the account is on today (UTC)."})
    members_may_buy = _members_may_buy()
    credit_balance = fields.Integer(most=fields.MAX_CREDITS)
    created_at = fields.Moment()


class AnalyticsQuery(Schema, fields.QueryArguments):
    """The number of days to return."""

    days = fields.Integer(
        least=1, most=MAX_DAYS, load_default=30, metadata={"description": "Number of days, including today (UTC)."}
    )


class TypeTotal(SnakeReadSchema):
    """Totals of the transactions of one type."""

    transaction_type = fields.Choice(TransactionType)
    total = fields.Integer(least=-fields.MAX_CREDITS, most=fields.MAX_CREDITS)
    count = fields.Integer(most=fields.MAX_CREDITS)


class DailyUsage(SnakeReadSchema):
    """Totals of one day, in UTC."""

    date = fields.Day()
    usage = fields.Integer(most=fields.MAX_CREDITS, metadata={"description": "Credits spent."})
    purchases = fields.Integer(most=fields.MAX_CREDITS, metadata={"description": "Credits bought."})
    net = fields.Integer(
        least=-fields.MAX_CREDITS, most=fields.MAX_CREDITS, metadata={"description": "`purchases` minus `usage`."}
    )


class UsageAnalytics(SnakeReadSchema):
    """Credits spent and bought, by type and by day."""

    period_days = fields.Integer(least=1, most=MAX_DAYS)
    current_balance = fields.Integer(most=fields.MAX_CREDITS)
    usage_by_type = ma.fields.Nested(TypeTotal, many=True)
    daily_usage = ma.fields.Nested(DailyUsage, many=True)
    total_usage = fields.Integer(most=fields.MAX_CREDITS)
    total_purchases = fields.Integer(most=fields.MAX_CREDITS)


class CapPut(Schema):
    """A cap to set."""

    kind = fields.Choice(CapKind, required=True, metadata={"description": "What the cap limits."})
    subject = fields.Identifier(
        blank=False,
        required=True,
        metadata={"description": "User id of the member, type of the operation, or id of the API key."},
    )
    period = fields.Choice(CapPeriod, required=True, metadata={"description": "Time in which it counts, in UTC."})
    credits = fields.Integer(required=True, metadata={"description": "The most credits that may be spent."})


class Cap(SnakeReadSchema):
    """A cap on what may be spent."""

    id = fields.Id()
    kind = fields.Choice(CapKind, metadata={"description": "What the cap limits."})
    subject = fields.Text(
        metadata={"description": "User id of the member, type of the operation, or id of the API key."}
    )
    period = fields.Choice(CapPeriod, metadata={"description": "Time in which it counts, in UTC."})
    credits = fields.Integer(metadata={"description": "The most credits that may be spent."})
    used = fields.Integer(
        most=fields.MAX_CREDITS, metadata={"description": "Credits that count in the present period, with those held."}
    )
    resets_at = fields.Moment(
        allow_none=True, metadata={"description": "When the next period begins; `null` if there is only one."}
    )
    created_at = fields.Moment()


class RemovedCap(SnakeReadSchema):
    """Confirmation that a cap was removed."""

    removed = fields.Boolean(metadata={"description": "Always true."})
