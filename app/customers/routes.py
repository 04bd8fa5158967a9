"""`/v1/account`: the team of a customer's account, memberships and invitations."""

from typing import Any

from sqlalchemy import Row

from app.auth.actor import current_actor
from app.customers import failures, invitations, schemas, team
from app.customers import membership as memberships
from app.customers.guards import manager, member, person
from app.customers.membership import Membership
from app.customers.models import MemberRole
from app.db.paging import Page
from app.web.blueprint import ApiBlueprint
from app.web.failures import fails
from app.web.resource import Resource
from app.web.schemas import SnakePageArguments, page_of

blueprint = ApiBlueprint(
    "team",
    __name__,
    url_prefix="/v1/account",
    description="The team of a customer's account: members, invitations and memberships.",
    guide="credits.md#whose-account",
)

_manager = manager()
_person = person()


@blueprint.route("/team")
class Team(Resource):
    """The people of the account."""

    @member()
    @blueprint.arguments(SnakePageArguments(), location="query")
    @blueprint.response(200, page_of(schemas.TeamMember))
    @blueprint.doc(operationId="listTeamMembers")
    def get(self, arguments: dict[str, Any], membership: Membership) -> Page:
        """List the team

        Lists everybody who belongs to the account, and those who are invited. Invited people are not active until they
        have accepted.
        """
        return team.members(membership.account_id, arguments)

    @_manager
    @blueprint.arguments(schemas.Invitation(), example=schemas.INVITATION_EXAMPLE)
    @blueprint.response(201, schemas.TeamMember)
    @fails(failures.INVITED, failures.OWNERS_ONLY)
    @blueprint.doc(operationId="inviteTeamMember")
    def post(self, values: dict[str, Any], membership: Membership) -> Row[Any]:
        """Invite a person to the team

        Invites a person by e-mail address, with a role. The invitation is a row of the team until it is accepted,
        declined, withdrawn, or 14 days old. An address that belongs to the team already is refused with 409.
        """
        return team.invite(current_actor(), membership, values["email"], MemberRole(values["role"]))


@blueprint.route("/team/<bigint_id:member_id>")
class OneMember(Resource):
    """One of the team."""

    @_manager
    @blueprint.arguments(schemas.RoleChange(), example=schemas.ROLE_EXAMPLE)
    @blueprint.response(200, schemas.TeamMember)
    @fails(failures.LAST_OWNER, failures.OWNERS_ONLY)
    @blueprint.doc(operationId="changeTeamMember")
    def patch(self, values: dict[str, Any], member_id: int, membership: Membership) -> Row[Any]:
        """Change the role of a member or an invitation

        Gives a member, or an open invitation, another role. Only owners decide on owners. The last owner who can sign
        in stays one: 409 `last_owner`.
        """
        return team.change_role(current_actor(), membership, member_id, MemberRole(values["role"]))

    @_manager
    @blueprint.response(200, schemas.RemovedMember)
    @fails(failures.LAST_OWNER, failures.OWNERS_ONLY)
    @blueprint.doc(operationId="removeTeamMember")
    def delete(self, member_id: int, membership: Membership) -> dict[str, bool]:
        """Remove a member, or withdraw an invitation

        Removes a member of the team, or withdraws an invitation. The last owner who can sign in stays: 409
        `last_owner`.
        """
        team.remove(current_actor(), membership, member_id)
        return {"removed": True}


@blueprint.route("/leave")
class Leaving(Resource):
    """The end of the caller's own membership."""

    @member()
    @blueprint.response(200, schemas.AccountMembership)
    @fails(failures.LAST_OWNER)
    @blueprint.doc(operationId="leaveAccount")
    def post(self, membership: Membership) -> Row[Any]:
        """Leave the account

        Ends the caller's own membership of the account, and answers with it. The last owner cannot leave: 409
        `last_owner`.
        """
        return team.leave(current_actor(), membership)


@blueprint.route("/memberships")
class Memberships(Resource):
    """The accounts that the caller belongs to."""

    @_person
    @blueprint.arguments(SnakePageArguments(), location="query")
    @blueprint.response(200, page_of(schemas.AccountMembership))
    @blueprint.doc(operationId="listMemberships")
    def get(self, arguments: dict[str, Any]) -> Page:
        """List the accounts that the caller belongs to

        Lists every account that the caller belongs to, the last joined first. Their ids can be sent as `X-Account-Id`.
        """
        return memberships.memberships(current_actor(), arguments)


@blueprint.route("/invitations")
class Invitations(Resource):
    """Invitations to the caller."""

    @_person
    @blueprint.arguments(SnakePageArguments(), location="query")
    @blueprint.response(200, page_of(schemas.ReceivedInvitation))
    @blueprint.doc(operationId="listInvitations")
    def get(self, arguments: dict[str, Any]) -> Page:
        """List the invitations to the caller

        Lists the open invitations that name the caller's e-mail address, newest first. The token must say that the
        address is verified; otherwise the list is empty.
        """
        return invitations.search(current_actor(), arguments)


@blueprint.route("/invitations/<bigint_id:invitation_id>/accept")
class AcceptedInvitation(Resource):
    """Joining an account."""

    @_person
    @blueprint.response(200, schemas.ReceivedInvitation)
    @fails(failures.INVITATION_ENDED, failures.IS_MEMBER)
    @blueprint.doc(operationId="acceptInvitation")
    def post(self, invitation_id: int) -> Row[Any]:
        """Accept an invitation and join its account

        Makes the caller a member of the account, with the role of the invitation. One that was accepted, declined or
        withdrawn, or that expired, is refused with 409 `invitation_ended`.
        """
        return invitations.accept(current_actor(), invitation_id)


@blueprint.route("/invitations/<bigint_id:invitation_id>/decline")
class DeclinedInvitation(Resource):
    """Not joining an account."""

    @_person
    @blueprint.response(200, schemas.ReceivedInvitation)
    @fails(failures.INVITATION_ENDED)
    @blueprint.doc(operationId="declineInvitation")
    def post(self, invitation_id: int) -> Row[Any]:
        """Decline an invitation

        Ends the invitation without joining. One that ended before is refused with 409 `invitation_ended`.
        """
        return invitations.decline(current_actor(), invitation_id)
