"""`/v1/account`: the customer's own account, its settings and its usage."""

from typing import Any

from flask import current_app

from app.auth.actor import current_actor
from app.credits import account_schemas as schemas
from app.credits import accounts, analytics, failures
from app.customers.guards import manager, member, person
from app.customers.membership import Membership
from app.web.blueprint import ApiBlueprint
from app.web.failures import fails
from app.web.resource import Resource

blueprint = ApiBlueprint(
    "account",
    __name__,
    url_prefix="/v1/account",
    description="The customer's own account: settings and usage.",
    guide="credits.md#whose-account",
)


@blueprint.route("")
class Accounts(Resource):
    """New accounts."""

    @person()
    @blueprint.arguments(schemas.AccountCreate(), example=schemas.ACCOUNT_EXAMPLE)
    @blueprint.response(201, schemas.AccountSettings)
    @fails(failures.OWNS_ONE, failures.TOO_MANY)
    @blueprint.doc(operationId="openAccount")
    def post(self, values: dict[str, Any]) -> dict[str, Any]:
        """Open an account, which gets its plan's first credits

        Opens an account, makes the caller its owner and brings the first credits of the default plan, unless the caller
        or their verified e-mail address got first credits before. A caller who owns an account is refused with 409, and
        so is one who opened as many accounts as one may: `too_many_accounts`.
        """
        limit = current_app.config["SETTINGS"].accounts_per_identity
        return accounts.create(current_actor(), values, limit=limit)


@blueprint.route("/settings")
class Settings(Resource):
    """What the account says of itself."""

    @member()
    @blueprint.response(200, schemas.AccountSettings)
    @blueprint.doc(operationId="getAccountSettings")
    def get(self, membership: Membership) -> dict[str, Any]:
        """Get the account's settings

        Returns the settings of the caller's account. Balance, id and slug are shown here and change elsewhere or never.
        """
        return accounts.settings(membership.account_id)

    @manager()
    @blueprint.arguments(schemas.AccountUpdate(), example=schemas.SETTINGS_EXAMPLE)
    @blueprint.response(200, schemas.AccountSettings)
    @blueprint.doc(operationId="updateAccountSettings")
    def patch(self, changes: dict[str, Any], membership: Membership) -> dict[str, Any]:
        """Change the account's settings

        Changes the fields that are sent and leaves the others. Invoices that were issued keep the name and address of
        their day.
        """
        return accounts.update_settings(membership.account_id, changes)


@blueprint.route("/usage/analytics")
class UsageAnalytics(Resource):
    """What was spent and bought."""

    guide = "credits.md#balance-and-transactions"

    @member()
    @blueprint.arguments(schemas.AnalyticsQuery(), location="query")
    @blueprint.response(200, schemas.UsageAnalytics)
    @blueprint.doc(operationId="getUsageAnalytics")
    def get(self, arguments: dict[str, Any], membership: Membership) -> dict[str, Any]:
        """Get usage and purchases by day and type

        Returns one row for each of the last `days` days, oldest first, with zeros where nothing happened. Days are UTC
        and include today; the cost does not grow with the number of transactions.
        """
        return analytics.usage(membership.account_id, arguments["days"])
