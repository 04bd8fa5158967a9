"""Request and response schemas of teams, memberships and invitations."""

import marshmallow as ma

from app.customers.models import AccountStatus, MemberRole
from app.web import fields
from app.web.schemas import ETag, Schema, SnakeReadSchema

INVITATION_EXAMPLE = {"email": "ann@harbour.example", "role": "member"}
ROLE_EXAMPLE = {"role": "admin"}


class TeamMember(SnakeReadSchema):
    """A member of the account, or an open invitation."""

    etag = ETag.VERSIONED

    id = fields.Id()
    email = fields.Text()
    first_name = fields.Text()
    last_name = fields.Text()
    is_active = fields.Boolean(
        metadata={"description": "Whether the member has joined; false until the invitation is accepted."}
    )
    is_staff = fields.Boolean(metadata={"description": "Whether the member is an administrator of this service."})
    date_joined = fields.Moment(
        allow_none=True, metadata={"description": "When the member joined; `null` until the invitation is accepted."}
    )
    role = fields.Choice(MemberRole)


class Invitation(Schema):
    """A person to invite, and their role."""

    email = fields.Identifier(blank=False, required=True, validate=ma.validate.Email())
    role = fields.Choice(MemberRole, load_default=MemberRole.MEMBER)


class RoleChange(Schema):
    """The new role."""

    role = fields.Choice(MemberRole, required=True)


class AccountMembership(SnakeReadSchema):
    """A membership of the caller in an account."""

    id = fields.Id(metadata={"description": "Identifier of the caller among the members of the account."})
    account_id = fields.Id()
    account_name = fields.Text()
    account_status = fields.Choice(AccountStatus, metadata={"description": "A closed account can only be read."})
    role = fields.Choice(MemberRole)
    date_joined = fields.Moment()


class ReceivedInvitation(SnakeReadSchema):
    """An invitation of the caller to an account."""

    id = fields.Id()
    account_id = fields.Id()
    account_name = fields.Text()
    role = fields.Choice(MemberRole)
    invited_by = fields.Text(
        metadata={"description": "E-mail address of the inviter, or their user id if no verified address is known."}
    )
    expires_at = fields.Moment()


class RemovedMember(SnakeReadSchema):
    """Confirmation that a team member was removed."""

    removed = ma.fields.Boolean()
