"""Prepared statements: those that requests run all the time are parsed and planned once for each connection.

For a short statement that is most of what it costs the database. Where a `Prepared` is run, nothing is different. What
is sent is `EXECUTE`, once the connection has seen the statement often enough to prepare it. It goes straight to the
driver, too: forming SQL from a statement and columns from an answer, which SQLAlchemy does at each run of a text, takes
longer than all else that happens to it here.

A pool between the service and the database, such as PgBouncer, may send each transaction to another server process,
which would not know the statement. Then the process that answers is not the one that the connection was told of, and
nothing is prepared.
"""

import re
from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from psycopg2 import Error, extensions
from sqlalchemy import Connection, Engine, Result, TextClause, event
from sqlalchemy.dialects.postgresql import psycopg2
from sqlalchemy.engine import ExceptionContext, IteratorResult
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.pool import ConnectionPoolEntry

# The run of a statement on one connection at which it is prepared, and how many stay prepared.
PREPARED_AT_RUN = 3
KEPT = 100
_REMEMBERED = 1000

_INFO = "prepared"
_DIALECT = psycopg2.dialect()  # type: ignore[no-untyped-call]
_PARAMETER = re.compile(r"%\((\w+)\)s")
_TYPES = "SELECT CAST(parameter_types AS text[]) FROM pg_prepared_statements WHERE name = %(name)s"
_RESULT_CHANGED = "cached plan must not change result type"


class Prepared(TextClause):
    """A statement that connections prepare, with `:name` for a parameter.

    Several may be sent at once, separated by semicolons; the last one's rows are what comes of them. Each must be able
    to be prepared, but for those that begin with SET.
    """

    inherit_cache = True

    def __init__(self, sql: str) -> None:
        super().__init__(sql)
        # As the driver takes it.
        self.sent = str(self.compile(dialect=_DIALECT))


def listen(engine: Engine) -> None:
    """Let the connections of `engine` prepare statements where they lead straight to the server."""
    event.listen(engine, "connect", _begin)
    event.listen(engine, "handle_error", _give_up_outdated)


def run(connection: Connection, statement: Prepared, values: Mapping[str, Any]) -> Result[Any]:
    """Run the statement; its rows, all of them here already.

    Who listens for SQLAlchemy's statements hears of this one too.
    """
    driver_connection: Any = connection.connection.dbapi_connection
    statements: _Statements | None = connection.info.get(_INFO)
    with driver_connection.cursor() as cursor:
        told = (connection, cursor, statement.sent, values, None, False)
        try:
            for listener in connection.dispatch.before_cursor_execute:
                listener(*told)
            if statements is None:
                sent = statement.sent
            else:
                sent = statements.sent(statement.sent) or _prepare_now(statements, driver_connection, statement.sent)
            cursor.execute(sent, values)
            rows = cursor.fetchall() if cursor.description else []
            for listener in connection.dispatch.after_cursor_execute:
                listener(*told)
        except Error as error:
            connection._handle_dbapi_exception(error, statement.sent, values, cursor, None)  # noqa: SLF001
        names = tuple(column[0] for column in cursor.description or ())
    return IteratorResult(_named(names), iter(rows))


def defer(connection: Connection, statement: Prepared, values: Mapping[str, Any]) -> None:
    """Have a prepared statement run along with the next one of the connection, or with the commit.

    When it is time to prepare it, it runs now: if it cannot be prepared, nobody else is to fail for that.
    """
    statements: _Statements | None = connection.info.get(_INFO)
    sent = statement.sent if statements is None else statements.sent(statement.sent)
    if sent is None:
        run(connection, statement, values)
        return
    driver_connection: Any = connection.connection.dbapi_connection
    with driver_connection.cursor() as cursor:
        driver_connection.defer(cursor.mogrify(sent, values))


class _Statements:
    """The statements that one connection prepared, by their text."""

    def __init__(self) -> None:
        self._runs: dict[str, int] = {}
        self._calls: OrderedDict[str, tuple[list[str], str]] = OrderedDict()
        self._made = 0

    def sent(self, statement: str) -> str | None:
        """What to send for `statement`; None when it is time to prepare it."""
        known = self._calls.get(statement)
        if known is not None:
            self._calls.move_to_end(statement)
            return known[1]
        runs = self._runs.get(statement, 0) + 1
        if runs >= PREPARED_AT_RUN:
            return None
        if len(self._runs) >= _REMEMBERED:
            self._runs.clear()
        self._runs[statement] = runs
        return statement

    def prepare(self, cursor: Any, statement: str) -> str:
        """Prepare `statement`; what to send for it."""
        if len(self._calls) >= KEPT:
            _, (oldest, _) = self._calls.popitem(last=False)
            cursor.execute("".join(f"DEALLOCATE {name};" for name in oldest))
        names: list[str] = []
        parts = [self._prepare_part(cursor, part.strip(), names) for part in statement.split(";")]
        call = ";".join(parts)
        self._runs.pop(statement, None)
        self._calls[statement] = (names, call)
        return call

    def _prepare_part(self, cursor: Any, statement: str, names: list[str]) -> str:
        if statement.startswith("SET "):
            return statement
        self._made += 1
        name = f"prepared_{self._made}"
        numbered, parameters = _numbered(statement)
        cursor.execute(f"PREPARE {name} AS {numbered}", {})
        names.append(name)
        if not parameters:
            return f"EXECUTE {name}"
        # Values come as literals of their own types, which are not always those that were inferred.
        cursor.execute(_TYPES, {"name": name})
        types = cursor.fetchone()[0]
        values = (f"CAST(%({each})s AS {type_})" for each, type_ in zip(parameters, types, strict=True))
        return f"EXECUTE {name} ({', '.join(values)})"


@lru_cache(maxsize=_REMEMBERED)
def _numbered(statement: str) -> tuple[str, list[str]]:
    """The statement with `$1`, `$2` … for its parameters, and their names.

    A name that stands twice has two numbers: the types of its places may differ.
    """
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        names.append(found[1])
        return f"${len(names)}"

    return _PARAMETER.sub(number, statement), names


def _begin(connection: Any, entry: ConnectionPoolEntry) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        is_direct = cursor.fetchone()[0] == connection.info.backend_pid
    connection.rollback()
    if is_direct:
        entry.info[_INFO] = _Statements()


def _prepare_now(statements: _Statements, connection: Any, statement: str) -> str:
    # With a cursor that does not send what was deferred.
    with connection.cursor(cursor_factory=extensions.cursor) as own:
        return statements.prepare(own, statement)


@lru_cache(maxsize=_REMEMBERED)
def _named(columns: tuple[str, ...]) -> SimpleResultMetaData:
    return SimpleResultMetaData(columns)


def _give_up_outdated(context: ExceptionContext) -> None:
    """Drop connections with a statement from before a migration that changed what it yields."""
    if _RESULT_CHANGED in str(context.original_exception):
        context.is_disconnect = True
