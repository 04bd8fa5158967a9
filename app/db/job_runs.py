"""When each maintenance job last succeeded, and that one process at a time runs them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import String, bindparam, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from app.clock import utc_now
from app.db.base import Base, Moment, db
from app.db.fast.prepared import Prepared
from app.db.transaction import transaction


class JobRun(Base):
    """The last success of one maintenance job."""

    __tablename__ = "job_runs"

    job: Mapped[str] = mapped_column(String(63), primary_key=True)
    succeeded_at: Mapped[Moment]


_NEW = insert(JobRun).values(job=bindparam("job"), succeeded_at=bindparam("now"))
_RECORD = _NEW.on_conflict_do_update(index_elements=[JobRun.job], set_={"succeeded_at": _NEW.excluded.succeeded_at})
# Metrics are better without these than late.
_LAST_SUCCESSES = Prepared(
    "SET LOCAL statement_timeout = '2s'", select(JobRun.job, JobRun.succeeded_at).order_by(JobRun.job)
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
        db.session.execute(_RECORD, {"job": job, "now": utc_now()})


def last_successes() -> dict[str, datetime]:
    """When each job that ever succeeded did so last."""
    with transaction():
        return {row.job: row.succeeded_at for row in db.session.execute(_LAST_SUCCESSES)}
