"""`/v6/billing-accounts/{id}/…`: the books of a budget."""

from typing import Any

from app.auth.actor import current_actor
from app.auth.guards import requires
from app.billing_accounts import book_schemas as schemas
from app.billing_accounts import books, failures, permissions, statement_pdf
from app.db.paging import Page
from app.web.blueprint import ApiBlueprint
from app.web.failures import fails
from app.web.resource import Resource
from app.web.schemas import StatementQuery, page_of

blueprint = ApiBlueprint(
    "budget-books",
    __name__,
    url_prefix="/v6/billing-accounts",
    description="The books of budgets: movements, balances and statements.",
    guide="api.md#books",
)

_read = requires(roles=permissions.READERS, scopes=permissions.READ)


@blueprint.route("/<int_id:billing_account_id>/movements")
class Movements(Resource):
    """The movements of one account."""

    @_read
    @blueprint.arguments(schemas.MovementQuery(), location="query")
    @blueprint.response(200, page_of(schemas.Movement))
    @blueprint.doc(operationId="listBillingAccountMovements")
    def get(self, arguments: dict[str, Any], billing_account_id: int) -> Page:
        """List the movements of a budget

        Lists every change of the budget in pages, newest first unless `sortBy` is given: what changed, what it came to,
        who caused it and why. Filters combine with AND. An account that is unknown or not visible to the caller is
        refused with 404 `not_found`.
        """
        return books.movements(current_actor(), billing_account_id, arguments)


@blueprint.route("/<int_id:billing_account_id>/balance")
class Balance(Resource):
    """The balance of one account."""

    @_read
    @blueprint.arguments(schemas.BalanceQuery(), location="query")
    @blueprint.response(200, schemas.Balance)
    @fails(failures.NOT_OPEN_YET)
    @blueprint.doc(operationId="getBillingAccountBalance")
    def get(self, arguments: dict[str, Any], billing_account_id: int) -> dict[str, Any]:
        """Get the balance of a budget at an instant

        Returns what the budget was after everything that happened up to and including `asOf`. An instant in the future
        is refused with 400 `invalid_input`, one before the account was opened with 409 `not_open_yet`, an account that
        is unknown or not visible to the caller with 404 `not_found`.
        """
        return books.balance(current_actor(), billing_account_id, **arguments)


@blueprint.route("/<int_id:billing_account_id>/statement")
class Statement(Resource):
    """A statement of one account."""

    @_read
    @blueprint.arguments(StatementQuery(), location="query")
    @blueprint.statement(schemas.Statement, schemas.StatementRow, statement_pdf.render)
    @fails(failures.USE_CSV)
    @blueprint.doc(operationId="getBillingAccountStatement")
    def get(self, arguments: dict[str, Any], billing_account_id: int) -> books.Statement:
        """Get a statement of a budget

        Returns what the budget was at `from`, every movement from then until before `to`, oldest first, and what it was
        then: as JSON, as CSV with a row for each end, or as a PDF, by `Accept` or `format`. Before the account was
        opened all amounts are 0; a period may end in the future. A PDF of more than 5,000 movements is refused with 400
        `use_csv`, an account that is unknown or not visible to the caller with 404 `not_found`.
        """
        return books.Statement(current_actor(), billing_account_id, arguments["since"], arguments["until"])
