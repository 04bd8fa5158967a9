"""`/v6/billing-accounts`: the accounts, their budgets, and the users who may use them."""

from typing import Any

from sqlalchemy import Row

from app.auth.actor import current_actor
from app.auth.guards import requires
from app.auth.permissions import Role
from app.billing_accounts import failures, grant_schemas, grants, permissions, schemas, service
from app.billing_accounts.ledger import batch, single
from app.billing_accounts.ledger.batch import Charge
from app.billing_accounts.ledger.single import Reference
from app.billing_accounts.models import ExternalType
from app.db.paging import Page
from app.db.versions import Expected
from app.web.blueprint import ApiBlueprint
from app.web.failures import fails
from app.web.resource import Resource
from app.web.schemas import page_of
from app.web.versions import takes_if_match

blueprint = ApiBlueprint(
    "billing-accounts",
    __name__,
    url_prefix="/v6/billing-accounts",
    description="Billing accounts: budgets, locked and consumed amounts, and access grants.",
    guide="api.md#access-and-visibility",
)

_read = requires(roles=permissions.READERS, scopes=permissions.READ)
_create = requires(roles=permissions.MANAGERS, scopes=permissions.CREATE)
_update = requires(roles=permissions.MANAGERS, scopes=permissions.UPDATE)
_spend = requires(roles=[Role.ADMINISTRATOR], scopes=permissions.UPDATE)


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
    @takes_if_match
    @blueprint.doc(operationId="updateBillingAccount")
    def patch(self, changes: dict[str, Any], billing_account_id: int, expected: Expected) -> Row[Any]:
        """Update a billing account

        Updates the fields that are sent; `null` clears an optional field. A budget below the sum of locked and consumed
        amounts is refused with 409 `budget_below_reserved`, an unknown account with 404 `not_found`.
        """
        return service.update(billing_account_id, changes, expected)


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
    @blueprint.arguments(grant_schemas.UserQuery(), location="query")
    @blueprint.response(200, page_of(grant_schemas.AccountUser))
    @blueprint.doc(operationId="listBillingAccountUsers")
    def get(self, arguments: dict[str, Any], billing_account_id: int) -> Page:
        """List the users of a billing account

        Lists the users who were granted access to the account, in the order of the grants. In this list `id` is the
        user id, which identifies the user when access is revoked. An account that is unknown or not visible to the
        caller is refused with 404 `not_found`.
        """
        return grants.users(current_actor(), billing_account_id, arguments)

    @_create
    @blueprint.arguments(grant_schemas.Grant(), example={"userId": "40051399", "userHandle": "ann"})
    @blueprint.response(201, grant_schemas.AccountUser)
    @blueprint.doc(operationId="grantBillingAccountAccess")
    def post(self, grant: dict[str, Any], billing_account_id: int) -> grants.GrantedUser:
        """Grant a user access to a billing account

        Grants a user access to the account. Granting access again succeeds and changes nothing. An unknown account is
        refused with 404 `not_found`.
        """
        return grants.grant(billing_account_id, **grant)


@blueprint.route("/<int_id:billing_account_id>/users/<text_id:user_id>")
class OneUser(Resource):
    """One user of one account."""

    @_create
    @blueprint.response(200, grant_schemas.Revoked)
    @blueprint.doc(operationId="revokeBillingAccountAccess")
    def delete(self, billing_account_id: int, user_id: str) -> dict[str, bool]:
        """Revoke a user's access to a billing account

        Revokes the access grant of a user: the account is no longer visible to them through it. A user without access,
        and an unknown account, are refused with 404 `not_found`.
        """
        grants.revoke(billing_account_id, user_id)
        return {"removed": True}


@blueprint.route("/<int_id:billing_account_id>/users/<text_id:user_id>/access")
class UserAccess(Resource):
    """Whether one user may use one account."""

    @_read
    @blueprint.response(200, grant_schemas.HasAccess)
    @blueprint.doc(operationId="checkBillingAccountAccess")
    def get(self, billing_account_id: int, user_id: str) -> dict[str, bool]:
        """Check a user's access to a billing account

        Returns in `hasAccess` whether the user was granted access to the account. The status is 200 either way, so
        check `data.hasAccess`, not the status. An account that is unknown or not visible to the caller is refused with
        404 `not_found`.
        """
        return {"has_access": grants.check(current_actor(), billing_account_id, user_id)}


@blueprint.route("/users/<text_id:user_id>")
class AccountsOfUser(Resource):
    """The accounts of one user."""

    @requires(roles=[Role.ADMINISTRATOR, *permissions.MEMBER_VIEW], scopes=permissions.READ)
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


@blueprint.route("/<int_id:billing_account_id>/lock-amount")
class LockAmount(Resource):
    """The locked amount of a challenge."""

    guide = "api.md#budgets"
    commit = "each statement"

    @_spend
    @blueprint.arguments(schemas.LockAmount(), example=schemas.LOCK_EXAMPLE)
    @blueprint.response(200, schemas.LockResult)
    @fails(*failures.CHARGE, failures.CONSUMED)
    @blueprint.doc(operationId="lockAmount")
    def patch(self, values: dict[str, Any], billing_account_id: int) -> Row[Any] | dict[str, bool]:
        """Lock an amount for a challenge, or release it with 0

        Sets the locked amount of the challenge, replacing any previous lock and its expiry; 0 releases the lock. With
        `expiresIn` or `expiresAt` the lock expires by itself at that instant. A challenge that was already consumed and
        has no lock left is refused with 409 `already_consumed`. A lock that raises the reserved total is refused with
        400 `insufficient_funds` above the remaining budget, with 409 `account_inactive` on an inactive account, and,
        where the installation enforces account dates, with 409 `account_not_current` outside them. A refused request
        changes nothing.
        """
        expiry = {name: values[name] for name in ("expires_at", "expires_in") if name in values}
        line = single.set_lock(billing_account_id, _reference(values), values["amount"], **expiry)
        return {"unlocked": True} if line is None else line


@blueprint.route("/<int_id:billing_account_id>/consume-amount")
class ConsumeAmount(Resource):
    """The consumed amount of a challenge or an engagement."""

    guide = "api.md#budgets"
    commit = "each statement"

    @_spend
    @blueprint.arguments(schemas.ConsumeAmount(), example=schemas.CONSUME_EXAMPLE)
    @blueprint.response(200, schemas.BudgetLine)
    @fails(*failures.CHARGE)
    @blueprint.doc(operationId="consumeAmount")
    def patch(self, values: dict[str, Any], billing_account_id: int) -> Row[Any]:
        """Consume an amount for a challenge or an engagement

        Consumes an amount. For a challenge, this replaces its lock and any amount consumed before; with `final` false
        the amount is added to what was consumed and taken off the lock, the rest of which stays. For an engagement, and
        with `final` false, every call consumes once more, so send an `Idempotency-Key`. An amount that raises the
        reserved total is refused with 400 `insufficient_funds` above the remaining budget, with 409 `account_inactive`
        on an inactive account, and, where the installation enforces account dates, with 409 `account_not_current`
        outside them.
        """
        return single.consume(billing_account_id, _reference(values), values["amount"], final=values.get("final", True))


@blueprint.route("/consume-amounts")
class ConsumeAmounts(Resource):
    """Many amounts at once."""

    guide = "api.md#budgets"

    @_spend
    @blueprint.arguments(schemas.ConsumeAmounts(), example=schemas.CONSUMES_EXAMPLE)
    @blueprint.response(200, schemas.ConsumeCount)
    @fails(*failures.CHARGE, failures.NO_ACCOUNT)
    @blueprint.doc(operationId="consumeAmounts")
    def post(self, values: dict[str, Any]) -> dict[str, int]:
        """Consume amounts for engagements, all or none

        Adds a consumed budget line for each engagement in the list, which may belong to several accounts. Either all
        amounts are consumed or none: the first one that is refused fails the call, and `error.details.index` is its
        position in the list. The reasons are those of the operation for a single amount: 400 `insufficient_funds`, 409
        `account_inactive` and 409 `account_not_current`; an unknown account is 404 `not_found`.
        """
        consumes = values["consumes"]
        batch.consume_all([Charge(c["billing_account_id"], c["external_id"], c["amount"]) for c in consumes])
        return {"count": len(consumes)}


def _reference(values: dict[str, Any]) -> Reference:
    external_id = values.get("external_id", values.get("challenge_id"))
    return Reference(ExternalType(values["external_type"]), str(external_id), values.get("external_name"))
