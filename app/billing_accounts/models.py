"""Billing accounts, their budgets, the lines reserved against them, and who may use which account."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Computed,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Numeric,
    String,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.clock import utc_now
from app.db.base import Base, Moment, Timestamped, search_index
from app.db.versions import Versioned

# PostgreSQL reads the text of every CHECK anew for each statement that writes to its table, a quarter of what a lock
# costs it. So each is said the shortest way: with one array instead of a list of words, with `0.0` instead of `0`.
AMOUNT = Numeric(15, 4)
# Imported history may exceed its budget, so totals have room that single amounts do not need.
TOTAL = Numeric(19, 4)
RATE = Numeric(10, 4)
# Whether a value still is what an import made it; NULL for what was never imported. An import changes only what still
# is, so each statement that changes such a value here turns true into false.
AsImported = Annotated[bool | None, mapped_column(Boolean)]


class Status(StrEnum):
    """Whether an account takes new reservations."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"


class Kind(StrEnum):
    """What a budget line does with its amount: holds it, or has spent it."""

    LOCKED = "locked"
    CONSUMED = "consumed"


class MovementKind(StrEnum):
    """What changed a budget."""

    OPENED = "opened"
    BUDGET_CHANGED = "budget_changed"
    LOCKED = "locked"
    UNLOCKED = "unlocked"
    EXPIRED = "expired"
    CONSUMED = "consumed"
    REVERSED = "reversed"
    MOVED = "moved"
    IMPORTED = "imported"


class ExternalType(StrEnum):
    """What a budget line is for."""

    CHALLENGE = "CHALLENGE"
    ENGAGEMENT = "ENGAGEMENT"
    WORK_PERIOD_PAYMENT = "WORK_PERIOD_PAYMENT"


class BillingAccount(Timestamped, Versioned, Base):
    """A billing account: everything but its money, which `Budget` keeps."""

    __tablename__ = "billing_accounts"
    __table_args__ = (
        CheckConstraint("status IN ('ACTIVE', 'INACTIVE')", name="status"),
        CheckConstraint("start_date <= end_date", name="dates"),
        CheckConstraint("markup >= 0", name="markup"),
        CheckConstraint("sales_tax >= 0", name="sales_tax"),
        Index("ix_billing_accounts_name", text("fold_text(name)"), "id"),
        search_index("ix_billing_accounts_name_search", "name"),
        Index("ix_billing_accounts_client_id", "client_id", "id"),
        Index("ix_billing_accounts_status", "status", "id"),
        Index("ix_billing_accounts_start_date", "start_date", "id"),
        Index("ix_billing_accounts_end_date", "end_date", "id"),
        Index("ix_billing_accounts_created_at", "created_at", "id"),
        Index("ix_billing_accounts_created_by", "created_by", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    project_id: Mapped[str | None] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(255))
    description: Mapped[str | None] = mapped_column(Text)
    subcontracting_end_customer: Mapped[str | None] = mapped_column(String(255))
    status: Mapped[str] = mapped_column(String(8), default=Status.ACTIVE)
    start_date: Mapped[Moment | None]
    end_date: Mapped[Moment | None]
    markup: Mapped[Decimal] = mapped_column(RATE)
    client_id: Mapped[str] = mapped_column(ForeignKey("clients.id"))
    po_number: Mapped[str | None] = mapped_column(String(255))
    subscription_number: Mapped[str | None] = mapped_column(String(255))
    is_manual_prize: Mapped[bool] = mapped_column(default=False)
    payment_terms: Mapped[str | None] = mapped_column(String(255))
    sales_tax: Mapped[Decimal | None] = mapped_column(RATE)
    billable: Mapped[bool] = mapped_column(default=True)
    created_by: Mapped[str | None] = mapped_column(String(255))
    status_as_imported: Mapped[AsImported]
    markup_as_imported: Mapped[AsImported]


class Budget(Base):
    """What an account may spend and what of it is reserved.

    Apart from `billing_accounts` because every lock and consume changes it: the row is narrow and has two indexes.
    """

    __tablename__ = "budgets"
    __table_args__ = (
        CheckConstraint("amount >= 0.0", name="amount"),
        CheckConstraint("locked >= 0.0", name="locked"),
        CheckConstraint("consumed >= 0.0", name="consumed"),
        # Every writer of a movement posts first what fell due.
        CheckConstraint("next_expiry > moved_at", name="next_expiry"),
        Index("ix_budgets_remaining", "remaining", "billing_account_id"),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    billing_account_id: Mapped[int] = mapped_column(ForeignKey("billing_accounts.id"), primary_key=True)
    amount: Mapped[Decimal] = mapped_column(AMOUNT)
    locked: Mapped[Decimal] = mapped_column(TOTAL, server_default="0")
    consumed: Mapped[Decimal] = mapped_column(TOTAL, server_default="0")
    remaining: Mapped[Decimal] = mapped_column(TOTAL, Computed("amount - locked - consumed", persisted=True))
    # Of the amount.
    as_imported: Mapped[AsImported]
    # Position and time of the last movement.
    movements: Mapped[int] = mapped_column(server_default="0")
    moved_at: Mapped[Moment | None]
    # When the first of its locks expires.
    next_expiry: Mapped[Moment | None]
    # The hash of the last movement.
    head: Mapped[bytes | None] = mapped_column(LargeBinary)


class BudgetLine(Base):
    """An amount reserved on an account for one reference.

    A challenge has up to two lines, one locked and one consumed; a payment has one, locked or consumed; an engagement
    has one for each time it was charged.
    """

    __tablename__ = "budget_lines"
    __table_args__ = (
        CheckConstraint("kind = ANY ('{locked,consumed}')", name="kind"),
        CheckConstraint("external_type = ANY ('{CHALLENGE,ENGAGEMENT,WORK_PERIOD_PAYMENT}')", name="external_type"),
        CheckConstraint("amount > 0.0", name="amount"),
        CheckConstraint("(kind = 'consumed') = (consumed_at IS NOT NULL)", name="consumed_at"),
        CheckConstraint("expires_at IS NULL OR consumed_at IS NULL AND external_type = 'CHALLENGE'", name="expires_at"),
        Index(
            "uq_budget_lines_challenge",
            "billing_account_id",
            "external_id",
            "kind",
            unique=True,
            postgresql_where=text("external_type = 'CHALLENGE'"),
        ),
        Index(
            "uq_budget_lines_payment",
            "billing_account_id",
            "external_id",
            unique=True,
            postgresql_where=text("external_type = 'WORK_PERIOD_PAYMENT'"),
        ),
        Index("ix_budget_lines_date", "billing_account_id", "date", "id"),
        Index(
            "ix_budget_lines_expires_at",
            "billing_account_id",
            "expires_at",
            postgresql_where=text("expires_at IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    billing_account_id: Mapped[int] = mapped_column(ForeignKey("budgets.billing_account_id"))
    kind: Mapped[str] = mapped_column(String(8))
    external_type: Mapped[str] = mapped_column(String(32))
    external_id: Mapped[str] = mapped_column(String(255))
    external_name: Mapped[str | None] = mapped_column(String(255))
    amount: Mapped[Decimal] = mapped_column(AMOUNT)
    date: Mapped[Moment]
    created_at: Mapped[Moment]
    consumed_at: Mapped[Moment | None]
    # From this instant on a lock counts for nothing, whether its end is posted or not.
    expires_at: Mapped[Moment | None]
    as_imported: Mapped[AsImported]


def _by_range(column: str, operators: str) -> Index:
    return Index(
        f"ix_budget_movements_all_{column}",
        column,
        postgresql_using="brin",
        postgresql_ops={column: operators},
        postgresql_with={"pages_per_range": 32},
    )


class BudgetMovement(Base):
    """One change of a budget: a row of its journal, which is never changed or deleted.

    Positions of an account are dense from 1, the opening, and times never decrease with them: who writes one holds the
    lock of the budget, which keeps both of the last one. No foreign key says so: a budget is never deleted, and the
    statement that writes a movement changes the budget.
    """

    __tablename__ = "budget_movements"
    __table_args__ = (
        CheckConstraint("position >= 1", name="position"),
        CheckConstraint(
            "kind = ANY ('{opened,budget_changed,locked,unlocked,expired,consumed,reversed,moved,imported}')",
            name="kind",
        ),
        CheckConstraint("(kind = 'opened') = (position = 1)", name="opened"),
        CheckConstraint(
            "position = 1 OR 0.0 <> ANY (ARRAY[budget_delta, locked_delta, consumed_delta])", name="change"
        ),
        CheckConstraint("actor_kind = ANY ('{person,machine,key,command,gateway}')", name="actor_kind"),
        Index("ix_budget_movements_at", "billing_account_id", "at", "position"),
        # For the list of all that was changed (`app.audit`). Of those by block range a lock writes none. It goes by
        # the time in UTC, so that no query about one account is planned by it.
        Index("ix_budget_movements_all_at", text("timezone('UTC', at)")),
        _by_range("actor", "bytea_bloom_ops"),
        _by_range("request_id", "text_bloom_ops"),
    )

    billing_account_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[Moment]
    kind: Mapped[str] = mapped_column(String(16))
    # The budget line that changed, which may be gone by now.
    entry_id: Mapped[UUID | None]
    external_type: Mapped[str | None] = mapped_column(String(32))
    external_id: Mapped[str | None] = mapped_column(String(255))
    external_name: Mapped[str | None] = mapped_column(String(255))
    budget_delta: Mapped[Decimal] = mapped_column(TOTAL)
    locked_delta: Mapped[Decimal] = mapped_column(TOTAL)
    consumed_delta: Mapped[Decimal] = mapped_column(TOTAL)
    budget_after: Mapped[Decimal] = mapped_column(AMOUNT)
    locked_after: Mapped[Decimal] = mapped_column(TOTAL)
    consumed_after: Mapped[Decimal] = mapped_column(TOTAL)
    # Who caused it and why (`app.audit.cause`); the actor is a reference to personal data.
    actor: Mapped[bytes] = mapped_column(LargeBinary)
    actor_kind: Mapped[str] = mapped_column(String(8))
    action: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str | None] = mapped_column(String(500))
    request_id: Mapped[str | None] = mapped_column(String(128))
    # Over the hash of the movement before it and all other columns.
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class ReleasedLine(Base):
    """A challenge whose lock was released here or expired: an import that still lists it does not bring it back.

    Only for lines and accounts that came with an import.
    """

    __tablename__ = "released_lines"

    billing_account_id: Mapped[int] = mapped_column(ForeignKey("budgets.billing_account_id"), primary_key=True)
    external_id: Mapped[str] = mapped_column(String(255), primary_key=True)


class BillingAccountAccess(Base):
    """A user's permission to use an account."""

    __tablename__ = "billing_account_access"
    __table_args__ = (Index("ix_billing_account_access_user_id", "user_id", "billing_account_id"),)

    billing_account_id: Mapped[int] = mapped_column(ForeignKey("billing_accounts.id"), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    user_handle: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[Moment] = mapped_column(default=utc_now)
