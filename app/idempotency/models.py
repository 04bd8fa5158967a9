"""The table of idempotency keys."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Id, Moment


class IdempotencyKey(Base):
    """A completed request with its caller, key, hash and response.

    `account_id` is the customer account that the response is about, if it is about one: the key is erased with it.
    """

    __tablename__ = "idempotency_keys"

    # The identity of the caller: issuer, subject and kind of token.
    caller: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_hash: Mapped[bytes]
    status: Mapped[int | None]
    body: Mapped[bytes | None]
    etag: Mapped[str | None] = mapped_column(String(64))
    account_id: Mapped[Id | None]
    created_at: Mapped[Moment] = mapped_column(index=True)
