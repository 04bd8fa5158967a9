"""The response schema of an export of one account."""

import marshmallow as ma

from app.api_keys.schemas import ApiKey
from app.credits.account_schemas import Cap
from app.credits.hold_schemas import Hold
from app.credits.schemas import CreditLot, CreditTransaction, CreditUsage
from app.customers.models import MemberRole
from app.customers.schemas import TeamMember
from app.desk.schemas import DeskAccount
from app.purchases.invoice_schemas import CreditNote, Invoice
from app.purchases.schemas import Payment
from app.trail.schemas import AccountAuditEntry
from app.web import fields
from app.web.schemas import SnakeReadSchema


class AssignedPlan(SnakeReadSchema):
    """A plan that the account is on from a day on."""

    plan = fields.Text(metadata={"description": "Name of the plan."})
    valid_from = fields.Day(metadata={"description": "The first day of it (UTC)."})


class SentInvitation(SnakeReadSchema):
    """An invitation of the account that was not accepted."""

    id = fields.Id()
    email = fields.Text(metadata={"description": "Address of the invited person."})
    role = fields.Choice(MemberRole)
    invited_by = fields.Text(metadata={"description": "E-mail address or user id of the inviter."})
    invited_at = fields.Moment(metadata={"description": "When it was sent."})
    expires_at = fields.Moment(metadata={"description": "When it expires or expired."})
    ended_at = fields.Moment(
        allow_none=True, metadata={"description": "When it was declined or withdrawn; `null` if it was not."}
    )


class AccountExport(SnakeReadSchema):
    """Everything that is kept of one account. Each list has all its rows, newest first."""

    account = ma.fields.Nested(DeskAccount, metadata={"description": "The account with its settings."})
    plans = ma.fields.Nested(AssignedPlan, many=True, metadata={"description": "Plans by date."})
    team = ma.fields.Nested(TeamMember, many=True, metadata={"description": "Members and open invitations."})
    invitations = ma.fields.Nested(
        SentInvitation, many=True, metadata={"description": "Invitations that were not accepted."}
    )
    api_keys = ma.fields.Nested(ApiKey, many=True, metadata={"description": "Keys, without their secrets."})
    transactions = ma.fields.Nested(CreditTransaction, many=True, metadata={"description": "Changes of the balance."})
    usage = ma.fields.Nested(CreditUsage, many=True, metadata={"description": "What credits were spent on."})
    lots = ma.fields.Nested(CreditLot, many=True, metadata={"description": "Credits by how they arrived."})
    holds = ma.fields.Nested(Hold, many=True, metadata={"description": "Holds, in any state."})
    caps = ma.fields.Nested(Cap, many=True, metadata={"description": "Caps on spending."})
    invoices = ma.fields.Nested(Invoice, many=True, metadata={"description": "Invoices."})
    credit_notes = ma.fields.Nested(CreditNote, many=True, metadata={"description": "Credit notes."})
    payments = ma.fields.Nested(Payment, many=True, metadata={"description": "Payments of purchases."})
    audit = ma.fields.Nested(AccountAuditEntry, many=True, metadata={"description": "The audit trail of the account."})
