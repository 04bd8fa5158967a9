"""Request and response schemas of API keys."""

from collections.abc import Mapping, Sequence
from typing import Any

import marshmallow as ma

from app.api_keys.permissions import ACCOUNT_SCOPES, EVERY_SCOPE
from app.auth.api_keys.secret import PATTERN
from app.web import fields
from app.web.schemas import ETag, Schema, SnakePageArguments, SnakeReadSchema

MAX_OVERLAP_SECONDS = 30 * 24 * 60 * 60
KEY_EXAMPLE = {"name": "Payroll", "scopes": ["read:billing-account", "update:billing-account"]}
ACCOUNT_KEY_EXAMPLE = {"name": "Image worker", "scopes": ["spend:credits"]}
ROTATE_EXAMPLE = {"overlap_seconds": 3600}
REVOKE_EXAMPLE = {"reason": "It was committed to a repository"}


class _Scope(fields.Identifier):
    """One of the scopes, in any case."""

    def __init__(self, scopes: Sequence[str]) -> None:
        super().__init__(blank=False, metadata={"enum": list(scopes)})
        self._known = {scope.lower(): scope for scope in scopes}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        scope = self._known.get(super()._deserialize(value, attr, data, **kwargs).lower())
        if scope is None:
            # There may be too many to list them.
            raise ma.ValidationError("Is no scope that a key can have here.")
        return scope


def _scopes(scopes: Sequence[str]) -> fields.Items:
    return fields.Items(
        _Scope(scopes),
        least=1,
        most=len(EVERY_SCOPE),
        required=True,
        metadata={"description": "What the key is for. It has no role."},
    )


class _KeyCreate(Schema):
    name = fields.Text(
        blank=False, required=True, metadata={"description": "What people recognize the key by.", "example": "Payroll"}
    )
    expires_at = fields.Moment(
        whole_day=True, allow_none=True, metadata={"description": "When the key stops working; never if not sent."}
    )


class ApiKeyCreate(_KeyCreate):
    """A key to issue."""

    scopes = _scopes(EVERY_SCOPE)
    account_id = fields.Id(
        allow_none=True,
        metadata={
            "description": (
                f"Customer account that the key acts in, and in no other. Its scopes can only be "
                f"{' and '.join(f'`{scope}`' for scope in ACCOUNT_SCOPES)}."
            )
        },
    )


class AccountApiKeyCreate(_KeyCreate):
    """A key of the account to issue."""

    scopes = _scopes(ACCOUNT_SCOPES)
    account_id = fields.Id(allow_none=True, metadata={"description": "The account, which is that of the caller."})


class ApiKey(SnakeReadSchema):
    """A key for a machine."""

    etag = ETag.CONSTANT
    shown_once = frozenset({"key"})

    id = fields.Id()
    name = fields.Text(metadata={"description": "What people recognize the key by."})
    prefix = fields.Text(
        metadata={"description": "The first characters of its newest secret.", "example": "bsk_3fQx0aZ9"}
    )
    scopes = ma.fields.List(fields.Text(), metadata={"description": "What the key is for."})
    account_id = fields.Id(
        allow_none=True, metadata={"description": "Customer account that the key acts in; `null` if it is of none."}
    )
    created_by = fields.Text(metadata={"description": "The user, or the command, that issued it."})
    created_at = fields.Moment()
    expires_at = fields.Moment(
        allow_none=True, metadata={"description": "When the key stops working; `null` if it does not."}
    )
    last_used_at = fields.Moment(
        allow_none=True, metadata={"description": "When it was used last, to the minute; `null` if never."}
    )
    revoked_at = fields.Moment(allow_none=True, metadata={"description": "When it was revoked; `null` if it was not."})
    key = fields.Text(
        allow_none=True,
        metadata={
            "description": "The secret. Only the response that issues it has it, and a replay of that has `null`.",
            "pattern": f"^{PATTERN}$",
        },
    )


class ApiKeyQuery(SnakePageArguments):
    """Filters of the keys of staff and of all accounts."""

    account_id = fields.Id(metadata={"description": "Keys of this customer account."})


class RotateApiKey(Schema):
    """How long the former secret works."""

    body_may_be_missing = True

    overlap_seconds = fields.Integer(
        least=0,
        most=MAX_OVERLAP_SECONDS,
        load_default=0,
        metadata={"description": "For how long the secrets before the new one work on, up to 30 days."},
    )


class RevokeApiKey(Schema):
    """Why a key is revoked."""

    reason = fields.Why("Why it is revoked.")
