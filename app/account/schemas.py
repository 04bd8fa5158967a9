"""The shapes of a customer's account in requests and answers."""

from typing import Any

import marshmallow as ma

from app.credits.models import TransactionType
from app.customers.models import MemberRole
from app.web import fields
from app.web.schemas import Schema, SnakeReadSchema, require_some_field

MAX_DAYS = 365
ACCOUNT_EXAMPLE = {"name": "Harbour Studio", "billing_email": "accounts@harbour.example"}
SETTINGS_EXAMPLE = {"billing_address_line1": "1 Quay Street", "billing_city": "Cork", "billing_country": "Ireland"}
INVITATION_EXAMPLE = {"email": "ann@harbour.example", "role": "member"}
ROLE_EXAMPLE = {"role": "admin"}


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


class TeamMember(SnakeReadSchema):
    """A member of the account, or an open invitation."""

    id = fields.Id()
    email = fields.Text()
    first_name = fields.Text()
    last_name = fields.Text()
    is_active = fields.Boolean(
        metadata={"description": "Whether the member has joined: false until the invitation is accepted."}
    )
    is_staff = fields.Boolean(metadata={"description": "Whether they are an administrator of this service."})
    date_joined = fields.Moment(allow_none=True, metadata={"description": "When the invitation was accepted."})
    role = fields.Choice(MemberRole)


class Invitation(Schema):
    """Whom to invite."""

    email = fields.Identifier(blank=False, required=True, validate=ma.validate.Email())
    role = fields.Choice(MemberRole, load_default=MemberRole.MEMBER)


class RoleChange(Schema):
    """The role to give."""

    role = fields.Choice(MemberRole, required=True)


class AccountMembership(SnakeReadSchema):
    """An account that the caller belongs to."""

    id = fields.Id(metadata={"description": "The id of the caller in the team of the account."})
    account_id = fields.Id()
    account_name = fields.Text()
    role = fields.Choice(MemberRole)
    date_joined = fields.Moment()


class ReceivedInvitation(SnakeReadSchema):
    """An invitation to an account."""

    id = fields.Id()
    account_id = fields.Id()
    account_name = fields.Text()
    role = fields.Choice(MemberRole)
    invited_by = fields.Text(
        metadata={"description": "The e-mail address of the person who invites, or else their user id."}
    )
    expires_at = fields.Moment()


class RemovedMember(SnakeReadSchema):
    """Confirmation that a team member was removed."""

    removed = ma.fields.Boolean()


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
