"""The shapes of packages, invoices and payments in requests and answers."""

from typing import Any

import marshmallow as ma

from app.purchases.models import InvoiceStatus, PaymentMethod, PaymentStatus
from app.web import fields
from app.web.schemas import Schema, SnakePageArguments, SnakeReadSchema, require_order

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
    """Credits at a price."""

    id = fields.Id()
    name = fields.Text()
    credits = fields.Integer(least=1)
    price = fields.Dollars()
    is_active = fields.Boolean(metadata={"description": "Whether it is for sale."})


class PaymentMethodOffer(SnakeReadSchema):
    """A way to pay."""

    payment_method = fields.Choice(PaymentMethod)
    display_name = fields.Text()
    is_enabled = fields.Boolean(metadata={"description": "Whether it is set up here."})


class Invoice(SnakeReadSchema):
    """What a purchase costs, addressed to the customer as they were then."""

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
    seller_name = fields.Text(metadata={"description": "Who it is from, as they were when it was issued."})
    seller_address = fields.Text(longest=1000, metadata={"description": "The seller's postal address, in lines."})
    seller_tax_id = fields.Text(metadata={"description": "Tax identifier of the seller."})
    seller_registration = fields.Text(metadata={"description": "Company registration of the seller."})
    seller_bank = fields.Text(longest=1000, metadata={"description": "Where a bank transfer goes to."})
    created_at = fields.Moment()
    paid_at = fields.Moment(allow_none=True)


class InvoiceQuery(SnakePageArguments):
    """Which invoices to list; newest first."""

    status = fields.Choice(InvoiceStatus)
    start_date = fields.Moment(dates=True, metadata={"description": "From this moment or day on."})
    end_date = fields.Moment(whole_day=True, metadata={"description": "Up to this moment, or the end of this day."})

    @ma.validates_schema
    def _validate(self, values: dict[str, Any], **_: Any) -> None:
        require_order(values, named=str)


class Payment(SnakeReadSchema):
    """Paying an invoice."""

    id = fields.Id()
    account_id = fields.Id()
    invoice_id = fields.Id()
    credits = fields.Integer(least=1)
    amount = fields.Dollars()
    currency = _currency()
    status = fields.Choice(PaymentStatus)
    payment_method = fields.Choice(PaymentMethod)
    gateway_reference = fields.Text(metadata={"description": "What the gateway calls it."})
    failure = fields.Text(
        longest=500, metadata={"description": "Why it has not succeeded, or why the last refund failed."}
    )
    amount_refunded = fields.Dollars(metadata={"description": "What went back by refunds, or is on its way back."})
    credits_refunded = fields.Integer(
        metadata={"description": "The credits that were taken back for refunds and lost disputes."}
    )
    created_at = fields.Moment()
    updated_at = fields.Moment()
    succeeded_at = fields.Moment(allow_none=True)
    refunded_at = fields.Moment(allow_none=True)


class PaymentQuery(SnakePageArguments):
    """Which payments to list; newest first."""

    status = fields.Choice(PaymentStatus)
    payment_method = fields.Choice(PaymentMethod)


class PurchaseCreate(Schema):
    """How to pay for a package."""

    payment_method = fields.Choice(PaymentMethod, required=True)


class RefundCreate(Schema):
    """A refund of what is left of a payment."""

    body_may_be_missing = True

    reason = fields.Text(longest=500, load_default="", metadata={"description": "Why, for the books."})


class Purchase(SnakeReadSchema):
    """What a purchase begins with; its credits arrive when the payment succeeds."""

    invoice = ma.fields.Nested(Invoice)
    payment = ma.fields.Nested(Payment)
    client_secret = fields.Text(metadata={"description": "With it the payer's browser confirms a Stripe payment."})


class ReceivedEvent(SnakeReadSchema):
    """That an event was taken."""

    received = fields.Boolean()
    applied = fields.Boolean(metadata={"description": "Whether it changed anything here."})
