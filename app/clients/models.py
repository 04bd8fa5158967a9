"""Clients: the parties that billing accounts belong to."""

from enum import StrEnum
from uuid import uuid4

from sqlalchemy import CheckConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Moment, Timestamped, search_index
from app.db.versions import Versioned


class Status(StrEnum):
    """Whether a client is in use."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"


class Client(Timestamped, Versioned, Base):
    """A client. Its id is text: a UUID when made here, whatever the previous system used when imported."""

    __tablename__ = "clients"
    __table_args__ = (
        CheckConstraint("status IN ('ACTIVE', 'INACTIVE')", name="status"),
        CheckConstraint("start_date <= end_date", name="dates"),
        Index("ix_clients_name", text("fold_text(name)"), "id"),
        search_index("ix_clients_name_search", "name"),
        search_index("ix_clients_code_name_search", "code_name"),
        Index("ix_clients_status", "status", "id"),
        Index("ix_clients_start_date", "start_date", "id"),
        Index("ix_clients_end_date", "end_date", "id"),
        Index("ix_clients_created_at", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(255), primary_key=True, default=lambda: str(uuid4()))
    name: Mapped[str] = mapped_column(String(255))
    code_name: Mapped[str | None] = mapped_column(String(255))
    status: Mapped[str] = mapped_column(String(8), default=Status.ACTIVE)
    start_date: Mapped[Moment | None]
    end_date: Mapped[Moment | None]
