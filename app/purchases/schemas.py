"""Request and response schemas of packages and payments."""

from datetime import date
from decimal import Decimal

import marshmallow as ma

from app.clock import utc_now
from app.purchases.invoice_schemas import Invoice
from app.purchases.models import PaymentMethod, PaymentStatus
from app.purchases.return_models import RefundStatus
from app.web import fields
from app.web.schemas import ETag, Schema, SnakePageArguments, SnakeReadSchema

PURCHASE_EXAMPLE = {"payment_method": "manual", "expected_total": "9.00"}
REFUND_EXAMPLE = {"amount": "4.50", "reason": "Half of it was bought by mistake"}
APPROVAL_EXAMPLE = {"received_amount": "9.00", "received_on": "2025-12-05", "reference": "RF18 5390 0754 7034"}
EVENT_EXAMPLE = {
    "id": "evt_1PqZ",
    "type": "payment_intent.succeeded",
    "data": {"object": {"id": "pi_3PqZ", "status": "succeeded", "amount": 900, "currency": "usd"}},
}


def _require_some(amount: Decimal) -> None:
    if not amount:
        raise ma.ValidationError("Must be at least 0.01.")


def _require_begun(day: date) -> None:
    if day > utc_now().date():
        raise ma.ValidationError("Must not be in the future.")


def _currency() -> fields.Text:
    return fields.Text(longest=3, metadata={"example": "USD"})


class CreditPackage(SnakeReadSchema):
    """Credits for sale at a price."""

    id = fields.Id()
    name = fields.Text()
    credits = fields.Integer(least=1)
    price = fields.Dollars(metadata={"description": "Price in US dollars, before tax."})
    tax_amount = fields.Dollars(
        allow_none=True,
        metadata={"description": "Tax for this customer; `null` if it depends on their country, which is unknown."},
    )
    total_price = fields.Dollars(
        allow_none=True,
        metadata={"description": "Price with tax for this customer; `null` if the tax is."},
    )
    is_active = fields.Boolean(metadata={"description": "Whether the package is for sale."})
    may_purchase = fields.Boolean(
        metadata={"description": "Whether the caller may purchase it, by their role and the status of the account."}
    )
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


class Refund(SnakeReadSchema):
    """A refund of a payment, made here or at the gateway."""

    id = fields.Id()
    amount = fields.Dollars(metadata={"description": "What is refunded, tax included, in US dollars."})
    credits = fields.Integer(metadata={"description": "Credits taken back for it."})
    status = fields.Choice(RefundStatus, metadata={"description": "`pending` until the gateway reports the outcome."})
    reason = fields.Text(longest=500, metadata={"description": "Why; empty for refunds that were made at the gateway."})
    created_at = fields.Moment()


class Payment(SnakeReadSchema):
    """The payment of an order."""

    etag = ETag.CONSTANT

    id = fields.Id()
    account_id = fields.Id()
    invoice_id = fields.Id(
        allow_none=True,
        metadata={"description": "Identifier of the invoice; `null` for a card payment that did not succeed yet."},
    )
    credits = fields.Integer(least=1)
    amount = fields.Dollars()
    net_amount = fields.Dollars(metadata={"description": "Of the amount, what is before tax."})
    tax_amount = fields.Dollars(metadata={"description": "Of the amount, the tax."})
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
    credits_refunded = fields.Integer(
        metadata={
            "description": "Credits taken back for refunds and lost disputes, or owed for them if they are spent."
        }
    )
    refunds = ma.fields.Nested(Refund, many=True, metadata={"description": "All refunds, oldest first."})
    amount_disputed = fields.Dollars(metadata={"description": "Total of open disputes, in US dollars."})
    amount_charged_back = fields.Dollars(metadata={"description": "Total of lost disputes, in US dollars."})
    received_amount = fields.Dollars(
        allow_none=True,
        metadata={"description": "What was received by bank transfer, in US dollars; `null` before, and for cards."},
    )
    received_on = fields.Day(allow_none=True, metadata={"description": "When a bank transfer was received, if known."})
    reference = fields.Text(metadata={"description": "The bank's reference of a transfer; empty if there is none."})
    difference_reason = fields.Text(
        longest=500, metadata={"description": "Why staff accepted another amount than was due; empty otherwise."}
    )
    created_at = fields.Moment()
    updated_at = fields.Moment()
    succeeded_at = fields.Moment(allow_none=True)
    refunded_at = fields.Moment(allow_none=True)


class PaymentQuery(SnakePageArguments):
    """Filters of the list of payments."""

    status = fields.Choice(PaymentStatus)
    payment_method = fields.Choice(PaymentMethod)


class PurchaseCreate(Schema):
    """The payment method of a purchase, and the total that the caller expects."""

    payment_method = fields.Choice(PaymentMethod, required=True)
    expected_total = fields.Dollars(
        metadata={
            "description": "The `total_price` that the customer was shown; another one is refused with `price_changed`."
        }
    )


class RefundCreate(Schema):
    """A refund of a payment: of an amount, of credits, of both as given, or of the rest."""

    amount = fields.Dollars(
        validate=_require_some,
        metadata={"description": "Amount to refund, tax included. Defaults to the share of `credits`, or the rest."},
    )
    credits = fields.Integer(
        metadata={"description": "Credits to take back; may be 0. Defaults to the share of `amount`, else the rest."}
    )
    reason = fields.Why("Reason for the refund.")


class Approval(Schema):
    """A bank transfer that was received."""

    body_may_be_missing = True

    received_amount = fields.Dollars(
        validate=_require_some, metadata={"description": "What was received, in US dollars. Defaults to what is due."}
    )
    reference = fields.Identifier(load_default="", metadata={"description": "The bank's reference of the transfer."})
    received_on = fields.Day(
        validate=_require_begun,
        metadata={"description": "The day on which it was received; not in the future, in UTC."},
    )
    accept_difference = fields.Boolean(
        load_default=False,
        metadata={"description": "Accept another amount than is due as full payment; requires a `reason`."},
    )
    reason = fields.Text(longest=500, load_default="", metadata={"description": "Why the difference is accepted."})


class Purchase(SnakeReadSchema):
    """The invoice and the payment of a purchase. Its credits are added when the payment succeeds."""

    invoice = ma.fields.Nested(
        Invoice,
        allow_none=True,
        metadata={"description": "The invoice; `null` for a card payment, which is invoiced when it succeeds."},
    )
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
