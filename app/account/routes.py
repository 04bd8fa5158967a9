"""`/v1/account`: the customer's own account, its team and its usage."""

from typing import Any

from sqlalchemy import Row

from app.account import schemas, service
from app.auth.actor import current_actor
from app.auth.guards import signed_in
from app.auth.permissions import SignedIn
from app.credits import analytics
from app.customers import team
from app.customers.models import MemberRole
from app.db.paging import Page
from app.web.blueprint import ApiBlueprint
from app.web.resource import Resource
from app.web.schemas import SnakePageArguments, page_of

blueprint = ApiBlueprint(
    "account",
    __name__,
    url_prefix="/v1/account",
    description="The customer's own account: settings, team, usage.",
    guide="credits.md#whose-account",
)

_member = signed_in()
_manager = signed_in(SignedIn.MANAGER)


@blueprint.route("")
class Accounts(Resource):
    """New accounts."""

    @signed_in(SignedIn.NEWCOMER)
    @blueprint.arguments(schemas.AccountCreate(), example=schemas.ACCOUNT_EXAMPLE)
    @blueprint.response(201, schemas.AccountSettings)
    @blueprint.doc(operationId="openAccount")
    def post(self, values: dict[str, Any]) -> dict[str, Any]:
        """Open an account, which gets its plan's first credits

        Opens an account, makes the caller its owner and brings the first credits of the default plan. Who owns one
        already is refused with 409.
        """
        return service.create(current_actor(), values)


@blueprint.route("/settings")
class Settings(Resource):
    """What the account says of itself."""

    reads_in_transaction = True

    @_member
    @blueprint.response(200, schemas.AccountSettings)
    @blueprint.doc(operationId="getAccountSettings")
    def get(self) -> dict[str, Any]:
        """Get the account's settings

        Returns the settings of the caller's account. Balance, id and slug are shown here and change elsewhere or never.
        """
        return service.settings(current_actor())

    @_manager
    @blueprint.arguments(schemas.AccountUpdate(), example=schemas.SETTINGS_EXAMPLE)
    @blueprint.response(200, schemas.AccountSettings)
    @blueprint.doc(operationId="updateAccountSettings")
    def patch(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Change the account's settings

        Changes the fields that are sent and leaves the others. Invoices that were issued keep the name and address of
        their day.
        """
        return service.update_settings(current_actor(), changes)


@blueprint.route("/team")
class Team(Resource):
    """The people of the account."""

    reads_in_transaction = True

    @_member
    @blueprint.arguments(SnakePageArguments(), location="query")
    @blueprint.response(200, page_of(schemas.TeamMember))
    @blueprint.doc(operationId="listTeamMembers")
    def get(self, arguments: dict[str, Any]) -> Page:
        """List the team

        Lists everybody who belongs to the account, and those who are invited. Invited people are not active until they
        have accepted.
        """
        return team.members(current_actor(), arguments)

    @_manager
    @blueprint.arguments(schemas.Invitation(), example=schemas.INVITATION_EXAMPLE)
    @blueprint.response(201, schemas.TeamMember)
    @blueprint.doc(operationId="inviteTeamMember")
    def post(self, values: dict[str, Any]) -> Row[Any]:
        """Invite somebody to the team

        Invites a person by e-mail address, with a role. An address that belongs to the team already is refused with
        409.
        """
        return team.invite(current_actor(), values["email"], MemberRole(values["role"]))


@blueprint.route("/team/<bigint_id:member_id>")
class OneMember(Resource):
    """One of the team."""

    @_manager
    @blueprint.response(200, schemas.RemovedMember)
    @blueprint.alt_response(409, response="CONFLICT")
    @blueprint.doc(operationId="removeTeamMember")
    def delete(self, member_id: int) -> dict[str, bool]:
        """Take somebody out of the team

        Removes a member of the team, or withdraws an invitation. The last owner who can sign in stays: 409
        `last_owner`.
        """
        team.remove(current_actor(), member_id)
        return {"removed": True}


@blueprint.route("/usage/analytics")
class UsageAnalytics(Resource):
    """What was spent and bought."""

    guide = "credits.md#balance-and-transactions"

    reads_in_transaction = True

    @_member
    @blueprint.arguments(schemas.AnalyticsQuery(), location="query")
    @blueprint.response(200, schemas.UsageAnalytics)
    @blueprint.doc(operationId="getUsageAnalytics")
    def get(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Get usage and purchases by day and type

        Returns one row for each of the last `days` days, oldest first, with zeros where nothing happened. Days are UTC
        and include today; the cost does not grow with the number of transactions.
        """
        return analytics.usage(current_actor(), arguments["days"])
