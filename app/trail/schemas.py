"""Request and response schemas of the audit trail."""

import marshmallow as ma

from app.audit.models import ObjectType
from app.auth.actor import ActorKind
from app.origin import COMMAND, GATEWAY
from app.web import fields
from app.web.schemas import PageArguments, ReadSchema, Schema, SnakePageArguments, SnakeReadSchema

ACTOR_KINDS = (*ActorKind, COMMAND, GATEWAY)


class _Change(Schema):
    id = fields.Text(metadata={"description": "Identifier of the entry.", "example": "entry-17"})
    at = fields.Moment(metadata={"description": "When it happened."})
    actor_kind = fields.Choice(ACTOR_KINDS, metadata={"description": "What kind of caller caused it."})
    action = fields.Text(
        metadata={"description": "The `operationId` of the request, or the command.", "example": "updateClient"}
    )
    object_type = fields.Choice(ObjectType, metadata={"description": "What was changed."})
    object_id = fields.Text(metadata={"description": "Identifier of what was changed."})
    before = ma.fields.Dict(
        allow_none=True,
        metadata={"description": "The fields that changed, as they were; `null` where the object is new."},
    )
    after = ma.fields.Dict(
        allow_none=True,
        metadata={"description": "The fields that changed, as they became; `null` where the object is gone."},
    )


class AuditEntry(_Change, ReadSchema):
    """A change of an object. Entries are never changed or deleted."""

    actor = fields.Text(
        allow_none=True,
        metadata={"description": "The caller, or the command, that caused it; `null` when it was erased."},
    )
    reason = fields.Text(longest=500, allow_none=True, metadata={"description": "Why, if the caller said so."})
    request_id = fields.Text(allow_none=True, metadata={"description": "The `X-Request-ID` of the response."})


class AccountAuditEntry(_Change, SnakeReadSchema):
    """A change of the account or of what belongs to it. Entries are never changed or deleted."""

    actor = fields.Text(
        metadata={"description": "The caller, or the command, that caused it; empty when it was erased."}
    )
    reason = fields.Text(longest=500, metadata={"description": "Why; empty if the caller did not say."})
    request_id = fields.Text(metadata={"description": "The `X-Request-ID` of the response; empty for commands."})


class _Filters(Schema):
    actor = fields.Identifier(metadata={"description": "The caller, or the command, that caused it."})
    action = fields.Identifier(metadata={"description": "The `operationId` of the request, or the command."})
    object_type = fields.Choice(ObjectType, metadata={"description": "What was changed."})
    object_id = fields.Identifier(metadata={"description": "Identifier of what was changed."})
    at_from = fields.Moment(dates=True, metadata={"description": "Earliest time."})
    at_to = fields.Moment(whole_day=True, metadata={"description": "Latest time."})
    request_id = fields.Identifier(metadata={"description": "The `X-Request-ID` of a response."})


class AuditQuery(_Filters, PageArguments):
    """Filters of the audit trail."""


class HistoryQuery(PageArguments):
    """A page of the history of an object."""


class AccountAuditQuery(_Filters, SnakePageArguments):
    """Filters of the audit trail of an account."""


class AccountHistoryQuery(SnakePageArguments):
    """A page of the history of an account."""
