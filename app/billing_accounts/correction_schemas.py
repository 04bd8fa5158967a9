"""Request and response schemas of corrections of budgets."""

from decimal import Decimal
from typing import Any

import marshmallow as ma

from app.billing_accounts.book_schemas import Movement
from app.billing_accounts.models import ExternalType
from app.money import MAX_AMOUNT
from app.web import fields
from app.web.schemas import CamelSchema, ReadSchema

_SMALLEST = Decimal("0.0001")


class Correction(CamelSchema):
    """A change that says why it is made."""

    reason = fields.Why("Why; kept with the movement. Takes precedence over `X-Change-Reason`.")


class Reversal(Correction):
    """What to take back, named by `entryId` or by `externalType` and `externalId`."""

    entry_id = ma.fields.UUID(metadata={"description": "The consumed budget line to take back."})
    external_type = fields.Choice(ExternalType)
    external_id = fields.Identifier(
        blank=False, metadata={"description": "The reference all of whose lines are meant, newest first."}
    )
    amount = fields.Amount(
        least=_SMALLEST, metadata={"description": "How much to take back. Defaults to all that is consumed."}
    )

    @ma.validates_schema
    def _validate(self, values: dict[str, Any], **_: Any) -> None:
        reference = [name for name in ("external_type", "external_id") if name in values]
        if "entry_id" in values and reference:
            raise ma.ValidationError("Must not be given together with externalType and externalId.", "entryId")
        if "entry_id" not in values and len(reference) < len(("external_type", "external_id")):
            missing = "externalType" if "external_type" not in values else "externalId"
            problem = "or entryId is required." if reference else "or externalType and externalId are required."
            name = missing if reference else "entryId"
            raise ma.ValidationError(f"{name} {problem}", name)


class Reversed(ReadSchema):
    """What was taken back."""

    reversed = fields.Amount(metadata={"description": "The sum that was taken back."})
    movements = ma.fields.Nested(
        Movement, many=True, metadata={"description": "One for each line, the newest line first."}
    )


class BudgetAdjustment(Correction):
    """An amount to add to a budget, or to take from it."""

    amount = fields.Amount(
        least=-MAX_AMOUNT,
        required=True,
        metadata={"description": "What is added to the budget; negative to take from it."},
    )
    po_number = fields.Text(metadata={"description": "The new purchase order number of the account."})

    @ma.validates("amount")
    def _validate_amount(self, amount: Decimal, **_: Any) -> None:
        if amount == 0:
            raise ma.ValidationError("Must not be 0.")


class CarryOver(Correction):
    """What to move to the budget of another account."""

    to_billing_account_id = fields.Integer(
        least=1, required=True, metadata={"description": "The account of the same client that gets the amount."}
    )
    amount = fields.AmountOr(
        "remaining",
        least=_SMALLEST,
        load_default=None,
        metadata={"description": "How much to move; `remaining`, the default, moves all that remains."},
    )


class CarriedOver(ReadSchema):
    """The movements of both budgets, that of the account carried from first."""

    movements = ma.fields.Nested(Movement, many=True)
