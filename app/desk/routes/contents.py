"""`/v1/admin/accounts/{id}/…`: what an account has, as its customer sees it."""

from typing import Any

from app.credits.hold_schemas import HoldFilters
from app.credits.schemas import TransactionQuery, UsageQuery
from app.db.paging import Page
from app.desk import contents, failures, guards, permissions, schemas
from app.desk.accounts import Account
from app.purchases.invoice_schemas import InvoiceQuery
from app.purchases.schemas import PaymentQuery
from app.trail.schemas import AccountHistoryQuery
from app.web.blueprint import ApiBlueprint
from app.web.failures import fails
from app.web.resource import Resource
from app.web.schemas import SnakePageArguments, page_of

blueprint = ApiBlueprint(
    "desk-contents",
    __name__,
    url_prefix="/v1/admin/accounts/<bigint_id:account_id>",
    description="The vendor's desk: what an account has, as its customer sees it.",
    guide="desk.md#look-into-an-account",
)

_reads = guards.of_account(*permissions.READ)


@blueprint.route("/transactions")
class Transactions(Resource):
    """The credit transactions of an account."""

    @blueprint.arguments(TransactionQuery(), location="query")
    @blueprint.response(200, page_of(schemas.DeskTransaction))
    @fails(failures.NO_ACCOUNT)
    @blueprint.doc(operationId="listAccountTransactions")
    @_reads
    def get(self, arguments: dict[str, Any], account: Account) -> Page:
        """List the credit transactions of an account

        Lists every change of the account's balance with the balance after it, newest first, as the customer sees them.
        An unknown account is refused with 404 `not_found`.
        """
        return contents.transactions(account, arguments)


@blueprint.route("/usage")
class Usage(Resource):
    """Credits that an account spent."""

    @blueprint.arguments(UsageQuery(), location="query")
    @blueprint.response(200, page_of(schemas.DeskUsage))
    @fails(failures.NO_ACCOUNT)
    @blueprint.doc(operationId="listAccountUsage")
    @_reads
    def get(self, arguments: dict[str, Any], account: Account) -> Page:
        """List the usage of an account

        Lists the operations that the account spent credits on, newest first, as the customer sees them. An unknown
        account is refused with 404 `not_found`.
        """
        return contents.usage(account, arguments)


@blueprint.route("/lots")
class Lots(Resource):
    """The lots of an account."""

    @blueprint.arguments(SnakePageArguments(), location="query")
    @blueprint.response(200, page_of(schemas.DeskLot))
    @fails(failures.NO_ACCOUNT)
    @blueprint.doc(operationId="listAccountLots")
    @_reads
    def get(self, arguments: dict[str, Any], account: Account) -> Page:
        """List the lots of an account

        Lists the credits of the account by how they arrived, newest first, whatever became of them. An unknown account
        is refused with 404 `not_found`.
        """
        return contents.lots(account, arguments)


@blueprint.route("/holds")
class Holds(Resource):
    """The holds of an account."""

    @blueprint.arguments(HoldFilters(), location="query")
    @blueprint.response(200, page_of(schemas.DeskHold))
    @fails(failures.NO_ACCOUNT)
    @blueprint.doc(operationId="listAccountHolds")
    @_reads
    def get(self, arguments: dict[str, Any], account: Account) -> Page:
        """List the holds of an account

        Lists the holds of the account, newest first, in whatever state they are. An unknown account is refused with 404
        `not_found`.
        """
        return contents.held(account, arguments)


@blueprint.route("/invoices")
class Invoices(Resource):
    """The invoices of an account."""

    @blueprint.arguments(InvoiceQuery(), location="query")
    @blueprint.response(200, page_of(schemas.DeskInvoice))
    @fails(failures.NO_ACCOUNT)
    @blueprint.doc(operationId="listAccountInvoices")
    @_reads
    def get(self, arguments: dict[str, Any], account: Account) -> Page:
        """List the invoices of an account

        Lists the invoices of the account, newest first. An unknown account is refused with 404 `not_found`.
        """
        return contents.issued_invoices(account, arguments)


@blueprint.route("/payments")
class Payments(Resource):
    """The payments of an account."""

    @blueprint.arguments(PaymentQuery(), location="query")
    @blueprint.response(200, page_of(schemas.DeskPayment))
    @fails(failures.NO_ACCOUNT)
    @blueprint.doc(operationId="listAccountPayments")
    @_reads
    def get(self, arguments: dict[str, Any], account: Account) -> Page:
        """List the payments of an account

        Lists the payments of the account, newest first, with the numbers of their invoices. An unknown account is
        refused with 404 `not_found`.
        """
        return contents.made_payments(account, arguments)


@blueprint.route("/team")
class Team(Resource):
    """The team of an account."""

    @blueprint.arguments(SnakePageArguments(), location="query")
    @blueprint.response(200, page_of(schemas.DeskMember))
    @fails(failures.NO_ACCOUNT)
    @blueprint.doc(operationId="listAccountMembers")
    @_reads
    def get(self, arguments: dict[str, Any], account: Account) -> Page:
        """List the team of an account

        Lists the members of the account and its open invitations, newest first. An unknown account is refused with 404
        `not_found`.
        """
        return contents.members(account, arguments)


@blueprint.route("/history")
class History(Resource):
    """The changes of an account."""

    @blueprint.arguments(AccountHistoryQuery(), location="query")
    @blueprint.response(200, page_of(schemas.DeskChange))
    @fails(failures.NO_ACCOUNT)
    @blueprint.doc(operationId="listAccountChanges")
    @_reads
    def get(self, arguments: dict[str, Any], account: Account) -> Page:
        """List the changes of an account

        Lists who changed the account's settings, its plan and its credits, when and why, newest first. An unknown
        account is refused with 404 `not_found`.
        """
        return contents.history(account, arguments)
