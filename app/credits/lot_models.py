"""The lots that balances consist of."""

from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Numeric,
    String,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.credits.models import DEFAULT_PRIORITY, LotSource
from app.db.base import Base, Id, Moment

_SOURCES = ", ".join(f"'{each}'" for each in LotSource)


class CreditLot(Base):
    """Credits that arrived together: spent, expired and taken back together, in the order of `rule.SPENDING_ORDER`.

    `remaining` is the part of the balance, which includes what is `held`; `expired` and `voided` are the credits lost
    to each. The transaction at `position` brought the credits; a lot without one is pending.

    Of a lot whose payment is disputed, `frozen` credits cannot be spent, as far as it has so many that are not held. Of
    one whose money went back, `owed` are held credits that are to be taken back once they are given back, and become
    debt once they are captured; `debt` are those that became debt.
    """

    __tablename__ = "credit_lots"
    __table_args__ = (
        CheckConstraint(f"source IN ({_SOURCES})", name="source"),
        CheckConstraint("credits > 0", name="credits"),
        CheckConstraint("held BETWEEN 0 AND remaining", name="held"),
        CheckConstraint("frozen >= 0", name="frozen"),
        CheckConstraint("owed BETWEEN 0 AND held AND (owed = 0 OR owed_as IS NOT NULL)", name="owed"),
        CheckConstraint("debt >= 0", name="debt"),
        CheckConstraint("expired >= 0 AND voided >= 0 AND remaining + expired + voided <= credits", name="remaining"),
        CheckConstraint("position IS NOT NULL OR remaining = 0", name="pending"),
        CheckConstraint("expires_at > effective_at", name="expires_at"),
        CheckConstraint("(reference = '') = (request_hash IS NULL)", name="reference"),
        # The desk looks for a reference in all accounts.
        Index(
            "uq_credit_lots_reference", "reference", "account_id", unique=True, postgresql_where=text("reference <> ''")
        ),
        Index(
            "ix_credit_lots_spendable",
            "account_id",
            "priority",
            "expires_at",
            "is_bought",
            "effective_at",
            "id",
            postgresql_where=text("is_spendable"),
        ),
        Index("ix_credit_lots_id", "id"),
        Index("ix_credit_lots_live", "account_id", postgresql_where=text("is_live")),
    )

    account_id: Mapped[Id] = mapped_column(ForeignKey("customer_accounts.id"), primary_key=True)
    id: Mapped[Id] = mapped_column(Identity(), primary_key=True)
    source: Mapped[str] = mapped_column(String(16))
    # As indexed columns they change when a lot is used up, not with each credit of it.
    is_bought: Mapped[bool] = mapped_column(Computed("source = 'purchase'", persisted=True))
    is_spendable: Mapped[bool] = mapped_column(Computed("remaining > held + frozen", persisted=True))
    is_live: Mapped[bool] = mapped_column(
        Computed("remaining > 0 OR (position IS NULL AND voided = 0)", persisted=True)
    )
    credits: Mapped[int] = mapped_column(BigInteger)
    remaining: Mapped[int] = mapped_column(BigInteger)
    held: Mapped[int] = mapped_column(BigInteger, server_default="0")
    frozen: Mapped[int] = mapped_column(BigInteger, server_default="0")
    owed: Mapped[int] = mapped_column(BigInteger, server_default="0")
    # The type of the transaction that takes what is owed.
    owed_as: Mapped[str | None] = mapped_column(String(16))
    debt: Mapped[int] = mapped_column(BigInteger, server_default="0")
    expired: Mapped[int] = mapped_column(BigInteger, server_default="0")
    voided: Mapped[int] = mapped_column(BigInteger, server_default="0")
    price_per_credit: Mapped[Decimal] = mapped_column(Numeric(12, 6), server_default="0")
    priority: Mapped[int] = mapped_column(server_default=str(DEFAULT_PRIORITY))
    effective_at: Mapped[Moment]
    expires_at: Mapped[Moment | None]
    # What a caller named the grant, and the digest of what they asked for: repeated, it is not granted again.
    reference: Mapped[str] = mapped_column(String(255), server_default="")
    request_hash: Mapped[str | None] = mapped_column(String(64))
    description: Mapped[str] = mapped_column(String(1000), server_default="")
    # The type of the transaction that brings the credits, and the position of it.
    transaction_type: Mapped[str] = mapped_column(String(16))
    position: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[Moment]
    # Who caused it and why (`app.audit.cause`); the actor is a reference to personal data.
    actor: Mapped[bytes] = mapped_column(LargeBinary)
    actor_kind: Mapped[str] = mapped_column(String(8))
    action: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str | None] = mapped_column(String(500))
    request_id: Mapped[str | None] = mapped_column(String(128))
