"""`/v6/billing-accounts`: accounts and their users. The routes that change budgets are in `money_routes`."""

from typing import Any

from sqlalchemy import Row

from app.auth.actor import current_actor
from app.auth.guards import requires
from app.auth.permissions import PROJECT_MANAGERS, TALENT_MANAGERS, Role, scopes
from app.billing_accounts import access, failures, schemas, service
from app.billing_accounts.visibility import MEMBER_VIEW, READ_SCOPES, SEES_ALL
from app.db.paging import Page
from app.web.blueprint import ApiBlueprint
from app.web.failures import fails
from app.web.resource import Resource
from app.web.schemas import page_of

blueprint = ApiBlueprint(
    "billing-accounts",
    __name__,
    url_prefix="/v6/billing-accounts",
    description="Billing accounts: budgets, locked and consumed amounts, and access grants.",
    guide="api.md#access-and-visibility",
)

RESOURCE = "billing-account"

_read = requires(roles=[*SEES_ALL, *PROJECT_MANAGERS], scopes=READ_SCOPES)
_create = requires(roles=[Role.ADMINISTRATOR, *TALENT_MANAGERS], scopes=scopes(RESOURCE, "create"))
_update = requires(roles=[Role.ADMINISTRATOR, *TALENT_MANAGERS], scopes=scopes(RESOURCE, "update"))


@blueprint.route("")
class BillingAccounts(Resource):
    """All accounts."""

    @_read
    @blueprint.arguments(schemas.BillingAccountQuery(), location="query")
    @blueprint.response(200, page_of(schemas.BillingAccount))
    @blueprint.doc(operationId="listBillingAccounts")
    def get(self, arguments: dict[str, Any]) -> Page:
        """List billing accounts

        Lists the accounts that are visible to the caller, newest first unless `sortBy` is given. Project managers see
        only accounts they were granted access to; callers who read them only as copilot or bookingmanager see
        `memberPaymentsRemaining` instead of `markup`. Filters combine with AND; invalid or unknown filters are refused
        with 400 `invalid_input`.
        """
        return service.search(current_actor(), arguments)

    @_create
    @blueprint.arguments(schemas.BillingAccountCreate(), example=schemas.CREATE_EXAMPLE)
    @blueprint.response(201, schemas.BillingAccount)
    @blueprint.doc(operationId="createBillingAccount")
    def post(self, values: dict[str, Any]) -> Row[Any]:
        """Create a billing account

        Creates an account with a budget for an existing client. An unknown `clientId` is refused with 400
        `invalid_input`. The caller is recorded as `createdBy`.
        """
        return service.create(current_actor(), values)


@blueprint.route("/<int_id:billing_account_id>")
class OneBillingAccount(Resource):
    """One account."""

    @_read
    @blueprint.response(200, schemas.BillingAccountDetail)
    @blueprint.doc(operationId="getBillingAccount")
    def get(self, billing_account_id: int) -> Row[Any]:
        """Get a billing account with its budget lines

        Returns the account with all locked and consumed amounts. An account that is unknown or not visible to the
        caller is refused with 404 `not_found`.
        """
        return service.detail(current_actor(), billing_account_id)

    @_update
    @blueprint.arguments(schemas.BillingAccountUpdate(), example={"budget": 12000})
    @blueprint.response(200, schemas.BillingAccount)
    @fails(failures.BELOW_RESERVED)
    @blueprint.doc(operationId="updateBillingAccount")
    def patch(self, changes: dict[str, Any], billing_account_id: int) -> Row[Any]:
        """Update a billing account

        Updates the fields that are sent; `null` clears an optional field. A budget below the sum of locked and consumed
        amounts is refused with 409 `budget_below_reserved`, an unknown account with 404 `not_found`.
        """
        return service.update(billing_account_id, changes)


@blueprint.route("/<int_id:billing_account_id>/entries")
class Entries(Resource):
    """The budget lines of one account."""

    @_read
    @blueprint.arguments(schemas.EntryQuery(), location="query")
    @blueprint.response(200, page_of(schemas.Entry))
    @blueprint.doc(operationId="listBillingAccountEntries")
    def get(self, arguments: dict[str, Any], billing_account_id: int) -> Page:
        """List the budget lines of an account

        Lists the locked and consumed amounts of the account in pages, newest first unless `sortBy` is given; the detail
        of the account returns all of them. Filters select a kind or an external reference. An account that is unknown
        or not visible to the caller is refused with 404 `not_found`.
        """
        return service.entries(current_actor(), billing_account_id, arguments)


@blueprint.route("/<int_id:billing_account_id>/users")
class Users(Resource):
    """The users of one account."""

    @_read
    @blueprint.arguments(schemas.UserQuery(), location="query")
    @blueprint.response(200, page_of(schemas.AccountUser))
    @blueprint.doc(operationId="listBillingAccountUsers")
    def get(self, arguments: dict[str, Any], billing_account_id: int) -> Page:
        """List the users of a billing account

        Lists the users who were granted access to the account, in the order of the grants. In this list `id` is the
        user id, which identifies the user when access is revoked. An account that is unknown or not visible to the
        caller is refused with 404 `not_found`.
        """
        return access.users(current_actor(), billing_account_id, arguments)

    @_create
    @blueprint.arguments(schemas.Grant(), example={"userId": "40051399", "userHandle": "ann"})
    @blueprint.response(201, schemas.AccountUser)
    @blueprint.doc(operationId="grantBillingAccountAccess")
    def post(self, grant: dict[str, Any], billing_account_id: int) -> access.GrantedUser:
        """Grant a user access to a billing account

        Grants a user access to the account. Granting access again succeeds and changes nothing. An unknown account is
        refused with 404 `not_found`.
        """
        return access.grant(billing_account_id, **grant)


@blueprint.route("/<int_id:billing_account_id>/users/<text_id:user_id>")
class OneUser(Resource):
    """One user of one account."""

    @_create
    @blueprint.response(200, schemas.Revoked)
    @blueprint.doc(operationId="revokeBillingAccountAccess")
    def delete(self, billing_account_id: int, user_id: str) -> dict[str, bool]:
        """Revoke a user's access to a billing account

        Revokes the access grant of a user: the account is no longer visible to them through it. A user without access,
        and an unknown account, are refused with 404 `not_found`.
        """
        access.revoke(billing_account_id, user_id)
        return {"removed": True}


@blueprint.route("/<int_id:billing_account_id>/users/<text_id:user_id>/access")
class UserAccess(Resource):
    """Whether one user may use one account."""

    @_read
    @blueprint.response(200, schemas.HasAccess)
    @blueprint.doc(operationId="checkBillingAccountAccess")
    def get(self, billing_account_id: int, user_id: str) -> dict[str, bool]:
        """Check a user's access to a billing account

        Returns in `hasAccess` whether the user was granted access to the account. The status is 200 either way, so
        check `data.hasAccess`, not the status. An account that is unknown or not visible to the caller is refused with
        404 `not_found`.
        """
        service.require_visible(current_actor(), billing_account_id)
        return {"has_access": access.has_access(billing_account_id, user_id)}


@blueprint.route("/users/<text_id:user_id>")
class AccountsOfUser(Resource):
    """The accounts of one user."""

    @requires(roles=[Role.ADMINISTRATOR, *MEMBER_VIEW], scopes=READ_SCOPES)
    @blueprint.arguments(schemas.BillingAccountQuery(exclude=["user_id"]), location="query")
    @blueprint.response(200, page_of(schemas.BillingAccount))
    @blueprint.doc(operationId="listBillingAccountsOfUser")
    def get(self, arguments: dict[str, Any], user_id: str) -> Page:
        """List the billing accounts of a user

        Lists the accounts that the user was granted access to, with the filters and sort fields of the list of all
        accounts. The list is empty for a user without grants. Invalid or unknown filters are refused with 400
        `invalid_input`.
        """
        return service.search(current_actor(), arguments, user_id=user_id)
