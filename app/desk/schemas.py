"""Request and response schemas of the desk: those of customers, with whose they are and who made them."""

from typing import Any

import marshmallow as ma

from app.credits.account_schemas import AccountSettings
from app.credits.hold_schemas import Hold
from app.credits.schemas import CreditLot, CreditTransaction, CreditUsage
from app.customers.models import AccountStatus, MemberRole
from app.customers.schemas import TeamMember
from app.db.base import MAX_ID
from app.purchases import invoice_schemas as invoices
from app.purchases import schemas as purchases
from app.trail.schemas import AccountAuditEntry
from app.web import fields
from app.web.schemas import ETag, Schema, SnakePageArguments, SnakeReadSchema, require_order, sorting

HITS = (
    "account",
    "member",
    "invoice",
    "credit_note",
    "payment",
    "lot",
    "hold",
    "transaction",
    "usage",
    "client",
    "billing_account",
    "resource_booking",
    "work_period",
    "work_period_payment",
)


def _account_id() -> fields.Id:
    return fields.Id(metadata={"description": "Identifier of the customer account."})


def _account_name() -> fields.Text:
    return fields.Text(metadata={"description": "Name of the customer account."})


class OfAccount(Schema):
    """Whose something is, and who made it."""

    account_id = _account_id()
    account_name = _account_name()
    created_by = fields.Text(
        metadata={"description": "The caller, or the command, that created it; empty if nobody is known."}
    )


class DeskAccount(OfAccount, AccountSettings):
    """A customer account with its settings, its balance, and what of that is not free to spend."""

    etag = ETag.CONSTANT

    credits_held = fields.Integer(metadata={"description": "Credits of the balance that are held."})
    credits_frozen = fields.Integer(
        metadata={"description": "Credits of the balance that are frozen, as their payment is disputed."}
    )
    credits_available = fields.Integer(
        metadata={"description": "Credits that can be spent: those that are neither held nor frozen."}
    )
    debt = fields.Integer(metadata={"description": "Credits that the account owes."})


class AccountQuery(SnakePageArguments):
    """Filters of the list of accounts."""

    search = fields.Identifier(
        metadata={
            "description": (
                "Words, or parts of words, of the name, slug or billing address of an account or of the name, e-mail "
                "address or user id of a member; or the id of the account. Entries that contain all of them match."
            )
        }
    )
    status = fields.Choice(AccountStatus, metadata={"description": "Status of the account."})
    plan = fields.Identifier(metadata={"description": "Name of the plan that the account is on."})
    sort_by, sort_order = sorting("created", "balance")


class SearchQuery(SnakePageArguments):
    """What is looked for."""

    q = fields.Identifier(
        blank=False,
        required=True,
        metadata={"description": "A name, a part of one, an e-mail address, a number, a reference or an id."},
    )


class Hit(SnakeReadSchema):
    """Something that was found."""

    kind = fields.Choice(HITS, metadata={"description": "What it is."})
    id = ma.fields.Raw(
        metadata={
            "description": "Identifier: a string of clients, bookings, work periods, their payments; else an integer.",
            "anyOf": [{"type": "integer", "minimum": 1, "maximum": MAX_ID}, {"type": "string", "maxLength": 255}],
        }
    )
    account_id = fields.Id(
        allow_none=True,
        metadata={"description": "Identifier of the customer account; null for what belongs to no customer."},
    )
    account_name = fields.Text(allow_none=True, metadata={"description": "Name of the customer account, or null."})
    title = fields.Text(metadata={"description": "What it is called, or what it is about."})


class LookupQuery(SnakePageArguments):
    """Whose accounts are looked for."""

    user_id = fields.Identifier(blank=False, metadata={"description": "User id of a member, as in access tokens."})
    email = fields.Identifier(blank=False, metadata={"description": "Verified e-mail address of a member."})

    @ma.validates_schema
    def _validate(self, values: dict[str, Any], **_: Any) -> None:
        if ("user_id" in values) == ("email" in values):
            raise ma.ValidationError("Exactly one of user_id and email is required.", "user_id")


class MemberAccount(SnakeReadSchema):
    """An account that a person is a member of."""

    id = _account_id()
    name = _account_name()
    account_id = _account_id()
    account_name = _account_name()
    role = fields.Choice(MemberRole, metadata={"description": "Role of the person in it."})


class DeskTransaction(OfAccount, CreditTransaction):
    """One change of the credit balance of an account."""


class DeskUsage(OfAccount, CreditUsage):
    """Credits that an account spent on one operation."""


class DeskLot(OfAccount, CreditLot):
    """Credits that arrived together in an account."""

    class Meta(CreditLot.Meta):
        """marshmallow's options."""


class DeskHold(OfAccount, Hold):
    """Credits that an account has held for an operation."""


class DeskMember(OfAccount, TeamMember):
    """A member of an account, or an open invitation."""


class DeskChange(OfAccount, AccountAuditEntry):
    """A change of an account. Entries are never changed or deleted."""


class DeskInvoice(OfAccount, invoices.Invoice):
    """An invoice of an account, with the account and the seller as they were at the time of issue."""


class DeskCreditNote(OfAccount, invoices.CreditNote):
    """A credit note of an account."""


class DeskPayment(OfAccount, purchases.Payment):
    """A payment of an account."""

    invoice_number = fields.Text(metadata={"description": "Number of its invoice; empty while there is none."})


class DeskPaymentQuery(purchases.PaymentQuery):
    """Filters of the payments of all accounts."""

    invoice_number = fields.Identifier(longest=32, metadata={"description": "Number of its invoice, in any case."})
    start_date = fields.Moment(dates=True, metadata={"description": "Start of the range, inclusive."})
    end_date = fields.Moment(whole_day=True, metadata={"description": "End of the range, inclusive."})

    @ma.validates_schema
    def _validate(self, values: dict[str, Any], **_: Any) -> None:
        require_order(values, named=str)


class DeskInvoiceQuery(invoices.InvoiceQuery):
    """Filters of the invoices of all accounts."""

    invoice_number = fields.Identifier(longest=32, metadata={"description": "Number of the invoice, in any case."})
