"""Request and response schemas of invoices and credit notes."""

from typing import Any

import marshmallow as ma

from app.purchases.invoice_models import InvoiceStatus
from app.purchases.models import PaymentMethod
from app.web import fields
from app.web.schemas import ETag, SnakePageArguments, SnakeReadSchema, require_order


class _StoredDollars(fields.Dollars):
    """An amount of money that is stored as it is shown."""

    @staticmethod
    def convert(value: Any) -> Any:
        """The amount as it is."""
        return value


class DocumentLine(SnakeReadSchema):
    """A line of an invoice or a credit note."""

    description = fields.Text(longest=500, metadata={"description": "What was sold."})
    quantity = fields.Integer(metadata={"description": "How many."})
    unit_price = _StoredDollars(metadata={"description": "Price of one, before tax."})
    net = _StoredDollars(metadata={"description": "Amount before tax."})
    tax_rate = fields.Text(
        longest=8, metadata={"description": "Tax rate, as a fraction: `0.23` is 23 %.", "example": "0.23"}
    )
    tax = _StoredDollars(metadata={"description": "Tax on the net amount."})


class _Document(SnakeReadSchema):
    etag = ETag.CONSTANT

    lines = ma.fields.List(
        ma.fields.Nested(DocumentLine),
        metadata={"description": "What was sold. Their amounts add up to those of the document."},
    )
    net_amount = fields.Dollars(metadata={"description": "Amount before tax."})
    tax_amount = fields.Dollars(
        metadata={"description": "Tax: of each rate, the rate times the sum of the net amounts, rounded half up."}
    )
    total_amount = fields.Dollars(metadata={"description": "Amount with tax."})
    currency = fields.Text(longest=3, metadata={"example": "USD"})
    notes = fields.Text(longest=1000, metadata={"description": "Notes on tax, such as reverse charge; or empty."})
    account_name = fields.Text(metadata={"description": "Name of the customer account at the time of issue."})
    billing_email = fields.Text()
    billing_address_line1 = fields.Text()
    billing_address_line2 = fields.Text()
    billing_city = fields.Text()
    billing_state = fields.Text()
    billing_postal_code = fields.Text()
    billing_country = fields.Text()
    billing_country_code = fields.Text(
        longest=2, metadata={"description": "ISO 3166 code of the country; empty if it is unknown."}
    )
    tax_id = fields.Text()
    seller_name = fields.Text(metadata={"description": "Name of the seller at the time of issue."})
    seller_address = fields.Text(
        longest=1000, metadata={"description": "Postal address of the seller; lines are separated by line breaks."}
    )
    seller_tax_id = fields.Text(metadata={"description": "Tax identifier of the seller."})
    seller_registration = fields.Text(metadata={"description": "Company registration of the seller."})
    seller_bank = fields.Text(longest=1000, metadata={"description": "Bank details of the seller, for bank transfers."})
    created_at = fields.Moment()


class Invoice(_Document):
    """The invoice of a purchase. Only its status, `paid_at` and `amount_credited` change once it is issued."""

    id = fields.Id()
    invoice_number = fields.Text(metadata={"example": "INV-2025-001"})
    status = fields.Choice(InvoiceStatus)
    description = fields.Text(longest=500)
    issued_at = fields.Moment(metadata={"description": "When the invoice was issued, in the order of the numbers."})
    due_date = fields.Day(metadata={"description": "Day by which it is to be paid."})
    payment_method = fields.Choice(PaymentMethod)
    payment_reference = fields.Text(
        longest=64, metadata={"description": "What a bank transfer has to name; empty for other payment methods."}
    )
    paid_at = fields.Moment(allow_none=True)
    amount_credited = fields.Dollars(metadata={"description": "Total of its credit notes that are not void."})


class _DocumentQuery(SnakePageArguments):
    start_date = fields.Moment(dates=True, metadata={"description": "Start of the range, inclusive."})
    end_date = fields.Moment(whole_day=True, metadata={"description": "End of the range, inclusive."})

    @ma.validates_schema
    def _validate(self, values: dict[str, Any], **_: Any) -> None:
        require_order(values, named=str)


class InvoiceQuery(_DocumentQuery):
    """Filters of the list of invoices."""

    status = fields.Choice(InvoiceStatus)


class CreditNote(_Document):
    """The correction of an invoice. Only `voided_at` changes once it is issued."""

    id = fields.Id()
    credit_note_number = fields.Text(
        metadata={
            "description": "Credit note number. The numbers of a year have no gaps.",
            "example": "CN-2025-001",
        }
    )
    invoice_id = fields.Id(metadata={"description": "Identifier of the invoice that is corrected."})
    invoice_number = fields.Text(
        metadata={"description": "Number of the invoice that is corrected.", "example": "INV-2025-001"}
    )
    invoice_issued_at = fields.Moment(metadata={"description": "When that invoice was issued."})
    reason = fields.Text(longest=500, metadata={"description": "Why the invoice is corrected."})
    voided_at = fields.Moment(
        allow_none=True,
        metadata={
            "description": "When it became void because its refund failed after it had succeeded; `null` if it counts."
        },
    )


class CreditNoteQuery(_DocumentQuery):
    """Filters of the list of credit notes."""

    invoice_number = fields.Identifier(
        longest=32, metadata={"description": "Number of the invoice that is corrected, in any case."}
    )
