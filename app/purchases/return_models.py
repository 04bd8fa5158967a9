"""Money that goes back to payers: refunds and disputes."""

from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Id, Moment, Timestamped
from app.purchases.models import PRICE, one_of


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


class Refund(Timestamped, Base):
    """A refund of a payment, requested here or reported by the gateway, and the credits taken back for it.

    One that succeeded without a reference was reported as part of a total, until a report names it.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        one_of(RefundStatus, "status"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("credits >= 0", name="credits"),
        CheckConstraint("(status = 'failed') = (failed_at IS NOT NULL)", name="failed_at"),
        CheckConstraint("status <> 'succeeded' OR succeeded_at IS NOT NULL", name="succeeded_at"),
        Index("ix_refunds_payment_id", "payment_id", "id"),
        # For searches of all accounts.
        Index("ix_refunds_gateway_reference", "gateway_reference"),
        Index("uq_refunds_gateway_reference", "account_id", "payment_id", "gateway_reference", unique=True),
    )

    id: Mapped[Id] = mapped_column(Identity(), primary_key=True)
    account_id: Mapped[Id] = mapped_column(ForeignKey("customer_accounts.id"))
    payment_id: Mapped[Id] = mapped_column(ForeignKey("payments.id"))
    amount: Mapped[Decimal] = mapped_column(PRICE)
    credits: Mapped[int] = mapped_column(server_default="0")
    status: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(500), server_default="")
    failure: Mapped[str] = mapped_column(String(500), server_default="")
    # As in payments.
    gateway_key: Mapped[UUID] = mapped_column(server_default=text("uuidv7()"), unique=True)
    gateway_reference: Mapped[str | None] = mapped_column(String(255))
    requested_by: Mapped[str] = mapped_column(String(255))
    # What the request asked for; NULL for what it left open.
    asked_amount: Mapped[Decimal | None] = mapped_column(PRICE)
    asked_credits: Mapped[int | None]
    # The idempotency key of the refund and the identity of its owner; a repeated request finds this refund. Those that
    # were made at the gateway have no owner.
    request_key_owner: Mapped[str | None] = mapped_column(String(64))
    request_key: Mapped[str | None] = mapped_column(String(255))
    succeeded_at: Mapped[Moment | None]
    failed_at: Mapped[Moment | None]


class Dispute(Timestamped, Base):
    """A dispute of a payment at the gateway: the credits frozen while it is open, or taken back when it was lost."""

    __tablename__ = "disputes"
    __table_args__ = (
        one_of(DisputeStatus, "status"),
        CheckConstraint("amount >= 0", name="amount"),
        CheckConstraint("credits >= 0 AND (credits = 0 OR status = 'lost')", name="credits"),
        CheckConstraint("frozen >= 0 AND (frozen = 0 OR status = 'open')", name="frozen"),
        Index("uq_disputes_gateway_reference", "account_id", "payment_id", "gateway_reference", unique=True),
    )

    id: Mapped[Id] = mapped_column(Identity(), primary_key=True)
    account_id: Mapped[Id] = mapped_column(ForeignKey("customer_accounts.id"))
    payment_id: Mapped[Id] = mapped_column(ForeignKey("payments.id"))
    gateway_reference: Mapped[str] = mapped_column(String(255))
    status: Mapped[str] = mapped_column(String(16))
    amount: Mapped[Decimal] = mapped_column(PRICE)
    frozen: Mapped[int] = mapped_column(server_default="0")
    credits: Mapped[int] = mapped_column(server_default="0")
