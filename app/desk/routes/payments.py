"""`/v1/admin/payments`: those of all accounts."""

from typing import Any

from app.db.paging import Page
from app.desk import failures, guards, payments, schemas
from app.web.blueprint import ApiBlueprint
from app.web.failures import fails
from app.web.resource import Resource
from app.web.schemas import page_of

blueprint = ApiBlueprint(
    "desk-payments",
    __name__,
    url_prefix="/v1/admin",
    description="The vendor's desk: payments of all accounts.",
    guide="desk.md#approve-a-transfer",
)

_reads = guards.reads()


@blueprint.route("/payments")
class Payments(Resource):
    """The payments of all accounts."""

    @blueprint.arguments(schemas.DeskPaymentQuery(), location="query")
    @blueprint.response(200, page_of(schemas.DeskPayment))
    @blueprint.doc(operationId="listAllPayments")
    @_reads
    def get(self, arguments: dict[str, Any]) -> Page:
        """List the payments of all accounts

        Lists payments with the accounts and invoices they are of, newest first. With `status=pending` and
        `payment_method=manual` it is the worklist of transfers to be approved; the number on the bank statement is
        `invoice_number`.
        """
        return payments.search(arguments)


@blueprint.route("/payments/<bigint_id:payment_id>")
class OnePayment(Resource):
    """One payment."""

    @blueprint.response(200, schemas.DeskPayment)
    @fails(failures.NO_PAYMENT)
    @blueprint.doc(operationId="getAnyPayment")
    @_reads
    def get(self, payment_id: int) -> dict[str, Any]:
        """Get a payment of any account

        Returns a payment with the account and the invoice it is of. An unknown one is refused with 404 `not_found`.
        """
        return payments.get(payment_id)
