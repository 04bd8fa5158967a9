"""`/v1/account`: customer accounts, their settings and their usage."""

from typing import Any

from flask import current_app

from app.auth.actor import current_actor
from app.credits import account_schemas as schemas
from app.credits import accounts, analytics, caps, failures
from app.credits.ledger.caps import Cap
from app.customers.guards import manager, member, person
from app.customers.membership import Membership
from app.db.paging import Page
from app.db.versions import Expected
from app.web.blueprint import ApiBlueprint
from app.web.failures import fails
from app.web.resource import Resource
from app.web.schemas import SnakePageArguments, page_of
from app.web.versions import takes_if_match

blueprint = ApiBlueprint(
    "account",
    __name__,
    url_prefix="/v1/account",
    description="Customer accounts: settings and usage.",
    guide="credits.md#accounts-and-memberships",
)


@blueprint.route("")
class Accounts(Resource):
    """New accounts."""

    @blueprint.arguments(schemas.AccountCreate(), example=schemas.ACCOUNT_EXAMPLE)
    @blueprint.response(201, schemas.AccountSettings)
    @fails(failures.OWNS_ONE, failures.TOO_MANY)
    @blueprint.doc(operationId="openAccount")
    @person()
    def post(self, values: dict[str, Any]) -> dict[str, Any]:
        """Open a customer account

        Opens an account with the caller as its owner. It receives the first credits of the default plan, unless the
        caller or their verified e-mail address received first credits before. A caller who already owns an account,
        other than a closed one, is refused with 409 `conflict`, one who opened the maximum number of accounts with 409
        `too_many_accounts`.
        """
        limit = current_app.config["SETTINGS"].accounts_per_identity
        return accounts.create(current_actor(), values, limit=limit)


@blueprint.route("/settings")
class Settings(Resource):
    """The settings of the account."""

    @blueprint.response(200, schemas.AccountSettings)
    @blueprint.doc(operationId="getAccountSettings")
    @member()
    def get(self, membership: Membership) -> dict[str, Any]:
        """Get the account's settings

        Returns the settings of the caller's account, with its credit balance, id and slug. A caller who is not a member
        of any account is refused with 403 `no_account`.
        """
        return accounts.settings(membership.account_id)

    @blueprint.arguments(schemas.AccountUpdate(), example=schemas.SETTINGS_EXAMPLE)
    @blueprint.response(200, schemas.AccountSettings)
    @takes_if_match
    @fails(failures.CLOSED)
    @blueprint.doc(operationId="updateAccountSettings")
    @manager()
    def patch(self, changes: dict[str, Any], membership: Membership, expected: Expected) -> dict[str, Any]:
        """Update the account's settings

        Updates the fields that are sent; `null` clears an optional field. `id`, `slug`, `status`, `plan`,
        `billing_country_code`, `credit_balance` and `created_at` may be sent unchanged; other values are refused with
        400 `invalid_input`. Invoices already issued keep the name and address at the time of issue. Members who are
        neither owner nor admin are refused with 403 `forbidden`.
        """
        return accounts.update_settings(membership.account_id, changes, expected)


@blueprint.route("/usage/analytics")
class UsageAnalytics(Resource):
    """Usage and purchases by day."""

    guide = "credits.md#balance-and-transactions"

    @blueprint.arguments(schemas.AnalyticsQuery(), location="query")
    @blueprint.response(200, schemas.UsageAnalytics)
    @blueprint.doc(operationId="getUsageAnalytics")
    @member()
    def get(self, arguments: dict[str, Any], membership: Membership) -> dict[str, Any]:
        """Get usage and purchases by day and type

        Returns one row for each of the last `days` days, oldest first, with zeros for days without transactions, and
        totals by type of transaction. Days are in UTC and include today. More than 365 days are refused with 400
        `invalid_input`.
        """
        return analytics.usage(membership.account_id, arguments["days"])


@blueprint.route("/caps")
class Caps(Resource):
    """Caps on what may be spent."""

    guide = "credits.md#caps"

    @blueprint.arguments(SnakePageArguments(), location="query")
    @blueprint.response(200, page_of(schemas.Cap))
    @blueprint.doc(operationId="listCreditCaps")
    @manager()
    def get(self, arguments: dict[str, Any], membership: Membership) -> Page:
        """List caps

        Lists the caps of the account, newest first, with what is used of each in its present period. Members who are
        neither owner nor admin are refused with 403 `forbidden`.
        """
        return caps.search(membership.account_id, arguments)

    @blueprint.arguments(schemas.CapPut(), example=schemas.CAP_EXAMPLE)
    @blueprint.response(200, schemas.Cap)
    @fails(failures.CLOSED)
    @blueprint.doc(operationId="setCreditCap")
    @manager()
    def put(self, values: dict[str, Any], membership: Membership) -> Cap:
        """Set a cap

        Limits what may be spent for a member, on an operation or with an API key, in a day, in a month or at all. A cap
        for the same subject and period is replaced; what was spent in the present period before counts too. Spending
        and holds that exceed a cap are refused with 402. The subject of a key is its id; one that is not of the account
        is refused with 400 `invalid_input`.
        """
        return caps.put(membership.account_id, values)


@blueprint.route("/caps/<bigint_id:cap_id>")
class OneCap(Resource):
    """One cap."""

    guide = "credits.md#caps"

    @blueprint.response(200, schemas.RemovedCap)
    @fails(failures.NO_CAP, failures.CLOSED)
    @blueprint.doc(operationId="removeCreditCap")
    @manager()
    def delete(self, cap_id: int, membership: Membership) -> dict[str, bool]:
        """Remove a cap

        Removes a cap. An unknown one is refused with 404 `not_found`.
        """
        return caps.remove(membership.account_id, cap_id)
