"""Plans, balances, and the transactions that balances are made of. Credits are whole numbers."""

from datetime import date
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, LargeBinary, Numeric, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Id, Moment, Timestamped


class TransactionType(StrEnum):
    """Why a balance changed."""

    GRANT = "grant"
    PURCHASE = "purchase"
    DEDUCTION = "deduction"
    REFUND = "refund"
    ADJUSTMENT = "adjustment"


_TYPES = ", ".join(f"'{each}'" for each in TransactionType)


class Plan(Timestamped, Base):
    """What accounts on it get each month, and what a credit they spend is worth."""

    __tablename__ = "plans"
    __table_args__ = (
        CheckConstraint("credits_per_month >= 0", name="credits_per_month"),
        CheckConstraint("usd_per_credit >= 0", name="usd_per_credit"),
        Index("uq_plans_default", "is_default", unique=True, postgresql_where=text("is_default")),
    )

    id: Mapped[Id] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)
    credits_per_month: Mapped[int]
    usd_per_credit: Mapped[Decimal] = mapped_column(Numeric(12, 6))
    # The plan that new accounts start on.
    is_default: Mapped[bool] = mapped_column(server_default="false")


class PlanTerms(Base):
    """What a plan grants each month, from a day on. Its first terms hold for all days before as well."""

    __tablename__ = "plan_terms"
    __table_args__ = (CheckConstraint("credits_per_month >= 0", name="credits_per_month"),)

    plan_id: Mapped[Id] = mapped_column(ForeignKey("plans.id"), primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    credits_per_month: Mapped[int]


class PlanAssignment(Base):
    """The plan of an account from a day (UTC) on, until the next one."""

    __tablename__ = "plan_assignments"

    account_id: Mapped[Id] = mapped_column(ForeignKey("customer_accounts.id"), primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    plan_id: Mapped[Id] = mapped_column(ForeignKey("plans.id"))


class CreditBalance(Base):
    """An account's credits: the sum of its transactions, how many those are, and how many of the credits were bought.

    Credits that were given are spent before those that were bought. `plan_id` is the account's plan today.
    """

    __tablename__ = "credit_balances"
    __table_args__ = (
        CheckConstraint("credits >= 0", name="credits"),
        CheckConstraint("bought BETWEEN 0 AND credits", name="bought"),
    )

    account_id: Mapped[Id] = mapped_column(ForeignKey("customer_accounts.id"), primary_key=True)
    plan_id: Mapped[Id] = mapped_column(ForeignKey("plans.id"))
    credits: Mapped[int] = mapped_column(BigInteger, server_default="0")
    bought: Mapped[int] = mapped_column(BigInteger, server_default="0")
    transactions: Mapped[int] = mapped_column(BigInteger, server_default="0")
    # The hash of the last transaction.
    head: Mapped[bytes | None] = mapped_column(LargeBinary)


class CreditTransaction(Base):
    """One change of a balance, never changed itself. `position` numbers those of an account from 1, without gaps.

    A deduction is what was used: for which operation, and what that is worth in dollars.
    """

    __tablename__ = "credit_transactions"
    __table_args__ = (
        CheckConstraint(f"transaction_type IN ({_TYPES})", name="transaction_type"),
        CheckConstraint("amount <> 0", name="amount"),
        CheckConstraint("balance_after >= 0", name="balance_after"),
        CheckConstraint("bought_after BETWEEN 0 AND balance_after", name="bought_after"),
        CheckConstraint(
            "CASE transaction_type WHEN 'purchase' THEN purchase_position = position"
            " WHEN 'refund' THEN true ELSE purchase_position IS NULL END",
            name="purchase_position",
        ),
        CheckConstraint(
            "(transaction_type = 'deduction') = (operation_type IS NOT NULL AND cost_usd IS NOT NULL AND amount < 0)",
            name="deduction",
        ),
        CheckConstraint("(usage_key IS NULL) = (usage_key_owner IS NULL)", name="usage_key"),
        Index("ix_credit_transactions_type", "account_id", "transaction_type", "position"),
        Index("ix_credit_transactions_created_at", "account_id", "created_at", "position"),
        Index(
            "ix_credit_transactions_operation_type",
            "account_id",
            "operation_type",
            "position",
            postgresql_where=text("operation_type IS NOT NULL"),
        ),
        Index(
            "ix_credit_transactions_purchase",
            "account_id",
            "position",
            postgresql_where=text("purchase_position IS NOT NULL"),
        ),
        Index(
            "uq_credit_transactions_usage_key",
            "account_id",
            "usage_key_owner",
            "usage_key",
            unique=True,
            postgresql_where=text("usage_key IS NOT NULL"),
        ),
    )

    account_id: Mapped[Id] = mapped_column(ForeignKey("customer_accounts.id"), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    id: Mapped[Id] = mapped_column(Identity())
    amount: Mapped[int] = mapped_column(BigInteger)
    transaction_type: Mapped[str] = mapped_column(String(16))
    description: Mapped[str] = mapped_column(String(1000), server_default="")
    operation_type: Mapped[str | None] = mapped_column(String(255))
    cost_usd: Mapped[Decimal | None] = mapped_column(Numeric(19, 6))
    # What a caller named this item of a bulk call: sent again, it is not charged again. Names of other callers, by the
    # identity of each, are other names.
    usage_key: Mapped[str | None] = mapped_column(String(255))
    usage_key_owner: Mapped[str | None] = mapped_column(String(64))
    balance_after: Mapped[int] = mapped_column(BigInteger)
    bought_after: Mapped[int] = mapped_column(BigInteger)
    # Of a purchase, and of what its refunds take and give back: the position of the purchase.
    purchase_position: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[Moment]
    # Who caused it and why (`app.audit.cause`); the actor is a reference to personal data.
    actor: Mapped[bytes] = mapped_column(LargeBinary)
    actor_kind: Mapped[str] = mapped_column(String(8))
    action: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str | None] = mapped_column(String(500))
    request_id: Mapped[str | None] = mapped_column(String(128))
    # Over the hash of the transaction before it and all other columns.
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class CreditDailyTotal(Base):
    """The transactions of one account, day (UTC) and type: their sum and how many they are."""

    __tablename__ = "credit_daily_totals"

    account_id: Mapped[Id] = mapped_column(ForeignKey("customer_accounts.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    transaction_type: Mapped[str] = mapped_column(String(16), primary_key=True)
    total: Mapped[int] = mapped_column(BigInteger)
    count: Mapped[int] = mapped_column(BigInteger)


class PlanGrant(Base):
    """That an account got its plan's credits for a month, which happens once."""

    __tablename__ = "plan_grants"

    account_id: Mapped[Id] = mapped_column(ForeignKey("customer_accounts.id"), primary_key=True)
    # The first day of the month.
    month: Mapped[date] = mapped_column(primary_key=True)
    credits: Mapped[int]
    created_at: Mapped[Moment]
