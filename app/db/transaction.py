"""Where transactions begin and end: the only commit in the code is in this file."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.pool import Pool

from app.db.base import db


@contextmanager
def transaction() -> Iterator[None]:
    """Commit the work of the block as a whole, or nothing of it when it raises."""
    try:
        yield
        db.session.commit()
    except BaseException:
        db.session.rollback()
        raise


@contextmanager
def rehearsal() -> Iterator[None]:
    """Do the work of the block and undo it."""
    try:
        yield
    finally:
        db.session.rollback()


def autocommit_reads() -> None:
    """Let this request's session run each statement by itself.

    A read that needs one statement then costs one round trip: no BEGIN before it and no ROLLBACK after.
    Call it before the first statement; the pool gives the connection back to others in its usual mode.
    """
    # Not as an isolation level of SQLAlchemy's: leaving it asks the server, which is a second round trip, and one that
    # fails a request already answered when the server went away meanwhile.
    driver_connection: Any = db.session.connection().connection.dbapi_connection
    driver_connection.autocommit = True


@event.listens_for(Pool, "connect")
def _keep_time_in_utc(connection: Any, _record: Any) -> None:
    """Have times read in UTC: in another zone one near the first or the last year could not be read back."""
    # Not as an option of the connection, which PgBouncer does not take. It knows this setting as the client's own and
    # gives it to every server connection the client gets.
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SET timezone TO 'UTC'")
    connection.autocommit = False


@event.listens_for(Pool, "reset")
def _leave_autocommit(connection: Any, *_: Any) -> None:
    if not connection.closed and connection.autocommit:
        connection.autocommit = False
