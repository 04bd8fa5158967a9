"""Plans, the accounts that are put on them, and the months that they granted. Credits are whole numbers."""

from datetime import date
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Numeric, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Id, Moment, Timestamped
from app.db.versions import Versioned

# What of a plan's credits is kept at the turn of the month; besides these, the most credits that are.
ROLLOVER_ALL, ROLLOVER_NONE = "all", "none"
_ROLLOVER = "rollover IN ('all', 'none') OR rollover ~ '^[0-9]{1,9}$'"


class Plan(Timestamped, Versioned, Base):
    """What accounts on it get each month, and what a credit they spend is worth."""

    __tablename__ = "plans"
    __table_args__ = (
        CheckConstraint("credits_per_month >= 0", name="credits_per_month"),
        CheckConstraint("usd_per_credit >= 0", name="usd_per_credit"),
        CheckConstraint(_ROLLOVER, name="rollover"),
        Index("uq_plans_default", "is_default", unique=True, postgresql_where=text("is_default")),
    )

    id: Mapped[Id] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)
    credits_per_month: Mapped[int]
    usd_per_credit: Mapped[Decimal] = mapped_column(Numeric(12, 6))
    # What is kept at the turn of the month: "all", "none", or the most credits that are.
    rollover: Mapped[str] = mapped_column(String(16), server_default=ROLLOVER_ALL)
    # The plan that new accounts start on.
    is_default: Mapped[bool] = mapped_column(server_default="false")


class PlanTerms(Base):
    """What a plan grants each month, from a day on. Its first terms hold for all days before as well."""

    __tablename__ = "plan_terms"
    __table_args__ = (
        CheckConstraint("credits_per_month >= 0", name="credits_per_month"),
        CheckConstraint(_ROLLOVER, name="rollover"),
    )

    plan_id: Mapped[Id] = mapped_column(ForeignKey("plans.id"), primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    credits_per_month: Mapped[int]
    rollover: Mapped[str] = mapped_column(String(16), server_default=ROLLOVER_ALL)


class PlanAssignment(Base):
    """The plan of an account from a day (UTC) on, until the next one."""

    __tablename__ = "plan_assignments"

    account_id: Mapped[Id] = mapped_column(ForeignKey("customer_accounts.id"), primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    plan_id: Mapped[Id] = mapped_column(ForeignKey("plans.id"))


class PlanGrant(Base):
    """That the month of an account is dealt with, once, and the credits that no plan grants again in it.

    They are those of its plan, or the most that a plan granted which was assigned meanwhile. An account that was
    suspended, or opened without first credits, did not get them.
    """

    __tablename__ = "plan_grants"

    account_id: Mapped[Id] = mapped_column(ForeignKey("customer_accounts.id"), primary_key=True)
    # The first day of the month.
    month: Mapped[date] = mapped_column(primary_key=True)
    credits: Mapped[int]
    created_at: Mapped[Moment]
