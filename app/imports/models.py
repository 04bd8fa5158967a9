"""Runs of imports, which stay when the output of their command is gone."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, DateTime, Identity, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Id, Moment

MAX_FAILURE = 2000


class ImportOutcome(StrEnum):
    """How a run ended. One that was killed stays `running`."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class ImportRun(Base):
    """One run of an import: its files, and the figures that it printed."""

    __tablename__ = "import_runs"
    __table_args__ = (
        CheckConstraint("outcome IN ('running', 'succeeded', 'failed')", name="outcome"),
        CheckConstraint("(outcome = 'running') = (finished_at IS NULL)", name="finished"),
        CheckConstraint("(outcome = 'failed') = (failure IS NOT NULL)", name="failure"),
    )

    id: Mapped[Id] = mapped_column(Identity(always=True), primary_key=True)
    command: Mapped[str] = mapped_column(String(63))
    # The account of the operating system that ran it.
    started_by: Mapped[str] = mapped_column(String(255))
    started_at: Mapped[Moment]
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    dry_run: Mapped[bool]
    outcome: Mapped[ImportOutcome] = mapped_column(String(16))
    failure: Mapped[str | None] = mapped_column(Text)
    # Names and sizes.
    files: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    # Rows by kind, and amounts by kind and name, as text.
    kinds: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    totals: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    # Why rows were rejected and what was dropped, the most frequent first.
    rejections: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    notes: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
