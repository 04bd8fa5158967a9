"""Sign-ins: one-time links and sessions of people at a browser."""

from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, LargeBinary, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Moment


class SignInKind(StrEnum):
    """What a secret is good for: signing in once, or being signed in."""

    LINK = "link"
    SESSION = "session"


class SignIn(Base):
    """A secret by which a browser is recognized, as its SHA-256, and the claims of its person."""

    __tablename__ = "console_sign_ins"
    __table_args__ = (
        CheckConstraint("length(digest) = 32", name="digest"),
        CheckConstraint("kind IN ('link', 'session')", name="kind"),
        CheckConstraint("session_hours > 0", name="session_hours"),
        Index("ix_console_sign_ins_expires_at", "expires_at"),
    )

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    kind: Mapped[SignInKind] = mapped_column(String(16))
    # As a token would have them.
    claims: Mapped[dict[str, Any]] = mapped_column(JSONB)
    # How long a session lasts that a link begins.
    session_hours: Mapped[int]
    created_at: Mapped[Moment]
    expires_at: Mapped[Moment]
