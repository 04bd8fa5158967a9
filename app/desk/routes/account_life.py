"""`/v1/admin/accounts`: the life of customer accounts."""

from typing import Any

from app.db.paging import EveryRow
from app.desk import account_export, account_life, failures, guards, permissions
from app.desk import account_life_schemas as schemas
from app.desk.account_export_schemas import AccountExport
from app.desk.accounts import Account
from app.desk.schemas import DeskAccount
from app.web.blueprint import ApiBlueprint
from app.web.failures import fails
from app.web.resource import Resource

blueprint = ApiBlueprint(
    "account-life",
    __name__,
    url_prefix="/v1/admin/accounts",
    description="The vendor's desk: accounts are suspended, resumed, closed, exported, erased, and put on plans.",
    guide="account-life.md#states",
)

_manage = guards.of_account(*permissions.MANAGE)


@blueprint.route("/<bigint_id:account_id>/suspend")
class Suspension(Resource):
    """Suspending an account."""

    @blueprint.arguments(schemas.AccountAction(), example=schemas.REASON_EXAMPLE)
    @blueprint.response(200, DeskAccount)
    @fails(failures.NO_ACCOUNT, failures.CLOSED, failures.NOT_ACTIVE)
    @blueprint.doc(operationId="suspendAccount")
    @_manage
    def post(self, values: dict[str, Any], account: Account) -> dict[str, Any]:
        """Suspend an account

        A suspended account can neither spend nor hold nor buy credits, and gets none of its plan. Reads, captures,
        releases and refunds still work. An account that is suspended already is refused with 409 `conflict`, a closed
        one with 403 `account_closed`.
        """
        return account_life.suspend(account, values["reason"])


@blueprint.route("/<bigint_id:account_id>/resume")
class Resumption(Resource):
    """Resuming an account."""

    @blueprint.arguments(schemas.AccountAction(), example=schemas.REASON_EXAMPLE)
    @blueprint.response(200, DeskAccount)
    @fails(failures.NO_ACCOUNT, failures.CLOSED, failures.NOT_SUSPENDED)
    @blueprint.doc(operationId="resumeAccount")
    @_manage
    def post(self, values: dict[str, Any], account: Account) -> dict[str, Any]:
        """Resume an account

        Ends the suspension of an account. Months that began meanwhile are not granted afterwards. An account that is
        not suspended is refused with 409 `conflict`, a closed one with 403 `account_closed`.
        """
        return account_life.resume(account, values["reason"])


@blueprint.route("/<bigint_id:account_id>/close")
class Closure(Resource):
    """Closing an account."""

    @blueprint.arguments(schemas.AccountAction(), example=schemas.REASON_EXAMPLE)
    @blueprint.response(200, DeskAccount)
    @fails(failures.NO_ACCOUNT, failures.CLOSED, failures.BUSY)
    @blueprint.doc(operationId="closeAccount")
    @_manage
    def post(self, values: dict[str, Any], account: Account) -> dict[str, Any]:
        """Close an account

        Closes an account for good: it can be read, and everything else is refused with 403 `account_closed`. While
        holds, payments or disputes of it are open, closing is refused with 409 `account_busy`; `details` counts them.
        """
        return account_life.close(account, values["reason"])


@blueprint.route("/<bigint_id:account_id>/export")
class Export(Resource):
    """Everything of an account."""

    guide = "account-life.md#exporting"

    @blueprint.archive(AccountExport)
    @fails(failures.NO_ACCOUNT)
    @blueprint.doc(operationId="exportAccount")
    @guards.of_account(*permissions.READ, limit="export")
    def get(self, account: Account) -> dict[str, EveryRow]:
        """Export everything of an account

        Returns all that is kept of one account as one JSON object, in the shapes that its customer sees, as of one
        instant. It is written while it is read: a response that does not end was cut off. An unknown account is refused
        with 404 `not_found`.
        """
        return account_export.lists(account)


@blueprint.route("/<bigint_id:account_id>/erase")
class Erasure(Resource):
    """Erasing an account."""

    guide = "account-life.md#erasing"

    @blueprint.arguments(schemas.AccountAction(), example=schemas.ERASURE_EXAMPLE)
    @blueprint.response(200, DeskAccount)
    @fails(failures.NO_ACCOUNT, failures.NOT_CLOSED)
    @blueprint.doc(operationId="eraseAccount")
    @_manage
    def post(self, values: dict[str, Any], account: Account) -> dict[str, Any]:
        """Erase the personal data of a closed account

        Empties the team, the settings, the actors in the audit trail, the names of keys and the stored responses of the
        account. Its books stay, and its invoices keep the buyer for as long as they must be kept. This cannot be
        undone. An account that is not closed is refused with 409 `conflict`.
        """
        return account_life.erase(account, values["reason"])


@blueprint.route("/<bigint_id:account_id>/plan")
class AccountPlan(Resource):
    """The plan of an account."""

    guide = "account-life.md#plans"

    @blueprint.arguments(schemas.PlanChange(), example=schemas.PLAN_EXAMPLE)
    @blueprint.response(200, DeskAccount)
    @fails(failures.NO_ACCOUNT, failures.CLOSED, failures.UNKNOWN_PLAN)
    @blueprint.doc(operationId="assignAccountPlan")
    @_manage
    def post(self, values: dict[str, Any], account: Account) -> dict[str, Any]:
        """Put an account on a plan

        Assigns a plan from today or from the next month on, in place of what was assigned for later. From `now` on it
        grants at once what it grants in a month beyond what was granted for this one; nothing is taken back. A month is
        granted by the plan of its first day. An unknown plan is refused with 400 `invalid_input`, a closed account with
        403 `account_closed`.
        """
        return account_life.put_on_plan(account, values)
