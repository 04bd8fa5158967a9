"""Where transactions begin and end: the only commit in the code is in this file."""

from collections.abc import Iterator
from contextlib import contextmanager

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
    db.session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
