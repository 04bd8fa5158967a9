"""`/v6/billing-accounts`: the accounts and their users. The routes that move money are in `money_routes`."""

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
    description="Budgets, what is locked and consumed of them, and who may use them.",
    guide="api.md#who-sees-what",
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

        Lists the accounts in the caller's sight: a project manager sees those granted to them, and a caller whose only
        reading role is copilot sees no markup. Filters combine with AND; sorting covers the whole set, and without
        `sortBy` the newest accounts come first.
        """
        return service.search(current_actor(), arguments)

    @_create
    @blueprint.arguments(schemas.BillingAccountCreate(), example=schemas.CREATE_EXAMPLE)
    @blueprint.response(201, schemas.BillingAccount)
    @blueprint.doc(operationId="createBillingAccount")
    def post(self, values: dict[str, Any]) -> Row[Any]:
        """Create a billing account

        Creates an account with its budget for an existing client; an unknown `clientId` is refused with 400. The caller
        becomes its `createdBy`.
        """
        return service.create(current_actor(), values)


@blueprint.route("/<int_id:billing_account_id>")
class OneBillingAccount(Resource):
    """One account."""

    @_read
    @blueprint.response(200, schemas.BillingAccountDetail)
    @blueprint.doc(operationId="getBillingAccount")
    def get(self, billing_account_id: int) -> Row[Any]:
        """Get a billing account with its lines

        Returns the account with every amount that is locked or consumed. An account out of the caller's sight is 404,
        as if it did not exist.
        """
        return service.detail(current_actor(), billing_account_id)

    @_update
    @blueprint.arguments(schemas.BillingAccountUpdate(), example={"budget": 12000})
    @blueprint.response(200, schemas.BillingAccount)
    @fails(failures.BELOW_RESERVED)
    @blueprint.doc(operationId="updateBillingAccount")
    def patch(self, changes: dict[str, Any], billing_account_id: int) -> Row[Any]:
        """Change a billing account

        Changes the fields that are sent and leaves the others; `null` clears an optional one. A budget below what is
        locked and consumed is refused with 409 `budget_below_reserved`.
        """
        return service.update(billing_account_id, changes)


@blueprint.route("/<int_id:billing_account_id>/entries")
class Entries(Resource):
    """The lines of one account."""

    @_read
    @blueprint.arguments(schemas.EntryQuery(), location="query")
    @blueprint.response(200, page_of(schemas.Entry))
    @blueprint.doc(operationId="listBillingAccountEntries")
    def get(self, arguments: dict[str, Any], billing_account_id: int) -> Page:
        """List what is locked and consumed

        Lists the lines that the detail of the account shows in full, page by page. They can be filtered by kind and by
        the external reference.
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
        """List the users of an account

        Lists the users who were granted the account. In this list `id` is the user id, by which access is taken away.
        """
        return access.users(current_actor(), billing_account_id, arguments)

    @_create
    @blueprint.arguments(schemas.Grant(), example={"userId": "40051399", "userHandle": "ann"})
    @blueprint.response(201, schemas.AccountUser)
    @blueprint.doc(operationId="grantBillingAccountAccess")
    def post(self, grant: dict[str, Any], billing_account_id: int) -> access.GrantedUser:
        """Let a user use an account

        Grants a user access to the account. Granting it again changes nothing and is no failure; an unknown account is
        404.
        """
        return access.grant(billing_account_id, **grant)


@blueprint.route("/<int_id:billing_account_id>/users/<text_id:user_id>")
class OneUser(Resource):
    """One user of one account."""

    @_create
    @blueprint.response(200, schemas.Revoked)
    @blueprint.doc(operationId="revokeBillingAccountAccess")
    def delete(self, billing_account_id: int, user_id: str) -> dict[str, bool]:
        """Take a user's access away

        Takes the access of a user away, who then no longer sees the account by that grant. A user without access is
        404.
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
        """Check a user's access

        Tells in `hasAccess` whether the user was granted the account. The answer is 200 either way: callers must read
        `data.hasAccess` and grant only on `true`. An unknown account is 404.
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
        """List the accounts a user was granted

        Lists the accounts that the user was granted, with the filters and sorts of all accounts. A user without any
        gets an empty list, not a failure.
        """
        return service.search(current_actor(), arguments, user_id=user_id)
