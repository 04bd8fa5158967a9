"""Balances and their transactions. Credits are whole numbers."""

from datetime import date
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    LargeBinary,
    Numeric,
    String,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.customers.models import AccountStatus
from app.db.base import Base, Id, Moment


class TransactionType(StrEnum):
    """Why a balance changed."""

    GRANT = "grant"
    PURCHASE = "purchase"
    DEDUCTION = "deduction"
    REFUND = "refund"
    ADJUSTMENT = "adjustment"
    EXPIRY = "expiry"
    VOID = "void"
    CHARGEBACK = "chargeback"
    DEBT_PAYMENT = "debt_payment"


class LotSource(StrEnum):
    """Where the credits of a lot come from."""

    PLAN = "plan"
    GRANT = "grant"
    PURCHASE = "purchase"
    ADJUSTMENT = "adjustment"


class LotStatus(StrEnum):
    """Status of a lot."""

    PENDING = "pending"
    ACTIVE = "active"
    USED = "used"
    EXPIRED = "expired"
    VOIDED = "voided"


DEFAULT_PRIORITY = 100

_TYPES = ", ".join(f"'{each}'" for each in TransactionType)


class CreditBalance(Base):
    """An account's credits: the sum of its transactions and of what its lots have left, and how much of it is held.

    `frozen` is what of the rest is frozen with its lots, because a payment is disputed. `debt` are credits that were
    spent and whose money went back, less what was paid of them; it is no part of `credits`.

    `status` is that of the account, which its foreign key keeps up with; `is_capped` says whether it has caps.
    `moved_at` is the time of the last change, below which no later one falls. Nothing falls due before `due_at`: no
    lot, no hold, no month.
    """

    __tablename__ = "credit_balances"
    __table_args__ = (
        CheckConstraint("credits >= 0", name="credits"),
        CheckConstraint("held BETWEEN 0 AND credits", name="held"),
        CheckConstraint("frozen BETWEEN 0 AND credits - held", name="frozen"),
        CheckConstraint("debt >= 0", name="debt"),
        ForeignKeyConstraint(
            ["account_id", "status"], ["customer_accounts.id", "customer_accounts.status"], onupdate="CASCADE"
        ),
    )

    account_id: Mapped[Id] = mapped_column(primary_key=True, autoincrement=False)
    status: Mapped[str] = mapped_column(String(16), server_default=AccountStatus.ACTIVE)
    credits: Mapped[int] = mapped_column(BigInteger, server_default="0")
    held: Mapped[int] = mapped_column(BigInteger, server_default="0")
    frozen: Mapped[int] = mapped_column(BigInteger, server_default="0")
    debt: Mapped[int] = mapped_column(BigInteger, server_default="0")
    transactions: Mapped[int] = mapped_column(BigInteger, server_default="0")
    # The hash of the last transaction.
    head: Mapped[bytes | None] = mapped_column(LargeBinary)
    moved_at: Mapped[Moment]
    due_at: Mapped[Moment]
    is_capped: Mapped[bool] = mapped_column(server_default="false")


class CreditTransaction(Base):
    """One change of a balance, never changed itself. `position` numbers those of an account from 1, without gaps.

    A deduction is what was used: for which operation, and what that is worth in dollars.
    """

    __tablename__ = "credit_transactions"
    __table_args__ = (
        CheckConstraint(f"transaction_type IN ({_TYPES})", name="transaction_type"),
        CheckConstraint("amount <> 0", name="amount"),
        CheckConstraint("balance_after >= 0", name="balance_after"),
        CheckConstraint("cardinality(lot_ids) > 0 AND cardinality(lot_ids) = cardinality(lot_credits)", name="lots"),
        CheckConstraint(
            "(transaction_type = 'deduction') = (operation_type IS NOT NULL AND cost_usd IS NOT NULL AND amount < 0)",
            name="deduction",
        ),
        CheckConstraint("(usage_key IS NULL) = (usage_key_owner IS NULL)", name="usage_key"),
        Index("ix_credit_transactions_type", "account_id", "transaction_type", "position"),
        # For the list of all that was changed (`app.audit`).
        Index("ix_credit_transactions_at", text("timezone('UTC', created_at)")),
        Index("ix_credit_transactions_created_at", "account_id", "created_at", "position"),
        Index(
            "ix_credit_transactions_operation_type",
            "account_id",
            "operation_type",
            "position",
            postgresql_where=text("operation_type IS NOT NULL"),
        ),
        Index("uq_credit_transactions_id", "account_id", "id", unique=True),
        Index(
            "ix_credit_transactions_reverses", "account_id", "reverses", postgresql_where=text("reverses IS NOT NULL")
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
    # What a caller, by their identity, named this item of a bulk call: sent again, it is not charged again.
    usage_key: Mapped[str | None] = mapped_column(String(255))
    usage_key_owner: Mapped[str | None] = mapped_column(String(64))
    # The person that an operation was for, if named, and the API key that spent.
    user_id: Mapped[str] = mapped_column(String(255), server_default="")
    key_id: Mapped[int | None] = mapped_column(BigInteger)
    # Of what was spent of a hold: the hold. Of what was taken back: the position of the deduction.
    hold_id: Mapped[int | None] = mapped_column(BigInteger)
    reverses: Mapped[int | None] = mapped_column(BigInteger)
    balance_after: Mapped[int] = mapped_column(BigInteger)
    # The lots that the credits went to or came from, and how many of each; they add up to `amount`.
    lot_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    lot_credits: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
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
    # Credits of the day's deductions that were taken back, on whatever day.
    reversed: Mapped[int] = mapped_column(BigInteger, server_default="0")
