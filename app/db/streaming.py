"""Reading a whole list: one snapshot in a read-only transaction, fetched in parts, so that memory stays flat.

The transaction is bounded by PostgreSQL itself: an old snapshot keeps VACUUM from removing dead rows, of all tables.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Connection, CursorResult, Row
from sqlalchemy.orm import Session

from app.db.base import COMMITS, db
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.replica import deadlines
from app.db.transaction import defer

ROWS_PER_FETCH = 1000
# For each fetch, of which the first may sort the whole list; less than proxies wait for a response to begin.
FETCH_SECONDS = 55
# For a reader that takes nothing: what a proxy keeps for a slow one, it may be busy with for some minutes.
PAUSE_SECONDS = 600
TRANSACTION_SECONDS = 1800

_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
# Plans are made for all rows: those of cursors are otherwise made for the first tenth.
_BEGIN: AnyPrepared = Prepared(
    _SNAPSHOT,
    f"SET LOCAL statement_timeout = '{FETCH_SECONDS}s'",
    f"SET LOCAL idle_in_transaction_session_timeout = '{PAUSE_SECONDS}s'",
    f"SET LOCAL transaction_timeout = '{TRANSACTION_SECONDS}s'",
    "SET LOCAL cursor_tuple_fraction = 1",
)
_ONE_SNAPSHOT: AnyPrepared = Prepared(_SNAPSHOT)


class Rows(NamedTuple):
    """Rows that are fetched when they are asked for, in parts, and the names of their columns."""

    fields: Sequence[str]
    parts: Iterator[Sequence[Any]]


@contextmanager
def snapshot() -> Iterator[None]:
    """Give the session a read-only transaction of one snapshot, which lasts on after the block unless it raises."""
    session = db.session()
    session.info[COMMITS] = "never"
    try:
        defer(_BEGIN, {})
        yield
    except BaseException:
        session.rollback()
        raise
    finally:
        del session.info[COMMITS]


def of_one_snapshot() -> None:
    """Let all statements of the transaction, which has run none yet, read one state of the database."""
    defer(_ONE_SNAPSHOT, {})


def take_session() -> Session:
    """Take the session over from the request, which closes it no more. Closing it ends its transaction."""
    session = db.session()
    db.session.registry.clear()
    return session


def fetch(statement: AnyPrepared, parameters: Mapping[str, Any]) -> Rows:
    """Run the statement by a cursor on the server, inside `snapshot`; the first part is fetched at once."""
    connection = db.session.connection()
    result = connection.exec_driver_sql(
        statement.sql, dict(parameters), execution_options={"yield_per": ROWS_PER_FETCH}
    )
    parts = _parts(connection, result)
    first = next(parts, ())
    return Rows(list(result.keys()), _with_first(first, parts))


def _with_first(first: Sequence[Any], others: Iterator[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    if first:
        yield first
    yield from others


def _parts(connection: Connection, result: CursorResult[*tuple[Any, ...]]) -> Iterator[Sequence[Row[Any]]]:
    while True:
        with deadlines.extended(connection, FETCH_SECONDS):
            rows = result.fetchmany(ROWS_PER_FETCH)
        if not rows:
            return
        yield rows
