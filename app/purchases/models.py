"""Credit packages, and the invoice and payment of each purchase."""

from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Numeric, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Id, Moment, Timestamped

PRICE = Numeric(12, 2)
CURRENCY = "USD"


class PaymentMethod(StrEnum):
    """Payment method of a purchase."""

    STRIPE = "stripe"
    MANUAL = "manual"


class PaymentStatus(StrEnum):
    """Status of a payment."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUNDING = "refunding"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    CHARGED_BACK = "charged_back"


class RefundStatus(StrEnum):
    """Status of a refund. A succeeded refund may still fail, if the payer's bank returns the money."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class DisputeStatus(StrEnum):
    """Status of a dispute."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


class InvoiceStatus(StrEnum):
    """Status of an invoice."""

    PENDING = "pending"
    PAID = "paid"
    VOID = "void"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


# Statuses in which a payment has not added credits.
# An open payment may still succeed; money that comes for a cancelled one makes it succeed, too.
OPEN = frozenset({PaymentStatus.PENDING, PaymentStatus.FAILED})
UNPAID = OPEN | {PaymentStatus.CANCELLED}


def _one_of(words: type[StrEnum], column: str) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(str(word)) for word in words)})", name=column)


class CreditPackage(Timestamped, Base):
    """Credits for sale at a price."""

    __tablename__ = "credit_packages"
    __table_args__ = (
        CheckConstraint("credits > 0", name="credits"),
        CheckConstraint("price > 0", name="price"),
        CheckConstraint("expires_after_days > 0", name="expires_after_days"),
    )

    id: Mapped[Id] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)
    credits: Mapped[int]
    price: Mapped[Decimal] = mapped_column(PRICE)
    is_active: Mapped[bool] = mapped_column(server_default="true")
    # NULL for credits that do not expire.
    expires_after_days: Mapped[int | None]


class InvoiceCounter(Base):
    """The last invoice number of a year, incremented in the transaction of its invoice: numbers have no gaps."""

    __tablename__ = "invoice_counters"

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]


class Invoice(Timestamped, Base):
    """The invoice of a purchase, with customer and seller as they were then. Only its status and `paid_at` change."""

    __tablename__ = "invoices"
    __table_args__ = (
        _one_of(InvoiceStatus, "status"),
        Index("ix_invoices_account_id", "account_id", "created_at", "id"),
        Index("ix_invoices_created_at", "created_at", "id"),
    )

    id: Mapped[Id] = mapped_column(Identity(), primary_key=True)
    account_id: Mapped[Id] = mapped_column(ForeignKey("customer_accounts.id"))
    invoice_number: Mapped[str] = mapped_column(String(32), unique=True)
    status: Mapped[str] = mapped_column(String(32))
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
    # The seller at the time of issue.
    seller_name: Mapped[str] = mapped_column(String(255))
    seller_address: Mapped[str] = mapped_column(String(1000), server_default="")
    seller_tax_id: Mapped[str] = mapped_column(String(255), server_default="")
    seller_registration: Mapped[str] = mapped_column(String(255), server_default="")
    seller_bank: Mapped[str] = mapped_column(String(1000), server_default="")
    paid_at: Mapped[Moment | None]


class Payment(Timestamped, Base):
    """The payment of an invoice. Its credits are added once when it succeeds, and taken back as it is refunded."""

    __tablename__ = "payments"
    __table_args__ = (
        _one_of(PaymentStatus, "status"),
        _one_of(PaymentMethod, "payment_method"),
        Index("ix_payments_account_id", "account_id", "created_at", "id"),
        # For the lists of all accounts, of which most look for one status.
        Index("ix_payments_created_at", "created_at", "id"),
        Index("ix_payments_status", "status", "created_at", "id"),
        _one_of(DisputeStatus, "dispute_status"),
        CheckConstraint("amount_refunded BETWEEN 0 AND amount", name="amount_refunded"),
        CheckConstraint("amount_charged_back BETWEEN 0 AND amount", name="amount_charged_back"),
        CheckConstraint("credits_refunded BETWEEN 0 AND credits", name="credits_refunded"),
        CheckConstraint("(status IN ('pending', 'failed', 'cancelled')) = (lot_id IS NULL)", name="lot_id"),
        Index("ix_payments_open", "id", postgresql_where=text("status IN ('pending', 'failed')")),
        Index("uq_payments_request_key", "account_id", "request_key_owner", "request_key", unique=True),
    )

    id: Mapped[Id] = mapped_column(Identity(), primary_key=True)
    account_id: Mapped[Id] = mapped_column(ForeignKey("customer_accounts.id"))
    invoice_id: Mapped[Id] = mapped_column(ForeignKey("invoices.id"), unique=True)
    package_id: Mapped[Id] = mapped_column(ForeignKey("credit_packages.id"))
    credits: Mapped[int]
    # As the package was when it was bought.
    expires_after_days: Mapped[int | None]
    amount: Mapped[Decimal] = mapped_column(PRICE)
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[str] = mapped_column(String(32))
    payment_method: Mapped[str] = mapped_column(String(16))
    # Identifies the payment at the gateway, where ids are ambiguous: several databases may use the same gateway.
    gateway_key: Mapped[UUID] = mapped_column(server_default=text("uuidv7()"), unique=True)
    # The gateway's reference, set once it is known.
    gateway_reference: Mapped[str | None] = mapped_column(String(255), unique=True)
    failure: Mapped[str] = mapped_column(String(500), server_default="")
    requested_by: Mapped[str] = mapped_column(String(255))
    # The idempotency key of the purchase and the identity of its owner; a repeated request continues this payment.
    request_key_owner: Mapped[str] = mapped_column(String(64))
    request_key: Mapped[str | None] = mapped_column(String(255))
    # The lot of the credits.
    lot_id: Mapped[int | None] = mapped_column(BigInteger)
    # Total of successful and pending refunds; and the credits taken back for refunds and charge-backs.
    amount_refunded: Mapped[Decimal] = mapped_column(PRICE, server_default="0")
    credits_refunded: Mapped[int] = mapped_column(server_default="0")
    # The last dispute, and the total charged back by all disputes.
    dispute_reference: Mapped[str | None] = mapped_column(String(255))
    dispute_status: Mapped[str | None] = mapped_column(String(16))
    amount_charged_back: Mapped[Decimal] = mapped_column(PRICE, server_default="0")
    settled_by: Mapped[str | None] = mapped_column(String(255))
    succeeded_at: Mapped[Moment | None]
    refunded_at: Mapped[Moment | None]


class Refund(Timestamped, Base):
    """A refund of a payment, requested here or reported by the gateway."""

    __tablename__ = "refunds"
    __table_args__ = (
        _one_of(RefundStatus, "status"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("(status = 'failed') = (failed_at IS NOT NULL)", name="failed_at"),
        Index("ix_refunds_payment_id", "payment_id", "id"),
        Index("ix_refunds_pending", "id", postgresql_where=text("status = 'pending'")),
    )

    id: Mapped[Id] = mapped_column(Identity(), primary_key=True)
    account_id: Mapped[Id] = mapped_column(ForeignKey("customer_accounts.id"))
    payment_id: Mapped[Id] = mapped_column(ForeignKey("payments.id"))
    amount: Mapped[Decimal] = mapped_column(PRICE)
    status: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(500), server_default="")
    failure: Mapped[str] = mapped_column(String(500), server_default="")
    # As in payments.
    gateway_key: Mapped[UUID] = mapped_column(server_default=text("uuidv7()"), unique=True)
    gateway_reference: Mapped[str | None] = mapped_column(String(255), unique=True)
    requested_by: Mapped[str] = mapped_column(String(255))
    # The idempotency key of the refund and the identity of its owner; a repeated request finds this refund.
    request_key_owner: Mapped[str | None] = mapped_column(String(64))
    request_key: Mapped[str | None] = mapped_column(String(255))
    failed_at: Mapped[Moment | None]


class StripeEvent(Base):
    """A Stripe event that was applied."""

    __tablename__ = "stripe_events"

    id: Mapped[str] = mapped_column(String(255), primary_key=True)
    event_type: Mapped[str] = mapped_column(String(255))
    received_at: Mapped[Moment]
