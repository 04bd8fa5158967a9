"""`/v1/account`: the team of a customer account, memberships and invitations."""

from typing import Any

from sqlalchemy import Row

from app.auth.actor import current_actor
from app.customers import failures, invitations, schemas, team
from app.customers import membership as memberships
from app.customers.guards import manager, member, person
from app.customers.membership import Membership
from app.customers.models import MemberRole
from app.db.paging import Page
from app.db.versions import Expected
from app.web.blueprint import ApiBlueprint
from app.web.failures import fails
from app.web.resource import Resource
from app.web.schemas import SnakePageArguments, page_of
from app.web.versions import takes_if_match

blueprint = ApiBlueprint(
    "team",
    __name__,
    url_prefix="/v1/account",
    description="The team of a customer account: members, invitations and memberships.",
    guide="teams.md#which-account",
)

_manager = manager()
_person = person()


@blueprint.route("/team")
class Team(Resource):
    """The team of the account."""

    @blueprint.arguments(SnakePageArguments(), location="query")
    @blueprint.response(200, page_of(schemas.TeamMember))
    @blueprint.doc(operationId="listTeamMembers")
    @member()
    def get(self, arguments: dict[str, Any], membership: Membership) -> Page:
        """List the team of the account

        Lists the members of the account and its open invitations, newest first. An invitation has `is_active` false
        until it is accepted.
        """
        return team.members(membership.account_id, arguments)

    @blueprint.arguments(schemas.Invitation(), example=schemas.INVITATION_EXAMPLE)
    @blueprint.response(201, schemas.TeamMember)
    @fails(failures.INVITED, failures.OWNERS_ONLY, failures.CLOSED)
    @blueprint.doc(operationId="inviteTeamMember")
    @_manager
    def post(self, values: dict[str, Any], membership: Membership) -> Row[Any]:
        """Invite a person to the account

        Invites a person by e-mail address, with a role, which defaults to `member`. The invitation is listed with the
        team until it is accepted, declined or withdrawn, or expires after 14 days. An address that is already a member
        or invited is refused with 409 `conflict`. Only owners may invite owners; others are refused with 403
        `forbidden`.
        """
        return team.invite(current_actor(), membership, values["email"], MemberRole(values["role"]))


@blueprint.route("/team/<bigint_id:member_id>")
class OneMember(Resource):
    """One member of the team."""

    @blueprint.response(200, schemas.TeamMember)
    @blueprint.doc(operationId="getTeamMember")
    @member()
    def get(self, member_id: int, membership: Membership) -> Row[Any]:
        """Get a member of the team

        Returns a member of the caller's account, or an open invitation to it, with the `ETag` that a change of the role
        and a removal take as `If-Match`. An unknown id, one of another account, and an invitation that ended are
        refused with 404 `not_found`.
        """
        return team.get(membership.account_id, member_id)

    @blueprint.arguments(schemas.RoleChange(), example=schemas.ROLE_EXAMPLE)
    @blueprint.response(200, schemas.TeamMember)
    @fails(failures.LAST_OWNER, failures.OWNERS_ONLY, failures.CLOSED)
    @takes_if_match
    @blueprint.doc(operationId="changeTeamMember")
    @_manager
    def patch(self, values: dict[str, Any], member_id: int, membership: Membership, expected: Expected) -> Row[Any]:
        """Change the role of a member or an invitation

        Sets the role of a member or of an open invitation. Only owners may change the role of an owner, or make a
        member one; others are refused with 403 `forbidden`. A change that leaves the account without an owner who has
        joined is refused with 409 `last_owner`, an unknown id with 404 `not_found`.
        """
        return team.change_role(current_actor(), membership, member_id, MemberRole(values["role"]), expected)

    @blueprint.response(200, schemas.RemovedMember)
    @fails(failures.LAST_OWNER, failures.OWNERS_ONLY, failures.CLOSED)
    @takes_if_match
    @blueprint.doc(operationId="removeTeamMember")
    @_manager
    def delete(self, member_id: int, membership: Membership, expected: Expected) -> dict[str, bool]:
        """Remove a member, or withdraw an invitation

        Removes a member from the account, who loses access at once, or withdraws an invitation. Only owners may remove
        an owner; others are refused with 403 `forbidden`. Removing the last owner who has joined is refused with 409
        `last_owner`, an unknown id with 404 `not_found`.
        """
        team.remove(current_actor(), membership, member_id, expected)
        return {"removed": True}


@blueprint.route("/leave")
class Leaving(Resource):
    """Leaving the account."""

    @blueprint.response(200, schemas.AccountMembership)
    @fails(failures.LAST_OWNER, failures.CLOSED)
    @blueprint.doc(operationId="leaveAccount")
    @member()
    def post(self, membership: Membership) -> team.EndedMembership:
        """Leave the account

        Ends the caller's own membership in the account, and returns it. The last owner cannot leave and is refused with
        409 `last_owner`; make another member an owner first.
        """
        return team.leave(current_actor(), membership)


@blueprint.route("/memberships")
class Memberships(Resource):
    """The memberships of the caller."""

    @blueprint.arguments(SnakePageArguments(), location="query")
    @blueprint.response(200, page_of(schemas.AccountMembership))
    @blueprint.doc(operationId="listMemberships")
    @_person
    def get(self, arguments: dict[str, Any]) -> Page:
        """List the memberships of the caller

        Lists the accounts that the caller is a member of, most recently joined first. Send an `account_id` as
        `X-Account-Id` to select that account. The list is empty for a person without memberships.
        """
        return memberships.memberships(current_actor(), arguments)


@blueprint.route("/invitations")
class Invitations(Resource):
    """The invitations to the caller."""

    @blueprint.arguments(SnakePageArguments(), location="query")
    @blueprint.response(200, page_of(schemas.ReceivedInvitation))
    @blueprint.doc(operationId="listInvitations")
    @_person
    def get(self, arguments: dict[str, Any]) -> Page:
        """List the invitations to the caller

        Lists the open invitations to the caller's e-mail address, newest first. The token must contain the address as
        verified; otherwise the list is empty.
        """
        return invitations.search(current_actor(), arguments)


@blueprint.route("/invitations/<bigint_id:invitation_id>/accept")
class AcceptedInvitation(Resource):
    """Accepting an invitation."""

    @blueprint.response(200, schemas.ReceivedInvitation)
    @fails(failures.INVITATION_ENDED, failures.IS_MEMBER, failures.CLOSED)
    @blueprint.doc(operationId="acceptInvitation")
    @_person
    def post(self, invitation_id: int) -> Row[Any]:
        """Accept an invitation

        Makes the caller a member of the account with the role of the invitation. An invitation that was accepted,
        declined or withdrawn, or that expired, is refused with 409 `invitation_ended`; a caller who is already a
        member, with 409 `conflict`; an invitation to another address, with 404 `not_found`.
        """
        return invitations.accept(current_actor(), invitation_id)


@blueprint.route("/invitations/<bigint_id:invitation_id>/decline")
class DeclinedInvitation(Resource):
    """Declining an invitation."""

    @blueprint.response(200, schemas.ReceivedInvitation)
    @fails(failures.INVITATION_ENDED, failures.CLOSED)
    @blueprint.doc(operationId="declineInvitation")
    @_person
    def post(self, invitation_id: int) -> Row[Any]:
        """Decline an invitation

        Ends the invitation; the caller does not join the account. An invitation that already ended is refused with 409
        `invitation_ended`, an invitation to another address with 404 `not_found`.
        """
        return invitations.decline(current_actor(), invitation_id)
