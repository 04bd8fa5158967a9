"""The driver's connections, made to send together what need not be sent apart.

The driver sends BEGIN by itself and waits until it is done, and so for each statement and for COMMIT. Here BEGIN goes
along with the first statement of a transaction, and statements whose outcome nobody waits for along with the next one,
or with COMMIT. To others it is a connection like any other: a transaction begins with its first statement.

Half a millisecond from the database, a lock with an idempotency key takes 74 % longer without (24 % for BEGIN, 51 % for
deferred statements) and a fifth more processor time, and a customer's read 19 %: `bench/fast.py`, decision 0009.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from psycopg2 import Error, NotSupportedError, extensions


@contextmanager
def autocommit(connection: sa.Connection) -> Iterator[None]:
    """Let each statement of the block commit by itself; outside of a transaction."""
    # Not as an isolation level of SQLAlchemy's: leaving it asks the server, which is a second round trip, and one that
    # fails a request already answered when the server went away meanwhile.
    driver_connection: Any = connection.connection.dbapi_connection
    driver_connection.autocommit = True
    try:
        yield
    finally:
        driver_connection.autocommit = False


@contextmanager
def together(connection: sa.Connection) -> Iterator[None]:
    """Commit the statements of the block together, inside a block of `autocommit`."""
    driver_connection: Any = connection.connection.dbapi_connection
    driver_connection.autocommit = False
    try:
        yield
        connection.exec_driver_sql("COMMIT")
    except BaseException:
        if not driver_connection.closed:
            driver_connection.rollback()
        raise
    finally:
        driver_connection.autocommit = True


class Connection(extensions.connection):
    """A connection of the driver."""

    # Whether each statement commits by itself. What is sent at once is one statement in this.
    autocommit = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._deferred: list[bytes] = []
        self._failure: Error | None = None
        # The driver itself is to begin nothing.
        vars(extensions.connection)["autocommit"].__set__(self, True)

    def defer(self, statement: bytes) -> None:
        """Have a finished statement run before the next one or the commit, in the same transaction."""
        self._deferred.append(statement)

    def take_pending(self) -> bytes:
        """Return and clear the statements queued to be sent before the next one."""
        if not self.autocommit and self.get_transaction_status() == extensions.TRANSACTION_STATUS_IDLE:
            self._deferred.insert(0, b"BEGIN")
        if not self._deferred:
            return b""
        pending = b";".join(self._deferred) + b";"
        self._deferred.clear()
        return pending

    def commit(self) -> None:
        """End the transaction, if there is one, running first what was deferred. If that fails, all is undone."""
        if not self._deferred and not self._is_open():
            return
        try:
            self.send(self.take_pending() + (b"" if self.autocommit else b"COMMIT"))
        except Error:
            # A statement failed before COMMIT was reached. SQLAlchemy takes every commit, also one that fails, for the
            # end of the transaction: the next one to get this connection would be in it.
            if not self.closed:
                self.rollback()
            raise

    def rollback(self) -> None:
        """Undo the transaction, if there is one; what was deferred does not run."""
        self._deferred.clear()
        if self._is_open():
            self.send(b"ROLLBACK")

    def set_isolation_level(self, level: int | None) -> None:
        """Commit each statement by itself, or go back to what is usual. Raises NotSupportedError for other levels."""
        if level not in {extensions.ISOLATION_LEVEL_AUTOCOMMIT, extensions.ISOLATION_LEVEL_READ_COMMITTED}:
            raise NotSupportedError("Transactions have the isolation level READ COMMITTED here")
        self.rollback()
        self.autocommit = level == extensions.ISOLATION_LEVEL_AUTOCOMMIT

    def cursor(self, name: Any = None, *arguments: Any, **options: Any) -> Any:
        """A cursor; one with a name reads rows from the server as they are asked for, until the transaction ends."""
        if self._failure is not None:
            raise self._failure
        if name is not None:
            # Else the driver refuses it: it does not know of our transaction.
            options["withhold"] = True
        return super().cursor(name, *arguments, **options)

    @contextmanager
    def failing(self, failure: Error) -> Iterator[None]:
        """Raise `failure` in the block wherever a statement begins: to let others handle what already happened."""
        self._failure = failure
        try:
            yield
        finally:
            self._failure = None

    def send(self, statement: bytes) -> None:
        """Run a finished statement, or several, by themselves."""
        with super().cursor(cursor_factory=extensions.cursor) as cursor:
            cursor.execute(statement)

    def _is_open(self) -> bool:
        return self.get_transaction_status() != extensions.TRANSACTION_STATUS_IDLE


class Cursor(extensions.cursor):
    """A cursor of such a connection."""

    connection: Connection

    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002 - the driver's name
        """Run a statement, and in the same message before it what the connection has to send first."""
        if self.name is not None:
            # What it sends begins with the declaration of the cursor.
            self._send_pending()
        elif pending := self.connection.take_pending():
            query, vars = pending + self.mogrify(query, vars), None  # noqa: A001
        super().execute(query, vars)

    def executemany(self, *arguments: Any) -> None:
        """Run a statement once for each of several values."""
        self._send_pending()
        super().executemany(*arguments)

    def copy_expert(self, *arguments: Any, **options: Any) -> None:
        """Copy rows in or out."""
        self._send_pending()
        super().copy_expert(*arguments, **options)

    def _send_pending(self) -> None:
        if pending := self.connection.take_pending():
            self.connection.send(pending)
