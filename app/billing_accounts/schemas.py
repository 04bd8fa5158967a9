"""Request and response schemas of billing accounts."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import marshmallow as ma

from app.billing_accounts.models import ExternalType, Kind, Status
from app.clients.schemas import Client
from app.clock import utc_now
from app.naming import camel_case
from app.web import fields
from app.web.schemas import (
    CamelSchema,
    ETag,
    PageArguments,
    ReadSchema,
    require_order,
    require_some_field,
    sorting,
)

MAX_RATE = Decimal(999_999)
MAX_CONSUMES = 1000
MAX_LOCK_SECONDS = 366 * 24 * 60 * 60
MAX_DESCRIPTION = 10_000

CREATE_EXAMPLE = {"name": "Acme 2025", "budget": 10000, "markup": 0.2, "clientId": "acme"}
LOCK_EXAMPLE = {"challengeId": "30054163", "amount": 1250.5, "expiresIn": 604800}
CONSUME_EXAMPLE = {"externalId": "9d2e…", "externalType": "ENGAGEMENT", "externalName": "Data science", "amount": 400}
CONSUMES_EXAMPLE = {"consumes": [{"billingAccountId": 1, "externalId": "9d2e…", "amount": 400}]}


def _name(**options: Any) -> fields.Text:
    return fields.Text(blank=False, metadata={"example": "Acme 2025"}, **options)


class _AccountFields(CamelSchema):
    """The writable fields of an account that are always optional."""

    project_id = fields.Identifier(allow_none=True)
    description = fields.Text(longest=MAX_DESCRIPTION, allow_none=True)
    subcontracting_end_customer = fields.Text(allow_none=True)
    status = fields.Choice(Status, metadata={"description": "Defaults to ACTIVE."})
    start_date = fields.Moment(dates=True, allow_none=True)
    end_date = fields.Moment(whole_day=True, allow_none=True)
    po_number = fields.Identifier(allow_none=True)
    subscription_number = fields.Identifier(allow_none=True)
    is_manual_prize = fields.Boolean()
    payment_terms = fields.Text(allow_none=True)
    sales_tax = fields.Amount(most=MAX_RATE, allow_none=True)
    billable = fields.Boolean(metadata={"description": "Defaults to true."})

    @ma.validates_schema
    def _validate(self, values: dict[str, Any], **_: Any) -> None:
        require_order(values)


class BillingAccountCreate(_AccountFields):
    """A new billing account."""

    name = _name(required=True)
    budget = fields.Amount(required=True)
    markup = fields.Amount(most=MAX_RATE, required=True, metadata={"description": "A fraction; above 1, percent."})
    client_id = fields.Identifier(required=True, blank=False)


class BillingAccountUpdate(_AccountFields):
    """The fields of a billing account to update; `null` clears an optional field."""

    name = _name()
    budget = fields.Amount(metadata={"description": "Must not be below the sum of locked and consumed amounts."})
    markup = fields.Amount(most=MAX_RATE, metadata={"description": "A fraction; above 1, percent."})
    client_id = fields.Identifier(blank=False)

    @ma.validates_schema
    def _validate_some(self, values: dict[str, Any], **_: Any) -> None:
        require_some_field(values)


class BillingAccount(ReadSchema):
    """A billing account with the totals of its budget.

    Callers who read it only as copilot or bookingmanager get `memberPaymentsRemaining` instead of `markup`.
    """

    etag = ETag.VERSIONED
    sparse = frozenset({"markup", "member_payments_remaining"})

    id = fields.Integer(least=1)
    project_id = fields.Text(allow_none=True)
    name = _name()
    description = fields.Text(longest=MAX_DESCRIPTION, allow_none=True)
    subcontracting_end_customer = fields.Text(allow_none=True)
    status = fields.Choice(Status)
    start_date = fields.Moment(allow_none=True)
    end_date = fields.Moment(allow_none=True)
    budget = fields.Amount(metadata={"example": 10000})
    markup = fields.Amount(metadata={"description": "A fraction; above 1, percent.", "example": 0.2})
    client_id = fields.Text()
    client = ma.fields.Nested(Client)
    po_number = fields.Text(allow_none=True)
    subscription_number = fields.Text(allow_none=True)
    is_manual_prize = fields.Boolean()
    payment_terms = fields.Text(allow_none=True)
    sales_tax = fields.Amount(allow_none=True)
    billable = fields.Boolean()
    created_by = fields.Text(allow_none=True)
    created_at = fields.Moment()
    updated_at = fields.Moment()
    locked_budget = fields.Amount(metadata={"description": "Sum of the locked amounts."})
    consumed_budget = fields.Amount(metadata={"description": "Sum of the consumed amounts."})
    total_budget_remaining = ma.fields.Decimal(
        metadata={
            "description": "`budget` minus `consumedBudget` and `lockedBudget`. Negative only if it was imported so."
        }
    )
    member_payments_remaining = ma.fields.Decimal(
        metadata={"description": "Remaining budget for payments to members, without the markup. For copilots only."}
    )


class BudgetLine(ReadSchema):
    """An amount locked or consumed for one reference. `memberPaymentAmount` is present for copilots only."""

    sparse = frozenset({"member_payment_amount"})

    id = ma.fields.UUID()
    amount = fields.Amount(metadata={"example": 1250.5})
    date = fields.Moment(metadata={"description": "When the amount was set."})
    created_at = fields.Moment()
    consumed_at = fields.Moment(allow_none=True)
    expires_at = fields.Moment(
        allow_none=True, metadata={"description": "When the lock expires; `null` if it does not, or is consumed."}
    )
    external_id = fields.Text(metadata={"example": "30054163"})
    external_type = fields.Choice(ExternalType)
    external_name = fields.Text(allow_none=True)
    challenge_id = fields.Text(
        allow_none=True, metadata={"description": "The `externalId` of a CHALLENGE; otherwise `null`."}
    )
    member_payment_amount = fields.Amount()


class Entry(BudgetLine):
    """A budget line with its kind."""

    kind = fields.Choice(Kind)


class BillingAccountDetail(BillingAccount):
    """A billing account with its budget lines, oldest first."""

    locked_amounts = ma.fields.Nested(BudgetLine, many=True)
    consumed_amounts = ma.fields.Nested(BudgetLine, many=True)


class BillingAccountQuery(PageArguments):
    """Filters of the list of billing accounts."""

    id = fields.Several(
        fields.Integer(least=1), metadata={"description": "Accounts by id: their totals without their budget lines."}
    )
    name = fields.Text(metadata={"description": "Part of the name, case-insensitive."})
    client_id = fields.Identifier()
    user_id = fields.Identifier(metadata={"description": "User who was granted access to the accounts."})
    status = fields.Choice(Status)
    start_date_from = fields.Moment(dates=True)
    start_date_to = fields.Moment(whole_day=True)
    end_date_from = fields.Moment(dates=True)
    end_date_to = fields.Moment(whole_day=True)
    sort_by, sort_order = sorting(
        "id", "name", "status", "start_date", "end_date", "created_at", "created_by", "remaining_budget"
    )


class EntryQuery(PageArguments):
    """Filters of the list of budget lines."""

    kind = fields.Choice(Kind)
    external_type = fields.Choice(ExternalType)
    external_id = fields.Identifier()
    sort_by, sort_order = sorting("date", "amount", "kind", "external_type", "external_id")


class _AmountFor(CamelSchema):
    """A reference, named by `challengeId` or `externalId`."""

    challenge_id = fields.Identifier(
        blank=False, metadata={"description": "Shorthand for `externalType` CHALLENGE with this `externalId`."}
    )
    external_id = fields.Identifier(blank=False)
    external_name = fields.Text(allow_none=True)

    @ma.validates_schema
    def _validate(self, values: dict[str, Any], **_: Any) -> None:
        named = {values[name] for name in ("challenge_id", "external_id") if name in values}
        if len(named) != 1:
            problem = "must be equal to externalId." if named else "or externalId is required."
            raise ma.ValidationError(f"challengeId {problem}", "challengeId")
        if "challenge_id" in values and values.get("external_type", ExternalType.CHALLENGE) != ExternalType.CHALLENGE:
            raise ma.ValidationError("Must be CHALLENGE if challengeId is given.", "externalType")


class LockAmount(_AmountFor):
    """The new locked amount of a challenge; 0 releases the lock."""

    external_type = fields.Choice((ExternalType.CHALLENGE,), load_default=ExternalType.CHALLENGE)
    amount = fields.Amount(rounded=True, required=True)
    expires_in = fields.Integer(
        least=1,
        most=MAX_LOCK_SECONDS,
        metadata={"description": "After how many seconds the lock expires. Without an expiry it never does."},
    )
    expires_at = fields.Moment(
        whole_day=True,
        metadata={"description": "When the lock expires, at most 366 days from now. In place of `expiresIn`."},
    )

    @ma.validates_schema
    def _validate_expiry(self, values: dict[str, Any], **_: Any) -> None:
        given = [name for name in ("expires_at", "expires_in") if name in values]
        if len(given) > 1:
            raise ma.ValidationError("Must not be given together with expiresIn.", "expiresAt")
        if given and values.get("amount") == 0:
            raise ma.ValidationError("Must not be given if the amount is 0.", camel_case(given[0]))
        if "expires_at" in values:
            now = utc_now()
            if values["expires_at"] <= now:
                raise ma.ValidationError("Must be in the future.", "expiresAt")
            if values["expires_at"] > now + timedelta(seconds=MAX_LOCK_SECONDS):
                raise ma.ValidationError("Must be within 366 days.", "expiresAt")


class ConsumeAmount(_AmountFor):
    """An amount to consume: replaces lock and consumption of a challenge, or adds to that of an engagement."""

    external_type = fields.Choice(
        (ExternalType.CHALLENGE, ExternalType.ENGAGEMENT), load_default=ExternalType.CHALLENGE
    )
    amount = fields.Amount(least=Decimal("0.0001"), rounded=True, required=True)
    final = fields.Boolean(
        metadata={
            "description": "Defaults to true. If false, the amount is added to what the challenge has consumed and "
            "taken off its lock, the rest of which stays. For a CHALLENGE only."
        }
    )

    @ma.validates_schema
    def _validate_final(self, values: dict[str, Any], **_: Any) -> None:
        if "final" in values and values.get("external_type") == ExternalType.ENGAGEMENT:
            raise ma.ValidationError("Must not be given for an ENGAGEMENT.", "final")


class LockResult(BudgetLine):
    """The budget line of the lock, or `unlocked` if the lock was released."""

    _of_reference = frozenset({"external_id", "external_type", "external_name", "challenge_id"})
    sparse = (
        BudgetLine.sparse
        | _of_reference
        | {"id", "amount", "date", "created_at", "consumed_at"}
        | {"expires_at", "unlocked"}
    )

    unlocked = ma.fields.Boolean(
        metadata={"enum": [True], "description": "True, and the only field, if the amount was 0."}
    )


class EngagementConsume(CamelSchema):
    """An amount to consume for one engagement."""

    billing_account_id = fields.Integer(least=1, required=True)
    external_id = fields.Identifier(blank=False, required=True)
    external_type = fields.Choice((ExternalType.ENGAGEMENT,), load_default=ExternalType.ENGAGEMENT)
    amount = fields.Amount(least=Decimal("0.0001"), rounded=True, required=True)


class ConsumeAmounts(CamelSchema):
    """Amounts to consume, all or none."""

    consumes = fields.Items(ma.fields.Nested(EngagementConsume), required=True, least=1, most=MAX_CONSUMES)


class ConsumeCount(ReadSchema):
    """The number of amounts consumed."""

    count = ma.fields.Integer()
