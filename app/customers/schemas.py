"""The shapes of the team of a customer's account in requests and responses."""

import marshmallow as ma

from app.customers.models import MemberRole
from app.web import fields
from app.web.schemas import Schema, SnakeReadSchema

INVITATION_EXAMPLE = {"email": "ann@harbour.example", "role": "member"}
ROLE_EXAMPLE = {"role": "admin"}


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
