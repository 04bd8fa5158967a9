"""`/v1/billing`: packages, purchases, invoices and payments."""

from typing import Any

from flask import Response, current_app, request
from sqlalchemy import Row

from app.auth.actor import current_actor
from app.auth.guards import public, requires
from app.auth.permissions import Role
from app.customers.guards import member
from app.customers.membership import Membership
from app.db.paging import Page, whole_list
from app.purchases import failures, invoices, packages, payments, pdf, refunds, schemas, webhooks
from app.purchases.models import PaymentMethod
from app.web import idempotency
from app.web.blueprint import ApiBlueprint
from app.web.failures import fails
from app.web.resource import Resource
from app.web.schemas import SnakePageArguments, page_of

blueprint = ApiBlueprint(
    "purchases",
    __name__,
    url_prefix="/v1/billing",
    description="Packages, purchases, invoices and payments.",
    guide="credits.md#buying",
)

_member = member()
_staff = requires(roles=[Role.ADMINISTRATOR])


@blueprint.route("/credit-packages")
class CreditPackages(Resource):
    """Packages for sale."""

    guide = "credits.md#plans-and-packages"

    @_member
    @blueprint.arguments(SnakePageArguments(), location="query")
    @blueprint.response(200, page_of(schemas.CreditPackage))
    @blueprint.doc(operationId="listCreditPackages")
    def get(self, arguments: dict[str, Any], membership: Membership) -> Page:  # noqa: ARG002 - every member may
        """List the packages for sale

        Lists the packages that customers can buy now. Packages taken off sale are not shown.
        """
        return packages.search(arguments)


@blueprint.route("/credit-packages/<bigint_id:package_id>/purchase")
class Purchases(Resource):
    """Buying a package."""

    commit = "in parts"

    @_member
    @blueprint.arguments(schemas.PurchaseCreate(), example=schemas.PURCHASE_EXAMPLE)
    @blueprint.response(201, schemas.Purchase)
    @fails(failures.NOT_SOLD, *failures.GATEWAY)
    @blueprint.doc(operationId="purchaseCreditPackage")
    def post(self, values: dict[str, Any], package_id: int, membership: Membership) -> dict[str, Any]:
        """Buy a package: its credits arrive when the payment succeeds

        Orders a package and returns the payment with its invoice. The credits arrive when the payment succeeds, once:
        at once when Stripe confirms it, or when staff approve a bank transfer. Send an `Idempotency-Key`: a purchase
        that is repeated without one is another purchase.
        """
        method = PaymentMethod(values["payment_method"])
        return payments.purchase(current_actor(), membership, package_id, method, idempotency.request_key())


@blueprint.route("/payment-methods")
class PaymentMethods(Resource):
    """Ways to pay."""

    @_member
    @blueprint.arguments(SnakePageArguments(), location="query")
    @blueprint.response(200, page_of(schemas.PaymentMethodOffer))
    @blueprint.doc(operationId="listPaymentMethods")
    def get(self, arguments: dict[str, Any], membership: Membership) -> Page:  # noqa: ARG002 - every member may
        """List the ways to pay

        Lists the ways to pay that this installation offers. Bank transfer (`manual`) is always there; `stripe` only
        where it is configured.
        """
        return whole_list(payments.methods(), arguments)


@blueprint.route("/invoices")
class Invoices(Resource):
    """Invoices of the caller's account."""

    @_member
    @blueprint.arguments(schemas.InvoiceQuery(), location="query")
    @blueprint.response(200, page_of(schemas.Invoice))
    @blueprint.doc(operationId="listInvoices")
    def get(self, arguments: dict[str, Any], membership: Membership) -> Page:
        """List invoices

        Lists the invoices of the caller's account, newest first. They can be filtered by status and dates.
        """
        return invoices.search(membership.account_id, arguments)


@blueprint.route("/invoices/<bigint_id:invoice_id>")
class OneInvoice(Resource):
    """One invoice."""

    @_member
    @blueprint.response(200, schemas.Invoice)
    @blueprint.doc(operationId="getInvoice")
    def get(self, invoice_id: int, membership: Membership) -> Row[Any]:
        """Get an invoice

        Returns one invoice of the caller's account. An invoice of another account is 404, as if it did not exist.
        """
        return invoices.get(membership.account_id, invoice_id)


@blueprint.route("/invoices/<bigint_id:invoice_id>/pdf")
class InvoicePdf(Resource):
    """One invoice on paper."""

    @member(limit="pdf")
    @blueprint.response(200, {"type": "string", "format": "binary"}, content_type="application/pdf")
    @blueprint.doc(operationId="getInvoicePdf")
    def get(self, invoice_id: int, membership: Membership) -> Response:
        """Get an invoice as a PDF

        Returns the invoice as a PDF file, without an envelope; a failure is JSON all the same. An invoice of another
        account is 404, as if it did not exist.
        """
        invoice = invoices.get(membership.account_id, invoice_id)
        content = pdf.render(invoice._asdict())
        disposition = f'inline; filename="{invoice.invoice_number}.pdf"'
        return Response(content, mimetype="application/pdf", headers={"Content-Disposition": disposition})


@blueprint.route("/payments")
class Payments(Resource):
    """Payments of the caller's account."""

    @_member
    @blueprint.arguments(schemas.PaymentQuery(), location="query")
    @blueprint.response(200, page_of(schemas.Payment))
    @blueprint.doc(operationId="listPayments")
    def get(self, arguments: dict[str, Any], membership: Membership) -> Page:
        """List payments

        Lists the payments of the caller's account, newest first. They can be filtered by status, payment method and
        dates.
        """
        return payments.search(membership.account_id, arguments)


@blueprint.route("/payments/<bigint_id:payment_id>")
class OnePayment(Resource):
    """One payment."""

    @_member
    @blueprint.response(200, schemas.Payment)
    @blueprint.doc(operationId="getPayment")
    def get(self, payment_id: int, membership: Membership) -> Row[Any]:
        """Get a payment

        Returns a payment with its present status. A payment of another account is 404, as if it did not exist.
        """
        return payments.get(membership.account_id, payment_id)


@blueprint.route("/payments/<bigint_id:payment_id>/cancel")
class Cancellation(Resource):
    """Giving up a bank transfer."""

    @member(or_roles=[Role.ADMINISTRATOR])
    @blueprint.response(200, schemas.Payment)
    @fails(failures.NOT_PENDING, failures.NOT_THE_BUYER)
    @blueprint.doc(operationId="cancelPayment")
    def post(self, payment_id: int, membership: Membership | None) -> Row[Any]:
        """Cancel a bank transfer that is not paid: its invoice is void

        Gives up an order by bank transfer that waits for its money. The invoice keeps its number and becomes void. A
        payment that is settled, cancelled or made by card is refused with 409, and so is approving one that was
        cancelled.
        """
        return payments.cancel(current_actor(), membership, payment_id)


@blueprint.route("/payments/<bigint_id:payment_id>/approve")
class Approval(Resource):
    """Settling a bank transfer."""

    @_staff
    @blueprint.response(200, schemas.Payment)
    @fails(failures.NOT_PENDING)
    @blueprint.doc(operationId="approvePayment")
    def post(self, payment_id: int) -> Row[Any]:
        """Approve a bank transfer: its credits arrive

        Settles a bank transfer: the payment succeeds, its invoice is paid and the credits arrive, in one transaction. A
        payment that is not waiting for a transfer is refused with 409.
        """
        return payments.approve(current_actor(), payment_id)


@blueprint.route("/payments/<bigint_id:payment_id>/refund")
class Refund(Resource):
    """Giving money back."""

    commit = "in parts"

    @_staff
    @blueprint.arguments(schemas.RefundCreate(), required=False, example=schemas.REFUND_EXAMPLE)
    @blueprint.response(200, schemas.Payment)
    @fails(failures.NOT_PENDING, failures.CREDITS_SPENT, *failures.GATEWAY)
    @blueprint.doc(operationId="refundPayment")
    def post(self, values: dict[str, Any], payment_id: int) -> Row[Any]:
        """Refund a payment, taking its credits back

        Takes back the unspent credits of this purchase, then returns the money by the way it came: all that was not
        returned before. Credits of it that were spent make it 409 `credits_spent`, and a payment that cannot be
        refunded is 409. The payment is `refunding` until the gateway says that the money went back; should it fail, the
        credits come back. Send an `Idempotency-Key`, and repeat a lost request with it.
        """
        return refunds.refund(current_actor(), payment_id, values["reason"], idempotency.request_key())


@blueprint.route("/webhooks/stripe")
class StripeWebhook(Resource):
    """Events from Stripe."""

    guide = "credits.md#when-something-dies-halfway"

    @public()
    @blueprint.response(200, schemas.ReceivedEvent)
    @fails(failures.NOT_SIGNED)
    @blueprint.doc(
        operationId="receiveStripeEvent",
        parameters=[
            {
                "in": "header",
                "name": "Stripe-Signature",
                "required": True,
                "description": "Signature of the body, made by Stripe.",
                "schema": {"type": "string"},
            },
        ],
        requestBody={
            "required": True,
            "content": {"application/json": {"schema": {"type": "object"}, "example": schemas.EVENT_EXAMPLE}},
        },
    )
    def post(self) -> dict[str, bool]:
        """Take an event from Stripe, which signs it

        Applies an event of the payment gateway, each one once, in whatever order they come. An event that Stripe did
        not sign within five minutes is refused with 400 and changes nothing.
        """
        secret = current_app.config["SETTINGS"].stripe_webhook_secret
        applied = webhooks.receive(request.get_data(), request.headers.get("Stripe-Signature", ""), secret)
        return {"received": True, "applied": applied}
