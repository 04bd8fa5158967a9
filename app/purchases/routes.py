"""`/v1/billing`: packages, purchases and payments."""

from typing import Any

from flask import current_app, request
from sqlalchemy import Row

from app.auth.actor import current_actor
from app.auth.guards import public, requires
from app.auth.permissions import Role
from app.customers.guards import member
from app.customers.membership import Membership
from app.db.paging import Page, whole_list
from app.purchases import failures, packages, payments, refunds, schemas, webhooks
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
    description="Packages, purchases and payments.",
    guide="credits.md#purchases",
)

_member = member()
_staff = requires(roles=[Role.ADMINISTRATOR])


@blueprint.route("/credit-packages")
class CreditPackages(Resource):
    """Packages for sale."""

    guide = "credits.md#plans-and-packages"

    @blueprint.arguments(SnakePageArguments(), location="query")
    @blueprint.response(200, page_of(schemas.CreditPackage))
    @blueprint.doc(operationId="listCreditPackages")
    @_member
    def get(self, arguments: dict[str, Any], membership: Membership) -> Page:
        """List the packages for sale

        Lists the credit packages that are for sale, cheapest first, with tax and total price for the caller's account,
        and whether the caller may purchase them. Packages that are no longer for sale are omitted.
        """
        return packages.search(membership, arguments)


@blueprint.route("/credit-packages/<bigint_id:package_id>/purchase")
class Purchases(Resource):
    """Buying a package."""

    commit = "in parts"

    @blueprint.arguments(schemas.PurchaseCreate(), example=schemas.PURCHASE_EXAMPLE)
    @blueprint.response(201, schemas.Purchase)
    @fails(
        *(failures.NOT_SOLD, failures.PRICE_CHANGED, failures.COUNTRY_UNKNOWN, *failures.GATEWAY),
        *(failures.SUSPENDED, failures.CLOSED, failures.MANAGERS_BUY),
    )
    @blueprint.doc(operationId="purchaseCreditPackage")
    @_member
    def post(self, values: dict[str, Any], package_id: int, membership: Membership) -> dict[str, Any]:
        """Purchase a credit package

        Creates a pending payment for the package. A bank transfer is invoiced at once, a card payment when it succeeds.
        The credits are added once, when the payment succeeds: when Stripe confirms a card payment, or when staff
        approve a bank transfer. Members who are neither owner nor admin are refused with 403 `forbidden`, unless the
        account has `members_may_buy`; a suspended account with 403 `account_suspended`. A package that is no longer for
        sale is refused with 409 `conflict`, a total that differs from `expected_total` with 409 `price_changed`, a
        customer without a known country, if the tax depends on it, with 409 `tax_country_unknown`; an unknown package
        with 404 `not_found`. 503 `payment_gateway_unavailable` leaves the payment pending. Send an `Idempotency-Key`: a
        request repeated without one is another purchase.
        """
        method = PaymentMethod(values["payment_method"])
        key, expected = idempotency.request_key(), values.get("expected_total")
        return payments.purchase(
            current_actor(), membership, package_id, method, request_key=key, expected_total=expected
        )


@blueprint.route("/payment-methods")
class PaymentMethods(Resource):
    """Payment methods."""

    @blueprint.arguments(SnakePageArguments(), location="query")
    @blueprint.response(200, page_of(schemas.PaymentMethodOffer))
    @blueprint.doc(operationId="listPaymentMethods")
    @_member
    def get(self, arguments: dict[str, Any], membership: Membership) -> Page:  # noqa: ARG002 - every member may
        """List payment methods

        Lists all payment methods; `is_enabled` tells which of them this installation accepts. Bank transfer (`manual`)
        is always enabled, `stripe` only if it is configured. A caller who is not a member of any account is refused
        with 403 `no_account`.
        """
        return whole_list(payments.methods(), arguments)


@blueprint.route("/payments")
class Payments(Resource):
    """The payments of the account."""

    @blueprint.arguments(schemas.PaymentQuery(), location="query")
    @blueprint.response(200, page_of(schemas.Payment))
    @blueprint.doc(operationId="listPayments")
    @_member
    def get(self, arguments: dict[str, Any], membership: Membership) -> Page:
        """List payments

        Lists the payments of the caller's account, newest first. Filters select a status and a payment method; invalid
        ones are refused with 400 `invalid_input`.
        """
        return payments.search(membership.account_id, arguments)


@blueprint.route("/payments/<bigint_id:payment_id>")
class OnePayment(Resource):
    """One payment."""

    @blueprint.response(200, schemas.Payment)
    @blueprint.doc(operationId="getPayment")
    @_member
    def get(self, payment_id: int, membership: Membership) -> Row[Any]:
        """Get a payment

        Returns a payment of the caller's account with its current status. An unknown payment, and one of another
        account, is refused with 404 `not_found`.
        """
        return payments.get(membership.account_id, payment_id)


@blueprint.route("/payments/<bigint_id:payment_id>/cancel")
class Cancellation(Resource):
    """Cancelling a payment that was not made."""

    commit = "in parts"

    @blueprint.response(200, schemas.Payment)
    @fails(failures.NOT_CANCELLABLE, failures.NOT_THE_BUYER, failures.CLOSED, *failures.GATEWAY)
    @blueprint.doc(operationId="cancelPayment")
    @member(or_roles=[Role.ADMINISTRATOR])
    def post(self, payment_id: int, membership: Membership | None) -> Row[Any]:
        """Cancel a pending payment

        Cancels a pending payment, a card payment also at the gateway, and voids its invoice by a credit note. A payment
        that is not pending, or that the gateway is processing, is refused with 409 `conflict`. Members may only cancel
        their own purchases, unless they are owner or admin; others are refused with 403 `forbidden`.
        """
        return payments.cancel(current_actor(), membership, payment_id)


@blueprint.route("/payments/<bigint_id:payment_id>/approve")
class Approval(Resource):
    """Settling a bank transfer."""

    @_staff
    @blueprint.arguments(schemas.Approval(), example=schemas.APPROVAL_EXAMPLE)
    @blueprint.response(200, schemas.Payment)
    @fails(failures.NOT_APPROVABLE, failures.AMOUNT_MISMATCH, failures.CLOSED)
    @blueprint.doc(operationId="approvePayment")
    def post(self, values: dict[str, Any], payment_id: int) -> Row[Any]:
        """Approve a bank transfer

        Settles a bank transfer that has arrived: the payment succeeds, its invoice is paid and its credits are added,
        in one transaction. Another amount than is due is refused with 409 `amount_mismatch`, unless the difference is
        accepted for a `reason`. A cancelled order that is paid all the same is approved in the same way and invoiced
        again; a payment that is settled or made by card is refused with 409 `conflict`.
        """
        return payments.approve(current_actor(), payment_id, values)


@blueprint.route("/payments/<bigint_id:payment_id>/refund")
class Refund(Resource):
    """Refunding a payment."""

    commit = "in parts"

    @_staff
    @blueprint.arguments(schemas.RefundCreate(), example=schemas.REFUND_EXAMPLE)
    @blueprint.response(200, schemas.Payment)
    @fails(
        failures.NOT_REFUNDABLE,
        failures.REFUND_EXCEEDS,
        failures.CREDITS_SPENT,
        *failures.GATEWAY,
        failures.CLOSED,
    )
    @blueprint.doc(operationId="refundPayment")
    def post(self, values: dict[str, Any], payment_id: int) -> Row[Any]:
        """Refund a payment

        Refunds an amount or credits of a payment, or what remains of both: takes the credits back, then returns the
        money by the same payment method. More than remains is refused with 409 `refund_exceeds_payment`, credits that
        are gone with 409 `credits_spent`, and a payment whose status allows no refund with 409 `conflict`. The payment
        is `refunding` until the gateway reports success; if the refund fails, the credits are returned. Send an
        `Idempotency-Key`, and retry with the same key.
        """
        return refunds.refund(current_actor(), payment_id, values, idempotency.request_key())


@blueprint.route("/webhooks/stripe")
class StripeWebhook(Resource):
    """Events from Stripe."""

    guide = "credits.md#interrupted-payments-and-webhooks"

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
                "description": "Signature of the body by Stripe.",
                "schema": {"type": "string"},
            },
        ],
        requestBody={
            "required": True,
            "content": {"application/json": {"schema": {"type": "object"}, "example": schemas.EVENT_EXAMPLE}},
        },
    )
    def post(self) -> dict[str, bool]:
        """Receive a Stripe event

        Webhook for Stripe. Applies each event once, in any order of delivery. An event without a valid signature made
        within the last five minutes is refused with 400 `invalid_input` and changes nothing.
        """
        secret = current_app.config["SETTINGS"].stripe_webhook_secret
        applied = webhooks.receive(request.get_data(), request.headers.get("Stripe-Signature", ""), secret)
        return {"received": True, "applied": applied}
