"""Request and response schemas of the users of billing accounts."""

from typing import Any

import marshmallow as ma

from app.web import fields
from app.web.schemas import MAX_PER_PAGE, CamelSchema, PageArguments, ReadSchema, unwrapped

# User interfaces show all users of an account at once.
USERS_PER_PAGE = 1000


def _require_addressable(user_id: str) -> None:
    """Raise ValidationError for ids that a path cannot contain, or that become ambiguous once a proxy decodes it."""
    if user_id in {".", ".."} or user_id.endswith("/access"):
        raise ma.ValidationError("Must not be . or .., and must not end in /access.")


class Grant(CamelSchema):
    """The user to grant access to, flat or wrapped in `{"param": {…}}`."""

    user_id = fields.Identifier(
        blank=False,
        numbers=True,
        required=True,
        validate=_require_addressable,
        metadata={"example": "40051399"},
    )
    user_handle = fields.Identifier(allow_none=True, load_default=None)

    @ma.pre_load
    def _unwrap(self, values: Any, **_: Any) -> Any:
        return unwrapped(values)


class UserQuery(PageArguments):
    """The page of the list of users of an account."""

    per_page = fields.Integer(
        least=1,
        most=MAX_PER_PAGE,
        load_default=USERS_PER_PAGE,
        metadata={"description": "Maximum items per page."},
    )


class AccountUser(ReadSchema):
    """A user with access to a billing account. `id` is the user id."""

    id = fields.Text()
    user_id = fields.Text()
    name = fields.Text(metadata={"description": "The handle, or the user id if no handle is known."})
    status = fields.Choice(("active",))
    created_at = fields.Moment()


class Revoked(ReadSchema):
    """Confirmation that access was revoked."""

    removed = ma.fields.Boolean()


class HasAccess(ReadSchema):
    """Whether a user has access to a billing account."""

    has_access = ma.fields.Boolean()
