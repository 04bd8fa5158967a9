"""Resource bookings, their weekly work periods, and the payments for those."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index, Numeric, String, text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Timestamped
from app.db.versions import Versioned

RATE = Numeric(15, 4)
# Payments are paid out in cents.
AMOUNT = Numeric(13, 2)
TOTAL = Numeric(19, 4)
MILLISECONDS = TIMESTAMP(timezone=True, precision=3)
MAX_DAYS = 10


class BookingStatus(StrEnum):
    """Where a booking stands."""

    PLACED = "placed"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class RateType(StrEnum):
    """What a rate is for."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    ANNUAL = "annual"


class PeriodStatus(StrEnum):
    """How far a work period is paid."""

    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    PARTIALLY_COMPLETED = "partially-completed"
    PENDING = "pending"
    NO_DAYS = "no-days"


class PaymentStatus(StrEnum):
    """Where a payment stands."""

    SCHEDULED = "scheduled"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


# The first rule that holds; what the counts mean is said at the columns.
PERIOD_STATUS = """CASE
    WHEN open_payments > 0 THEN 'in-progress'
    WHEN completed_payments > 0 AND days_worked <= days_paid THEN 'completed'
    WHEN completed_payments > 0 THEN 'partially-completed'
    WHEN days_worked > days_paid THEN 'pending'
    ELSE 'no-days' END"""


class ResourceBooking(Timestamped, Versioned, Base):
    """A person booked for a project. With both dates it owns a work period for each week."""

    __tablename__ = "resource_bookings"
    __table_args__ = (
        CheckConstraint("status IN ('placed', 'closed', 'cancelled')", name="status"),
        CheckConstraint("rate_type IN ('hourly', 'daily', 'weekly', 'monthly', 'annual')", name="rate_type"),
        CheckConstraint("start_date <= end_date", name="dates"),
        CheckConstraint("member_rate >= 0", name="member_rate"),
        CheckConstraint("customer_rate >= 0", name="customer_rate"),
        Index("ix_resource_bookings_created_at", "created_at", "id"),
        Index("ix_resource_bookings_project_id", "project_id", "id"),
        Index("ix_resource_bookings_user_id", "user_id", "id"),
        # For searches of everything.
        Index("ix_resource_bookings_user_handle", text("fold_text(user_handle)"), "id"),
        Index("ix_resource_bookings_job_id", "job_id", "id"),
        Index("ix_resource_bookings_status", "status", "id"),
        Index("ix_resource_bookings_start_date", "start_date", "id"),
        Index("ix_resource_bookings_end_date", "end_date", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    project_id: Mapped[int]
    user_id: Mapped[str] = mapped_column(String(255))
    user_handle: Mapped[str | None] = mapped_column(String(255))
    job_id: Mapped[str | None] = mapped_column(String(255))
    status: Mapped[str] = mapped_column(String(16), default=BookingStatus.PLACED)
    start_date: Mapped[date | None]
    end_date: Mapped[date | None]
    member_rate: Mapped[Decimal | None] = mapped_column(RATE)
    customer_rate: Mapped[Decimal | None] = mapped_column(RATE)
    rate_type: Mapped[str] = mapped_column(String(16))
    billing_account_id: Mapped[int | None] = mapped_column(ForeignKey("billing_accounts.id"))
    created_by: Mapped[str] = mapped_column(String(255))
    updated_by: Mapped[str | None] = mapped_column(String(255))


class WorkPeriod(Timestamped, Versioned, Base):
    """A week, Sunday to Saturday, of a booking: the days worked, and the totals of its active payments."""

    __tablename__ = "work_periods"
    __table_args__ = (
        CheckConstraint("days_worked BETWEEN 0 AND 10", name="days_worked"),
        CheckConstraint("days_paid BETWEEN 0 AND days_worked", name="days_paid"),
        CheckConstraint("payment_total >= 0", name="payment_total"),
        CheckConstraint("end_date = start_date + 6", name="week"),
        Index("uq_work_periods_week", "resource_booking_id", "start_date", unique=True),
        Index("ix_work_periods_start_date", "start_date", "id"),
        Index("ix_work_periods_end_date", "end_date", "id"),
        Index("ix_work_periods_created_at", "created_at", "id"),
        Index("ix_work_periods_project_id", "project_id", "id"),
        Index("ix_work_periods_user_handle", text("fold_text(user_handle)"), "id"),
        Index("ix_work_periods_payment_status", "payment_status", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    resource_booking_id: Mapped[UUID] = mapped_column(ForeignKey("resource_bookings.id"))
    # Copied from the booking, since lists of periods filter by them.
    project_id: Mapped[int]
    user_handle: Mapped[str | None] = mapped_column(String(255))
    start_date: Mapped[date]
    end_date: Mapped[date]
    days_worked: Mapped[int]
    # Of active payments: scheduled, in progress or completed. Open ones are not completed yet.
    days_paid: Mapped[int] = mapped_column(server_default="0")
    payment_total: Mapped[Decimal] = mapped_column(TOTAL, server_default="0")
    open_payments: Mapped[int] = mapped_column(server_default="0")
    completed_payments: Mapped[int] = mapped_column(server_default="0")
    payment_status: Mapped[str] = mapped_column(String(32), Computed(PERIOD_STATUS, persisted=True))


class WorkPeriodPayment(Timestamped, Versioned, Base):
    """A payment for days of a work period, or an extra one for none. Payments are never deleted."""

    __tablename__ = "work_period_payments"
    __table_args__ = (
        CheckConstraint("status IN ('scheduled', 'in-progress', 'completed', 'failed', 'cancelled')", name="status"),
        CheckConstraint("days BETWEEN 0 AND 10", name="days"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("member_rate >= 0", name="member_rate"),
        CheckConstraint("days = 0 OR coalesce(member_rate, 0) > 0", name="days_have_a_rate"),
        CheckConstraint("customer_rate >= 0", name="customer_rate"),
        CheckConstraint("status <> 'completed' OR completed_at IS NOT NULL", name="completed_at"),
        CheckConstraint("(status = 'cancelled') = (cancelled_at IS NOT NULL)", name="cancelled_at"),
        Index("ix_work_period_payments_work_period_id", "work_period_id", "created_at", "id"),
        Index("ix_work_period_payments_billing_account_id", "billing_account_id", "created_at", "id"),
        Index("ix_work_period_payments_project_id", "project_id", "created_at", "id"),
        Index("ix_work_period_payments_resource_booking_id", "resource_booking_id", "created_at", "id"),
        Index("ix_work_period_payments_status", "status", "created_at", "id"),
        Index("ix_work_period_payments_user_handle", text("fold_text(user_handle)"), "created_at", "id"),
        Index("ix_work_period_payments_user_id", "user_id", "created_at", "id"),
        Index("ix_work_period_payments_amount", "amount", "id"),
        # For searches of everything; those that are paid out have one.
        Index(
            "ix_work_period_payments_external_reference",
            "external_reference",
            "id",
            postgresql_where=text("external_reference IS NOT NULL"),
        ),
        Index("ix_work_period_payments_completed_at", "completed_at", "id"),
        Index("ix_work_period_payments_created_at", "created_at", "id"),
        Index("ix_work_period_payments_updated_at", "updated_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    work_period_id: Mapped[UUID] = mapped_column(ForeignKey("work_periods.id", ondelete="RESTRICT"))
    # Of the booking when the payment was made: who was paid, and for what, stays as it was then.
    resource_booking_id: Mapped[UUID] = mapped_column(ForeignKey("resource_bookings.id", ondelete="RESTRICT"))
    project_id: Mapped[int]
    user_id: Mapped[str] = mapped_column(String(255))
    user_handle: Mapped[str | None] = mapped_column(String(255))
    challenge_id: Mapped[str | None] = mapped_column(String(255))
    member_rate: Mapped[Decimal | None] = mapped_column(RATE)
    customer_rate: Mapped[Decimal | None] = mapped_column(RATE)
    days: Mapped[int]
    amount: Mapped[Decimal] = mapped_column(AMOUNT)
    status: Mapped[str] = mapped_column(String(16))
    status_details: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    # What the payout is known by where it was made.
    external_reference: Mapped[str | None] = mapped_column(String(255))
    billing_account_id: Mapped[int] = mapped_column(ForeignKey("billing_accounts.id", ondelete="RESTRICT"))
    # The identity of the caller that made the last move, who alone may repeat it; NULL before the first one.
    moved_by: Mapped[str | None] = mapped_column(String(64))
    created_by: Mapped[str] = mapped_column(String(255))
    updated_by: Mapped[str | None] = mapped_column(String(255))
    completed_at: Mapped[datetime | None] = mapped_column(MILLISECONDS)
    cancelled_at: Mapped[datetime | None] = mapped_column(MILLISECONDS)
    created_at: Mapped[datetime] = mapped_column(MILLISECONDS)
    updated_at: Mapped[datetime] = mapped_column(MILLISECONDS)
