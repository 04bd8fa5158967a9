"""Entries of the audit trail, their chains, and the personal data they refer to."""

from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, LargeBinary, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Id, Moment

# Of `PersonalData.kind`: who caused something.
ACTOR = "actor"


class ObjectType(StrEnum):
    """What an entry is about."""

    CLIENT = "client"
    BILLING_ACCOUNT = "billing_account"
    RESOURCE_BOOKING = "resource_booking"
    WORK_PERIOD = "work_period"
    WORK_PERIOD_PAYMENT = "work_period_payment"
    CUSTOMER_ACCOUNT = "customer_account"
    TEAM_MEMBER = "team_member"
    PAYMENT = "payment"
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    TAX_RATE = "tax_rate"
    PLAN = "plan"
    PACKAGE = "package"
    CREDIT_LOT = "credit_lot"
    CREDIT_HOLD = "credit_hold"
    CREDIT_CAP = "credit_cap"
    API_KEY = "api_key"
    # A run of a command, over objects that have no entries of their own for it.
    RUN = "run"


class PersonalData(Base):
    """A value about a person, or who caused something: audited rows name it by `ref` and never contain it.

    `ref` is the SHA-256 of the salt and `kind:value`. So a hash over a row that has the reference covers the value as
    well, and still does once the row is erased, which empties `value` and `salt`. Values of a customer account belong
    to it.
    """

    __tablename__ = "personal_data"
    __table_args__ = (
        CheckConstraint("(value IS NULL) = (salt IS NULL)", name="erased"),
        Index("ix_personal_data_value", text("md5(value)"), "kind"),
        Index("ix_personal_data_account_id", "account_id"),
    )

    ref: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    account_id: Mapped[Id | None]
    kind: Mapped[str] = mapped_column(String(32))
    value: Mapped[str | None] = mapped_column(Text)
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[Moment]


class AuditChain(Base):
    """The entries of one parent object: how many there are, and the time and the hash of the last.

    Appending an entry locks this row. The parent of what belongs to a customer account is that.
    """

    __tablename__ = "audit_chains"

    parent_type: Mapped[str] = mapped_column(String(32), primary_key=True)
    parent_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    account_id: Mapped[Id | None]
    entries: Mapped[int] = mapped_column(BigInteger, server_default="0")
    at: Mapped[Moment | None]
    head: Mapped[bytes | None] = mapped_column(LargeBinary)


class AuditEntry(Base):
    """One change of an object: a row that is never changed or deleted.

    Movements of budgets and transactions of credits are entries themselves, and have none here. `before` and `after`
    have the fields that changed; a personal one is `{"personal": <hex of PersonalData.ref>}`.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        CheckConstraint("position >= 1", name="position"),
        CheckConstraint("before IS NOT NULL OR after IS NOT NULL", name="change"),
        CheckConstraint("actor_kind IN ('person', 'machine', 'key', 'command', 'gateway')", name="actor_kind"),
        Index("ix_audit_entries_at", text("timezone('UTC', at)")),
        Index("ix_audit_entries_object", "object_type", "object_id", "at"),
        Index("ix_audit_entries_account_id", "account_id", "at"),
        Index("ix_audit_entries_actor", "actor"),
        Index("ix_audit_entries_request_id", "request_id", postgresql_where=text("request_id IS NOT NULL")),
    )

    parent_type: Mapped[str] = mapped_column(String(32), primary_key=True)
    parent_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    id: Mapped[Id] = mapped_column(Identity())
    at: Mapped[Moment]
    account_id: Mapped[Id | None]
    object_type: Mapped[str] = mapped_column(String(32))
    object_id: Mapped[str] = mapped_column(String(255))
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    actor: Mapped[bytes] = mapped_column(LargeBinary)
    actor_kind: Mapped[str] = mapped_column(String(8))
    action: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str | None] = mapped_column(String(500))
    request_id: Mapped[str | None] = mapped_column(String(128))
    # Over the hash of the entry before it in the chain and all other columns.
    hash: Mapped[bytes] = mapped_column(LargeBinary)
