"""Request and response schemas of packages, invoices and payments."""

from typing import Any

import marshmallow as ma

from app.purchases.models import InvoiceStatus, PaymentMethod, PaymentStatus
from app.web import fields
from app.web.schemas import ETag, Schema, SnakePageArguments, SnakeReadSchema, require_order

PURCHASE_EXAMPLE = {"payment_method": "manual"}
REFUND_EXAMPLE = {"reason": "Bought by mistake"}
EVENT_EXAMPLE = {
    "id": "evt_1PqZ",
    "type": "payment_intent.succeeded",
    "data": {"object": {"id": "pi_3PqZ", "status": "succeeded", "amount": 900, "currency": "usd"}},
}


def _currency() -> fields.Text:
    return fields.Text(longest=3, metadata={"example": "USD"})


class CreditPackage(SnakeReadSchema):
    """Credits for sale at a price."""

    id = fields.Id()
    name = fields.Text()
    credits = fields.Integer(least=1)
    price = fields.Dollars()
    is_active = fields.Boolean(metadata={"description": "Whether the package is for sale."})
    expires_after_days = fields.Integer(
        least=1,
        allow_none=True,
        metadata={"description": "Days until the bought credits expire; `null` if they do not."},
    )


class PaymentMethodOffer(SnakeReadSchema):
    """A payment method."""

    payment_method = fields.Choice(PaymentMethod)
    display_name = fields.Text()
    is_enabled = fields.Boolean(metadata={"description": "Whether this installation accepts it."})


class Invoice(SnakeReadSchema):
    """The invoice of a purchase, with customer and seller as they were at the time of issue."""

    etag = ETag.CONSTANT

    id = fields.Id()
    invoice_number = fields.Text(metadata={"example": "INV-2025-001"})
    status = fields.Choice(InvoiceStatus)
    description = fields.Text(longest=500)
    total_amount = fields.Dollars()
    currency = _currency()
    account_name = fields.Text()
    billing_email = fields.Text()
    billing_address_line1 = fields.Text()
    billing_address_line2 = fields.Text()
    billing_city = fields.Text()
    billing_state = fields.Text()
    billing_postal_code = fields.Text()
    billing_country = fields.Text()
    tax_id = fields.Text()
    seller_name = fields.Text(metadata={"description": "Name of the seller when the invoice was issued."})
    seller_address = fields.Text(
        longest=1000, metadata={"description": "Postal address of the seller; lines are separated by line breaks."}
    )
    seller_tax_id = fields.Text(metadata={"description": "Tax identifier of the seller."})
    seller_registration = fields.Text(metadata={"description": "Company registration of the seller."})
    seller_bank = fields.Text(longest=1000, metadata={"description": "Bank details of the seller, for bank transfers."})
    created_at = fields.Moment()
    paid_at = fields.Moment(allow_none=True)


class InvoiceQuery(SnakePageArguments):
    """Filters of the list of invoices."""

    status = fields.Choice(InvoiceStatus)
    start_date = fields.Moment(dates=True, metadata={"description": "Start of the range, inclusive."})
    end_date = fields.Moment(whole_day=True, metadata={"description": "End of the range, inclusive."})

    @ma.validates_schema
    def _validate(self, values: dict[str, Any], **_: Any) -> None:
        require_order(values, named=str)


class Payment(SnakeReadSchema):
    """The payment of an invoice."""

    etag = ETag.CONSTANT

    id = fields.Id()
    account_id = fields.Id()
    invoice_id = fields.Id()
    credits = fields.Integer(least=1)
    amount = fields.Dollars()
    currency = _currency()
    status = fields.Choice(PaymentStatus)
    payment_method = fields.Choice(PaymentMethod)
    gateway_reference = fields.Text(
        metadata={"description": "Reference of the payment at the gateway; empty if it has none."}
    )
    failure = fields.Text(
        longest=500, metadata={"description": "Why the payment failed, or why the last refund failed; empty otherwise."}
    )
    amount_refunded = fields.Dollars(
        metadata={"description": "Total of successful and pending refunds, in US dollars."}
    )
    credits_refunded = fields.Integer(metadata={"description": "Credits taken back for refunds and lost disputes."})
    created_at = fields.Moment()
    updated_at = fields.Moment()
    succeeded_at = fields.Moment(allow_none=True)
    refunded_at = fields.Moment(allow_none=True)


class PaymentQuery(SnakePageArguments):
    """Filters of the list of payments."""

    status = fields.Choice(PaymentStatus)
    payment_method = fields.Choice(PaymentMethod)


class PurchaseCreate(Schema):
    """The payment method of a purchase."""

    payment_method = fields.Choice(PaymentMethod, required=True)


class RefundCreate(Schema):
    """A refund of the rest of a payment."""

    body_may_be_missing = True

    reason = fields.Text(
        longest=500, load_default="", metadata={"description": "Reason for the refund, for the records."}
    )


class Purchase(SnakeReadSchema):
    """The invoice and the payment of a purchase. Its credits are added when the payment succeeds."""

    invoice = ma.fields.Nested(Invoice)
    payment = ma.fields.Nested(Payment)
    client_secret = fields.Text(
        metadata={
            "description": (
                "Secret with which the payer's browser confirms a Stripe payment; empty for other payment methods."
            )
        }
    )


class ReceivedEvent(SnakeReadSchema):
    """Confirmation that an event was received."""

    received = fields.Boolean()
    applied = fields.Boolean(metadata={"description": "Whether the event changed anything."})
