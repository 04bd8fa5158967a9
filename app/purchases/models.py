"""Packages of credits, and the invoice and the payment that each purchase makes."""

from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Numeric, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Id, Moment, Timestamped

PRICE = Numeric(12, 2)
CURRENCY = "USD"


class PaymentMethod(StrEnum):
    """How a purchase is paid."""

    STRIPE = "stripe"
    MANUAL = "manual"


class PaymentStatus(StrEnum):
    """Where a payment stands."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUNDING = "refunding"
    REFUNDED = "refunded"


class InvoiceStatus(StrEnum):
    """Where an invoice stands."""

    PENDING = "pending"
    PAID = "paid"
    VOID = "void"
    REFUNDED = "refunded"


def _one_of(words: type[StrEnum], column: str) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(str(word)) for word in words)})", name=column)


class CreditPackage(Timestamped, Base):
    """Credits at a price."""

    __tablename__ = "credit_packages"
    __table_args__ = (CheckConstraint("credits > 0", name="credits"), CheckConstraint("price > 0", name="price"))

    id: Mapped[Id] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)
    credits: Mapped[int]
    price: Mapped[Decimal] = mapped_column(PRICE)
    is_active: Mapped[bool] = mapped_column(server_default="true")


class InvoiceCounter(Base):
    """The last invoice number of a year. Taken in the transaction of its invoice, so that no number is lost."""

    __tablename__ = "invoice_counters"

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]


class Invoice(Timestamped, Base):
    """What a purchase costs, addressed to the customer as they were then."""

    __tablename__ = "invoices"
    __table_args__ = (
        _one_of(InvoiceStatus, "status"),
        Index("ix_invoices_account_id", "account_id", "created_at", "id"),
    )

    id: Mapped[Id] = mapped_column(Identity(), primary_key=True)
    account_id: Mapped[Id] = mapped_column(ForeignKey("customer_accounts.id"))
    invoice_number: Mapped[str] = mapped_column(String(32), unique=True)
    status: Mapped[str] = mapped_column(String(16))
    description: Mapped[str] = mapped_column(String(500))
    total_amount: Mapped[Decimal] = mapped_column(PRICE)
    currency: Mapped[str] = mapped_column(String(3))
    account_name: Mapped[str] = mapped_column(String(255))
    billing_email: Mapped[str] = mapped_column(String(255), server_default="")
    billing_address_line1: Mapped[str] = mapped_column(String(255), server_default="")
    billing_address_line2: Mapped[str] = mapped_column(String(255), server_default="")
    billing_city: Mapped[str] = mapped_column(String(255), server_default="")
    billing_state: Mapped[str] = mapped_column(String(255), server_default="")
    billing_postal_code: Mapped[str] = mapped_column(String(255), server_default="")
    billing_country: Mapped[str] = mapped_column(String(255), server_default="")
    tax_id: Mapped[str] = mapped_column(String(255), server_default="")
    paid_at: Mapped[Moment | None]


class Payment(Timestamped, Base):
    """Paying an invoice. Its credits arrive when it succeeds and go when it is refunded, each once."""

    __tablename__ = "payments"
    __table_args__ = (
        _one_of(PaymentStatus, "status"),
        _one_of(PaymentMethod, "payment_method"),
        Index("ix_payments_account_id", "account_id", "created_at", "id"),
        Index("ix_payments_open", "id", postgresql_where=text("status IN ('pending', 'failed', 'refunding')")),
        Index("uq_payments_request_key", "account_id", "request_key_owner", "request_key", unique=True),
    )

    id: Mapped[Id] = mapped_column(Identity(), primary_key=True)
    account_id: Mapped[Id] = mapped_column(ForeignKey("customer_accounts.id"))
    invoice_id: Mapped[Id] = mapped_column(ForeignKey("invoices.id"), unique=True)
    package_id: Mapped[Id] = mapped_column(ForeignKey("credit_packages.id"))
    credits: Mapped[int]
    amount: Mapped[Decimal] = mapped_column(PRICE)
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[str] = mapped_column(String(16))
    payment_method: Mapped[str] = mapped_column(String(16))
    # What the gateway is told to know the payment by. Another database that uses the same gateway has the same ids.
    gateway_key: Mapped[UUID] = mapped_column(server_default=text("uuidv7()"), unique=True)
    # What the gateway calls the payment; set once it has answered.
    gateway_reference: Mapped[str | None] = mapped_column(String(255), unique=True)
    failure: Mapped[str] = mapped_column(String(500), server_default="")
    requested_by: Mapped[str] = mapped_column(String(255))
    # The idempotency key of the purchase, and the identity of its owner: sent again, it goes on with this payment.
    request_key_owner: Mapped[str] = mapped_column(String(64))
    request_key: Mapped[str | None] = mapped_column(String(255))
    # Those of the refund: sent again, it finds the refund it made.
    refund_requested_by: Mapped[str | None] = mapped_column(String(255))
    refund_key: Mapped[str | None] = mapped_column(String(255))
    settled_by: Mapped[str | None] = mapped_column(String(255))
    succeeded_at: Mapped[Moment | None]
    refunded_at: Mapped[Moment | None]


class StripeEvent(Base):
    """An event that Stripe sent and that was applied."""

    __tablename__ = "stripe_events"

    id: Mapped[str] = mapped_column(String(255), primary_key=True)
    event_type: Mapped[str] = mapped_column(String(255))
    received_at: Mapped[Moment]
