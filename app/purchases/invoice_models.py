"""Invoices, credit notes, the numbers of both, and the tax rates."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Numeric, String, func, literal_column
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Id, Moment, Timestamped
from app.db.versions import Versioned
from app.purchases.models import PRICE

# A fraction: 0.23 for 23 %.
RATE = Numeric(7, 6)


class InvoiceStatus(StrEnum):
    """Status of an invoice, which follows from `paid_at` and `amount_credited`."""

    PENDING = "pending"
    PAID = "paid"
    VOID = "void"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


class Series(StrEnum):
    """Prefix of the numbers of a series of documents."""

    INVOICE = "INV"
    CREDIT_NOTE = "CN"


class NumberSeries(Base):
    """The last number of a series in a year, and its time of issue.

    The row is locked from the issue of a document to its commit, so that numbers have no gaps and times of issue never
    decrease from one number to the next.
    """

    __tablename__ = "number_series"

    prefix: Mapped[str] = mapped_column(String(8), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]
    last_at: Mapped[Moment]


class _Document:
    """What invoices and credit notes have: the amounts, and seller and buyer as they were at the time of issue."""

    # As `amounts.Line.as_json` writes them.
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    net_amount: Mapped[Decimal] = mapped_column(PRICE)
    tax_amount: Mapped[Decimal] = mapped_column(PRICE)
    total_amount: Mapped[Decimal] = mapped_column(PRICE)
    currency: Mapped[str] = mapped_column(String(3))
    notes: Mapped[str] = mapped_column(String(1000), server_default="")
    account_name: Mapped[str] = mapped_column(String(255))
    billing_email: Mapped[str] = mapped_column(String(255), server_default="")
    billing_address_line1: Mapped[str] = mapped_column(String(255), server_default="")
    billing_address_line2: Mapped[str] = mapped_column(String(255), server_default="")
    billing_city: Mapped[str] = mapped_column(String(255), server_default="")
    billing_state: Mapped[str] = mapped_column(String(255), server_default="")
    billing_postal_code: Mapped[str] = mapped_column(String(255), server_default="")
    billing_country: Mapped[str] = mapped_column(String(255), server_default="")
    billing_country_code: Mapped[str] = mapped_column(String(2), server_default="")
    tax_id: Mapped[str] = mapped_column(String(255), server_default="")
    seller_name: Mapped[str] = mapped_column(String(255))
    seller_address: Mapped[str] = mapped_column(String(1000), server_default="")
    seller_tax_id: Mapped[str] = mapped_column(String(255), server_default="")
    seller_registration: Mapped[str] = mapped_column(String(255), server_default="")
    seller_bank: Mapped[str] = mapped_column(String(1000), server_default="")


# The columns of `_Document`.
DOCUMENT = frozenset(name for name in _Document.__annotations__)


class Invoice(_Document, Timestamped, Base):
    """An invoice, issued at `created_at`. Only `status`, `paid_at` and `amount_credited` ever change."""

    __tablename__ = "invoices"
    __table_args__ = (
        CheckConstraint("total_amount = net_amount + tax_amount", name="total_amount"),
        CheckConstraint("amount_credited BETWEEN 0 AND total_amount", name="amount_credited"),
        CheckConstraint(
            "status = CASE WHEN paid_at IS NULL AND amount_credited = 0 THEN 'pending'"
            " WHEN paid_at IS NULL AND amount_credited = total_amount THEN 'void'"
            " WHEN amount_credited = 0 THEN 'paid' WHEN amount_credited = total_amount THEN 'refunded'"
            " ELSE 'partially_refunded' END",
            name="status",
        ),
        Index("ix_invoices_account_id", "account_id", "created_at", "id"),
        Index("ix_invoices_created_at", "created_at", "id"),
    )

    id: Mapped[Id] = mapped_column(Identity(), primary_key=True)
    account_id: Mapped[Id] = mapped_column(ForeignKey("customer_accounts.id"))
    invoice_number: Mapped[str] = mapped_column(String(32), unique=True)
    status: Mapped[str] = mapped_column(String(32))
    description: Mapped[str] = mapped_column(String(500))
    payment_method: Mapped[str] = mapped_column(String(16))
    # What a bank transfer names; empty for cards.
    payment_reference: Mapped[str] = mapped_column(String(64), server_default="")
    due_date: Mapped[date]
    paid_at: Mapped[Moment | None]
    amount_credited: Mapped[Decimal] = mapped_column(PRICE, server_default="0")


class CreditNote(_Document, Base):
    """A correction of an invoice: an order that was cancelled, or money that was returned.

    Only `voided_at` ever changes: when the money did come back, because the refund failed after it had succeeded.
    """

    __tablename__ = "credit_notes"
    __table_args__ = (
        CheckConstraint("total_amount = net_amount + tax_amount", name="total_amount"),
        CheckConstraint("total_amount > 0", name="positive"),
        Index("ix_credit_notes_account_id", "account_id", "created_at", "id"),
        Index("ix_credit_notes_created_at", "created_at", "id"),
        Index("ix_credit_notes_invoice_id", "invoice_id", "id"),
    )

    id: Mapped[Id] = mapped_column(Identity(), primary_key=True)
    account_id: Mapped[Id] = mapped_column(ForeignKey("customer_accounts.id"))
    invoice_id: Mapped[Id] = mapped_column(ForeignKey("invoices.id"))
    credit_note_number: Mapped[str] = mapped_column(String(32), unique=True)
    invoice_number: Mapped[str] = mapped_column(String(32))
    invoice_issued_at: Mapped[Moment]
    reason: Mapped[str] = mapped_column(String(500))
    created_at: Mapped[Moment]
    voided_at: Mapped[Moment | None]


class TaxRate(Versioned, Timestamped, Base):
    """The tax rate of a country from its first to its last day, both inclusive; without a last day it does not end.

    The days of two rates of a country never overlap.
    """

    __tablename__ = "tax_rates"
    __table_args__ = (
        CheckConstraint("country ~ '^[A-Z]{2}$'", name="country"),
        CheckConstraint("rate >= 0 AND rate < 1", name="rate"),
        CheckConstraint("valid_from <= valid_to", name="valid_to"),
        ExcludeConstraint(
            ("country", "="),
            (func.daterange(literal_column("valid_from"), literal_column("valid_to"), "[]"), "&&"),
            name="ex_tax_rates_valid",
            using="gist",
        ),
    )

    id: Mapped[Id] = mapped_column(Identity(), primary_key=True)
    country: Mapped[str] = mapped_column(String(2))
    rate: Mapped[Decimal] = mapped_column(RATE)
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
