"""When each job last succeeded and failed, and that one process at a time does maintenance."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import NamedTuple

from psycopg2.errors import ReadOnlySqlTransaction
from sqlalchemy import String, bindparam, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import InternalError, SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from app.clock import utc_now
from app.db.base import Base, Moment, db
from app.db.fast.prepared import Prepared
from app.db.transaction import transaction


class JobRun(Base):
    """The last success and the last failure of one job: of maintenance, or a verification."""

    __tablename__ = "job_runs"

    job: Mapped[str] = mapped_column(String(63), primary_key=True)
    succeeded_at: Mapped[Moment | None]
    failed_at: Mapped[Moment | None]


class Run(NamedTuple):
    """When a job last succeeded and failed, if ever."""

    job: str
    succeeded_at: datetime | None
    failed_at: datetime | None


_NEW = insert(JobRun).values(job=bindparam("job"))
_SUCCEEDED, _FAILED = (
    _NEW.values({column: bindparam("now")}).on_conflict_do_update(
        index_elements=[JobRun.job], set_={column: bindparam("now")}
    )
    for column in ("succeeded_at", "failed_at")
)
_RUNS = select(JobRun.job, JobRun.succeeded_at, JobRun.failed_at).order_by(JobRun.job)
# Metrics are better without these than late.
_LAST_SUCCESSES = Prepared(
    "SET LOCAL statement_timeout = '2s'",
    select(JobRun.job, JobRun.succeeded_at).where(JobRun.succeeded_at.is_not(None)).order_by(JobRun.job),
)
# The lock is a transaction's, not a session's: behind PgBouncer the next transaction may get another session. The
# transaction does nothing else, so it holds up neither vacuum nor anybody's rows.
_ALONE = text("""
    SET LOCAL idle_in_transaction_session_timeout = 0;
    SELECT pg_try_advisory_xact_lock(hashtext('billing-service maintenance'))
""")


@contextmanager
def alone() -> Iterator[bool]:
    """Whether no other process, on any machine, is inside such a block now; if so, none is until this one ends.

    A lost connection gives the turn away early. Jobs must bear that: two at a time do no harm, only double work.
    """
    with db.engine.connect() as connection, connection.begin():
        yield bool(connection.execute(_ALONE).scalar_one())


def record_success(job: str) -> None:
    """Note that a job has just succeeded."""
    with transaction():
        db.session.execute(_SUCCEEDED, {"job": job, "now": utc_now()})


@contextmanager
def noted(job: str) -> Iterator[None]:
    """Note that the job in the block has succeeded or failed. It fails with its own exception in any case.

    A server that takes no writes, such as a standby that is verified, keeps no note.
    """
    try:
        yield
    except Exception:
        with suppress(SQLAlchemyError), transaction():
            db.session.execute(_FAILED, {"job": job, "now": utc_now()})
        raise
    try:
        record_success(job)
    except InternalError as error:
        if not isinstance(error.orig, ReadOnlySqlTransaction):
            raise


def runs() -> list[Run]:
    """The jobs that ever ran."""
    return [Run(*row) for row in db.session.execute(_RUNS)]


def last_successes() -> dict[str, datetime]:
    """When each job that ever succeeded did so last."""
    with transaction():
        return {row.job: row.succeeded_at for row in db.session.execute(_LAST_SUCCESSES)}
