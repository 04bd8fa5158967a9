"""Credit packages, and the payment of each purchase. `return_models` has what goes back of payments."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Numeric, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Id, Moment, Timestamped
from app.db.versions import Versioned

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


# An open payment may still succeed. Money that comes for a cancelled one makes it succeed, too.
OPEN = frozenset({PaymentStatus.PENDING, PaymentStatus.FAILED})
# Statuses in which a payment has not added credits.
UNPAID = OPEN | {PaymentStatus.CANCELLED}


def one_of(words: type[StrEnum], column: str) -> CheckConstraint:
    """That a column has one of these words."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(str(word)) for word in words)})", name=column)


class CreditPackage(Timestamped, Versioned, Base):
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


class Payment(Timestamped, Base):
    """The payment of an order. Its credits are added once when it succeeds, and taken back as it is refunded."""

    __tablename__ = "payments"
    __table_args__ = (
        one_of(PaymentStatus, "status"),
        one_of(PaymentMethod, "payment_method"),
        Index("ix_payments_account_id", "account_id", "created_at", "id"),
        # For the lists of all accounts, of which most look for one status.
        Index("ix_payments_created_at", "created_at", "id"),
        Index("ix_payments_status", "status", "created_at", "id"),
        CheckConstraint("amount = net_amount + tax_amount", name="amount"),
        CheckConstraint("amount_refunded BETWEEN 0 AND least(amount, received_amount)", name="amount_refunded"),
        CheckConstraint("amount_charged_back BETWEEN 0 AND amount", name="amount_charged_back"),
        CheckConstraint("amount_disputed BETWEEN 0 AND amount", name="amount_disputed"),
        CheckConstraint("received_amount > 0", name="received_amount"),
        CheckConstraint(
            "received_amount IS NULL OR received_amount = amount OR difference_reason <> ''", name="difference_reason"
        ),
        CheckConstraint("credits_refunded BETWEEN 0 AND credits", name="credits_refunded"),
        CheckConstraint("(status IN ('pending', 'failed', 'cancelled')) = (lot_id IS NULL)", name="lot_id"),
        Index("ix_payments_check_at", "check_at", "id", postgresql_where=text("check_at IS NOT NULL")),
        Index("uq_payments_request_key", "account_id", "request_key_owner", "request_key", unique=True),
    )

    id: Mapped[Id] = mapped_column(Identity(), primary_key=True)
    account_id: Mapped[Id] = mapped_column(ForeignKey("customer_accounts.id"))
    # NULL for a card payment that did not succeed yet: it is invoiced when it is paid.
    invoice_id: Mapped[Id | None] = mapped_column(ForeignKey("invoices.id"), unique=True)
    package_id: Mapped[Id] = mapped_column(ForeignKey("credit_packages.id"))
    credits: Mapped[int]
    # As the package was when it was bought.
    expires_after_days: Mapped[int | None]
    amount: Mapped[Decimal] = mapped_column(PRICE)
    net_amount: Mapped[Decimal] = mapped_column(PRICE)
    tax_amount: Mapped[Decimal] = mapped_column(PRICE)
    # As ordered, for the invoice: its lines and its note on tax, and the country and tax id that decided on the tax.
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    tax_note: Mapped[str] = mapped_column(String(500), server_default="")
    tax_country: Mapped[str] = mapped_column(String(2), server_default="")
    tax_id: Mapped[str] = mapped_column(String(255), server_default="")
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
    # Of a bank transfer, what staff approved: what was received, when and with which reference, and why another amount
    # than was due is accepted.
    received_amount: Mapped[Decimal | None] = mapped_column(PRICE)
    received_on: Mapped[date | None]
    reference: Mapped[str] = mapped_column(String(255), server_default="")
    difference_reason: Mapped[str] = mapped_column(String(500), server_default="")
    # Total of successful and pending refunds; and the credits taken back, owed or owing for refunds and charge-backs.
    amount_refunded: Mapped[Decimal] = mapped_column(PRICE, server_default="0")
    credits_refunded: Mapped[int] = mapped_column(server_default="0")
    # Totals of open and of lost disputes.
    amount_disputed: Mapped[Decimal] = mapped_column(PRICE, server_default="0")
    amount_charged_back: Mapped[Decimal] = mapped_column(PRICE, server_default="0")
    settled_by: Mapped[str | None] = mapped_column(String(255))
    succeeded_at: Mapped[Moment | None]
    refunded_at: Mapped[Moment | None]
    # When to ask the gateway about it next; NULL for never.
    check_at: Mapped[Moment | None]


class StripeEvent(Base):
    """A Stripe event that was applied; kept for longer than Stripe can send it again."""

    __tablename__ = "stripe_events"
    __table_args__ = (Index("ix_stripe_events_received_at", "received_at"),)

    id: Mapped[str] = mapped_column(String(255), primary_key=True)
    event_type: Mapped[str] = mapped_column(String(255))
    received_at: Mapped[Moment]
