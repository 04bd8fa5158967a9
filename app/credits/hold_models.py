"""Holds: credits that are set aside for an operation whose cost is not final yet; and caps on what is spent."""

from datetime import date
from enum import StrEnum

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, ForeignKey, Identity, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Id, Moment


class HoldStatus(StrEnum):
    """Status of a hold. All but `open` are final."""

    OPEN = "open"
    CAPTURED = "captured"
    RELEASED = "released"
    EXPIRED = "expired"


class OverCapture(StrEnum):
    """What a capture of more than is held does."""

    REFUSE = "refuse"
    AVAILABLE = "available"


class CapKind(StrEnum):
    """What a cap limits: what is spent for one member, on one operation, or with one API key."""

    MEMBER = "member"
    OPERATION = "operation"
    KEY = "key"


class CapPeriod(StrEnum):
    """The time in which a cap counts, in UTC."""

    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


def _one_of(words: type[StrEnum], column: str) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(str(word)) for word in words)})", name=column)


class CreditHold(Base):
    """Credits of an account that are held until they are captured or released, or until `expires_at`.

    `amount` is what was asked for, `captured` what was spent of it (and perhaps beyond), `remaining` what is still held
    of the lots that were drawn when it was made, in the order of spending.
    """

    __tablename__ = "credit_holds"
    __table_args__ = (
        _one_of(HoldStatus, "status"),
        _one_of(OverCapture, "over_capture"),
        CheckConstraint("amount > 0 AND captured >= 0", name="amount"),
        CheckConstraint("remaining >= 0 AND (status = 'open' OR remaining = 0)", name="remaining"),
        CheckConstraint("(status = 'open') = (ended_at IS NULL)", name="ended_at"),
        CheckConstraint("cardinality(lot_ids) = cardinality(lot_credits)", name="lots"),
        # A reference names its hold for ever. The desk looks for it in all accounts.
        Index("uq_credit_holds_reference", "reference", "account_id", unique=True),
        Index("ix_credit_holds_expires_at", "account_id", "expires_at", postgresql_where=text("status = 'open'")),
    )

    account_id: Mapped[Id] = mapped_column(ForeignKey("customer_accounts.id"), primary_key=True)
    id: Mapped[Id] = mapped_column(Identity(), primary_key=True)
    reference: Mapped[str] = mapped_column(String(255))
    # The digest of what was asked for: repeated, it is answered by the same hold.
    request_hash: Mapped[str] = mapped_column(String(64))
    amount: Mapped[int] = mapped_column(BigInteger)
    captured: Mapped[int] = mapped_column(BigInteger)
    remaining: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(16))
    operation_type: Mapped[str] = mapped_column(String(255))
    description: Mapped[str] = mapped_column(String(1000))
    user_id: Mapped[str] = mapped_column(String(255))
    # The API key that made it.
    key_id: Mapped[int | None] = mapped_column(BigInteger)
    over_capture: Mapped[str] = mapped_column(String(16))
    expires_at: Mapped[Moment]
    created_at: Mapped[Moment]
    ended_at: Mapped[Moment | None]
    version: Mapped[int]
    lot_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    lot_credits: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))


class CreditCap(Base):
    """The most that may be spent for one subject in a period. `used` is of the period that begins on `period_start`."""

    __tablename__ = "credit_caps"
    __table_args__ = (
        _one_of(CapKind, "kind"),
        _one_of(CapPeriod, "period"),
        CheckConstraint("credits >= 0", name="credits"),
        CheckConstraint("used >= 0", name="used"),
        Index("uq_credit_caps_subject", "account_id", "kind", "subject", "period", unique=True),
    )

    account_id: Mapped[Id] = mapped_column(ForeignKey("customer_accounts.id"), primary_key=True)
    id: Mapped[Id] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    subject: Mapped[str] = mapped_column(String(255))
    period: Mapped[str] = mapped_column(String(16))
    credits: Mapped[int] = mapped_column(BigInteger)
    used: Mapped[int] = mapped_column(BigInteger)
    period_start: Mapped[date]
    created_at: Mapped[Moment]
