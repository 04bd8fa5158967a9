"""Where transactions begin and end: the only commit in the code is in this file."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.pool import Pool

from app.db.base import COMMITS, db
from app.db.fast import driver, prepared
from app.db.fast.prepared import AnyPrepared

# How the statements of a session's open block commit.
_AT_THE_END, EACH_STATEMENT = "at the end", "each statement"


@contextmanager
def transaction() -> Iterator[None]:
    """Commit the work of the block as a whole, or nothing of it when it raises.

    A block inside another is a part of that. Raises RuntimeError where each statement commits by itself.
    """
    session = db.session()
    if session.info.get(COMMITS) == EACH_STATEMENT:
        raise RuntimeError("Each statement commits by itself here: several cannot be one transaction")
    if COMMITS in session.info:
        yield
        return
    session.info[COMMITS] = _AT_THE_END
    try:
        yield
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        del session.info[COMMITS]


@contextmanager
def rehearsal() -> Iterator[None]:
    """Do the work of the block and undo it, also that of transactions inside it."""
    session = db.session()
    session.info[COMMITS] = _AT_THE_END
    try:
        yield
    finally:
        del session.info[COMMITS]
        session.rollback()


@contextmanager
def autocommit() -> Iterator[None]:
    """Let each statement of the block commit by itself: work of one statement then costs one round trip.

    In another block it is a part of that.
    """
    session = db.session()
    if COMMITS in session.info:
        yield
        return
    session.info[COMMITS] = EACH_STATEMENT
    try:
        with driver.autocommit(session.connection()):
            yield
    finally:
        del session.info[COMMITS]


@contextmanager
def in_one() -> Iterator[None]:
    """Let the statements of the block commit together where each would commit by itself.

    In a block that commits at its end it is a part of that.
    """
    session = db.session()
    if session.info.get(COMMITS) != EACH_STATEMENT:
        yield
        return
    session.info[COMMITS] = _AT_THE_END
    try:
        with driver.together(session.connection()):
            yield
    finally:
        session.info[COMMITS] = EACH_STATEMENT


def defer(statement: AnyPrepared, values: Mapping[str, Any]) -> None:
    """Have a statement run along with the next one, or with the commit, in the same transaction.

    It costs no round trip. Its result is discarded; an error surfaces with the statement it is sent with.
    """
    prepared.defer(db.session.connection(), statement, values)


@event.listens_for(Pool, "connect")
def _keep_time_in_utc(connection: Any, _record: Any) -> None:
    """Have times read in UTC: in another zone one near the first or the last year could not be read back."""
    # Not as an option of the connection, which PgBouncer does not take. It knows this setting as the client's own and
    # gives it to every server connection the client gets.
    with connection.cursor() as cursor:
        cursor.execute("SET timezone TO 'UTC'")
    connection.commit()
