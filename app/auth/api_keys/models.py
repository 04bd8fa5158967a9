"""API keys, and the secrets by which they are recognized."""

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Identity, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Id, Moment


class ApiKey(Base):
    """A key of a machine. One of a customer account acts in that account alone.

    Keys are never deleted: the audit trail, caps and usage refer to them by id.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("cardinality(scopes) > 0", name="scopes"),
        CheckConstraint("expires_at > created_at", name="expires_at"),
        Index("ix_api_keys_account_id", "account_id"),
    )

    id: Mapped[Id] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    # The first characters of the secret that was issued last, for people to recognize it by.
    prefix: Mapped[str] = mapped_column(String(16))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String(64)))
    account_id: Mapped[Id | None] = mapped_column(ForeignKey("customer_accounts.id"))
    created_by: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[Moment]
    expires_at: Mapped[Moment | None]
    last_used_at: Mapped[Moment | None]
    revoked_at: Mapped[Moment | None]


class ApiKeySecret(Base):
    """A secret of a key, as its SHA-256. A key has one that does not end, and those that it replaced until they do.

    A secret has 190 random bits: no guess finds one by its digest, so a slow hash would protect nothing.
    """

    __tablename__ = "api_key_secrets"
    __table_args__ = (
        CheckConstraint("length(digest) = 32", name="digest"),
        Index("ix_api_key_secrets_key_id", "key_id"),
    )

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    key_id: Mapped[Id] = mapped_column(ForeignKey("api_keys.id"))
    created_at: Mapped[Moment]
    # When it stops working, once another secret replaced it.
    ends_at: Mapped[Moment | None]
