"""`/v6/reports`: reports over all billing accounts."""

from typing import Any

from app.auth.guards import requires
from app.auth.permissions import Role
from app.billing_accounts import permissions, reports
from app.billing_accounts import report_schemas as schemas
from app.db.paging import Page
from app.web.blueprint import ApiBlueprint
from app.web.resource import Resource
from app.web.schemas import page_of

blueprint = ApiBlueprint(
    "budget-reports",
    __name__,
    url_prefix="/v6/reports",
    description="Reports over all billing accounts.",
    guide="api.md#budgets",
)


@blueprint.route("/budgets")
class Budgets(Resource):
    """Budgets that run out."""

    @requires(roles=(Role.ADMINISTRATOR,), scopes=permissions.READ)
    @blueprint.arguments(schemas.BudgetReportQuery(), location="query")
    @blueprint.response(200, page_of(schemas.RunningBudget))
    @blueprint.doc(operationId="listBudgetsRunningOut")
    def get(self, arguments: dict[str, Any]) -> Page:
        """List the billing accounts that run out

        Lists the active billing accounts of whose budget at most `maxShare` remains, the one with the least share
        first. Each says what it consumed on average on each of the last 30 days, and how many days the rest lasts at
        that rate.
        """
        return reports.running_out(arguments)
