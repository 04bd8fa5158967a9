"""Request and response schemas of holds."""

from typing import Any

import marshmallow as ma

from app.credits.hold_models import HoldStatus, OverCapture
from app.web import fields
from app.web.schemas import ETag, Schema, SnakePageArguments, SnakeReadSchema, require_some_field

MAX_SECONDS, DEFAULT_SECONDS = 604_800, 3600
_ACCOUNT = 17
HOLD_EXAMPLE: dict[str, Any] = {
    "account_id": _ACCOUNT,
    "amount": 75,
    "operation_type": "image_generation",
    "reference": "job-17",
}
HOLDS_EXAMPLE: list[dict[str, Any]] = [HOLD_EXAMPLE, {**HOLD_EXAMPLE, "reference": "job-18"}]
CAPTURE_EXAMPLE = {"amount": 60, "final": False}
CAPTURES_EXAMPLE: list[dict[str, Any]] = [
    {"account_id": _ACCOUNT, "id": 7, "amount": 60},
    {"account_id": _ACCOUNT, "id": 8, "amount": 20, "final": False},
]
RELEASE_EXAMPLE = {"account_id": _ACCOUNT}
CHANGE_EXAMPLE = {"amount": 90}


def _credits(description: str, **options: Any) -> fields.Integer:
    return fields.Integer(most=fields.MAX_CREDITS, metadata={"description": description}, **options)


class Hold(SnakeReadSchema):
    """Credits that are held for an operation."""

    etag = ETag.VERSIONED

    id = fields.Id()
    reference = fields.Text(metadata={"description": "Reference of the hold, unique in the account for ever."})
    amount = _credits("Credits that the hold is for.")
    captured = _credits("Credits that were spent of it.")
    remaining = _credits("Credits that are still held; 0 once it ended.")
    status = fields.Choice(HoldStatus)
    operation_type = fields.Text()
    description = fields.Text(longest=1000)
    user_id = fields.Text(metadata={"description": "Person that the operation is for; empty if nobody is named."})
    over_capture = fields.Choice(OverCapture, metadata={"description": "What a capture of more than is held does."})
    created_at = fields.Moment()
    expires_at = fields.Moment(metadata={"description": "When what is still held is given back."})
    ended_at = fields.Moment(
        allow_none=True, metadata={"description": "When it was captured, released or expired; `null` while it is open."}
    )


class HoldAfter(Hold):
    """A hold as the call left it."""

    available_after = _credits("Credits that can be spent after the call.")


class CapturedHold(HoldAfter):
    """A hold after a capture."""

    transaction_id = fields.Id(metadata={"description": "Id of the usage that the capture made."})


class AccountQuery(Schema, fields.QueryArguments):
    """The account that a machine asks about."""

    account_id = fields.Id(
        metadata={"description": "Account of the hold; required for machines. Defaults to the caller's account."}
    )


class HoldFilters(SnakePageArguments):
    """Filters of the holds of one account."""

    status = fields.Choice(HoldStatus)
    reference = fields.Identifier(metadata={"description": "Reference of the hold."})
    operation_type = fields.Identifier()
    user_id = fields.Identifier(metadata={"description": "Person that the operation is for."})


class HoldQuery(HoldFilters, AccountQuery):
    """Filters of the list of holds."""


class _OfAccount(Schema):
    account_id = fields.Id(
        metadata={"description": "Account of the hold; required for machines. Defaults to the caller's account."}
    )


class HoldCreate(_OfAccount):
    """Credits to hold for an operation."""

    amount = fields.Integer(least=1, required=True, metadata={"description": "Credits to hold."})
    operation_type = fields.Identifier(blank=False, required=True)
    reference = fields.Identifier(
        blank=False,
        required=True,
        metadata={"description": "Unique among the holds of the account: a hold that is sent again is made once."},
    )
    expires_in = fields.Integer(
        least=1,
        most=MAX_SECONDS,
        load_default=DEFAULT_SECONDS,
        metadata={"description": "Seconds until what is still held is given back."},
    )
    over_capture = fields.Choice(
        OverCapture,
        load_default=OverCapture.REFUSE.value,
        metadata={"description": "Whether a capture of more than is held is refused, or takes what is available."},
    )
    description = fields.Text(longest=1000, load_default="")
    user_id = fields.Identifier(
        load_default="", metadata={"description": "Person that the operation is for. Defaults to the member who calls."}
    )


class HoldCapture(_OfAccount):
    """Credits of a hold to spend."""

    body_may_be_missing = True

    amount = fields.Integer(least=1, metadata={"description": "Credits to spend. Defaults to all that are still held."})
    final = fields.Boolean(
        load_default=True, metadata={"description": "Whether the hold ends, and the rest is given back."}
    )


class HoldCaptureItem(HoldCapture):
    """Credits of one hold to spend."""

    id = fields.Id(required=True, metadata={"description": "Id of the hold."})


class HoldRelease(_OfAccount):
    """The account of the hold to release."""

    body_may_be_missing = True


class HoldUpdate(_OfAccount):
    """What to change of a hold."""

    amount = fields.Integer(
        least=1, metadata={"description": "Credits that the hold is for, with those captured already."}
    )
    expires_in = fields.Integer(
        least=1,
        most=MAX_SECONDS,
        metadata={"description": "Seconds from now until it expires, at most 30 days after it was made."},
    )

    @ma.validates_schema
    def _validate(self, values: dict[str, Any], **_: Any) -> None:
        require_some_field({name: value for name, value in values.items() if name != "account_id"})
