"""The shapes of a customer's account and of its analytics in requests and responses."""

from typing import Any

import marshmallow as ma

from app.credits.models import TransactionType
from app.web import fields
from app.web.schemas import Schema, SnakeReadSchema, require_some_field

MAX_DAYS = 365
ACCOUNT_EXAMPLE = {"name": "Harbour Studio", "billing_email": "accounts@harbour.example"}
SETTINGS_EXAMPLE = {"billing_address_line1": "1 Quay Street", "billing_city": "Cork", "billing_country": "Ireland"}


class _WritableAccount(Schema):
    billing_email = fields.Identifier(optional=True, validate=ma.validate.Email())
    billing_address_line1 = fields.Text(optional=True)
    billing_address_line2 = fields.Text(optional=True)
    billing_city = fields.Text(optional=True)
    billing_state = fields.Text(optional=True)
    billing_postal_code = fields.Text(optional=True)
    billing_country = fields.Text(optional=True)
    tax_id = fields.Identifier(optional=True)


class AccountCreate(_WritableAccount):
    """A new account."""

    name = fields.Text(blank=False, required=True)


class AccountUpdate(_WritableAccount):
    """The settings to change; `null` clears an optional one. What cannot be changed may be sent as it is."""

    name = fields.Text(blank=False)
    id = fields.Id(metadata={"description": "Cannot be changed."})
    slug = fields.Text(metadata={"description": "Cannot be changed."})
    credit_balance = fields.Integer(most=fields.MAX_CREDITS, metadata={"description": "Cannot be changed."})
    created_at = fields.Moment(metadata={"description": "Cannot be changed."})

    @ma.validates_schema
    def _validate(self, values: dict[str, Any], **_: Any) -> None:
        require_some_field(values)


class AccountSettings(SnakeReadSchema):
    """A customer's account, and what its invoices say."""

    id = fields.Id()
    name = fields.Text()
    slug = fields.Text(metadata={"description": "The name as it can stand in an address; never changes."})
    billing_email = fields.Text()
    billing_address_line1 = fields.Text()
    billing_address_line2 = fields.Text()
    billing_city = fields.Text()
    billing_state = fields.Text()
    billing_postal_code = fields.Text()
    billing_country = fields.Text()
    tax_id = fields.Text()
    credit_balance = fields.Integer(most=fields.MAX_CREDITS)
    created_at = fields.Moment()


class AnalyticsQuery(Schema, fields.QueryArguments):
    """How far to look back."""

    days = fields.Integer(least=1, most=MAX_DAYS, load_default=30, metadata={"description": "Today (UTC) included."})


class TypeTotal(SnakeReadSchema):
    """The transactions of one type."""

    transaction_type = fields.Choice(TransactionType)
    total = fields.Integer(least=-fields.MAX_CREDITS, most=fields.MAX_CREDITS)
    count = fields.Integer(most=fields.MAX_CREDITS)


class DailyUsage(SnakeReadSchema):
    """One day, UTC."""

    date = fields.Day()
    usage = fields.Integer(most=fields.MAX_CREDITS, metadata={"description": "Credits spent."})
    purchases = fields.Integer(most=fields.MAX_CREDITS, metadata={"description": "Credits bought."})
    net = fields.Integer(
        least=-fields.MAX_CREDITS, most=fields.MAX_CREDITS, metadata={"description": "`purchases` minus `usage`."}
    )


class UsageAnalytics(SnakeReadSchema):
    """What was spent and bought, with one entry for each day, oldest first."""

    period_days = fields.Integer(least=1, most=MAX_DAYS)
    current_balance = fields.Integer(most=fields.MAX_CREDITS)
    usage_by_type = ma.fields.Nested(TypeTotal, many=True)
    daily_usage = ma.fields.Nested(DailyUsage, many=True)
    total_usage = fields.Integer(most=fields.MAX_CREDITS)
    total_purchases = fields.Integer(most=fields.MAX_CREDITS)
