"""Prepared statements: those that requests run all the time are parsed and planned once for each connection.

For a short statement that is most of what it costs the database. Where a `Prepared` is run, nothing is different. What
is sent is `EXECUTE`, once the connection has seen the statement often enough to prepare it. It goes straight to the
driver, too: forming SQL from a statement and columns from an answer, which SQLAlchemy does at each run of a text, takes
longer than all else that happens to it here.

A prepared statement has one plan, for any values. Left to choose, PostgreSQL plans it anew at each run if it estimates
that to be cheaper, which depends on statistics and made a list or a detail of accounts cost it three times as much. A
statement whose values decide how its rows are best found is `unprepared`.

Without prepared statements requests cost from 25 % (a lock with a key) to 60 % (a list) more processor time of service
and PostgreSQL; without the way straight to the driver from 4 % (a lock) to 12 % (a lock with a key): `bench/fast.py`,
decision 0009.

A pool between the service and the database, such as PgBouncer, may send each transaction to another server process,
which would not know the statement. Then the process that answers is not the one that the connection was told of, and
nothing is prepared.
"""

from collections import OrderedDict
from collections.abc import Mapping
from copy import copy
from functools import lru_cache
from typing import Any, Self, TypeAlias, TypeVarTuple, overload

from psycopg2 import Error, extensions
from sqlalchemy import ClauseElement, Connection, Engine, Result, event
from sqlalchemy.engine import ExceptionContext, IteratorResult
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.selectable import TypedReturnsRows

from app.db.fast import compilation, wire

# The run of a statement on one connection at which it is prepared, and how many stay prepared.
PREPARED_AT_RUN = 3
KEPT = 100
_REMEMBERED = 1000

_INFO = "prepared"
_TYPES = "SELECT CAST(parameter_types AS text[]) FROM pg_prepared_statements WHERE name = %(name)s"
_RESULT_CHANGED = "cached plan must not change result type"

Columns = TypeVarTuple("Columns")


class Prepared(TypedReturnsRows[*Columns]):
    """A statement that connections prepare unless it is `unprepared`, compiled when it is made.

    `bindparam(name)` stands for a caller's value. Several may be sent at once; the last one's rows are what
    comes of them. Each must be able to be prepared, but for those that begin with SET. A text may hold several too,
    separated by semicolons, and has `:name` for a value. Only `db.session.execute` and
    `app.db.transaction.defer` take one.
    """

    @overload
    def __init__(self, statement: TypedReturnsRows[*Columns], /) -> None: ...
    @overload
    def __init__(self, first: str | ClauseElement, last: TypedReturnsRows[*Columns], /) -> None: ...
    @overload
    def __init__(self: "AnyPrepared", /, *statements: str | ClauseElement) -> None: ...
    def __init__(self, *statements: Any) -> None:
        # As the driver takes them, with `%(name)s` for a value.
        self.parts = [part for statement in statements for part in compilation.parts(statement)]
        self.sql = ";".join(self.parts)

    # Whether decimals, moments and UUIDs of its rows are as they are written in JSON.
    is_shown = False

    def shown(self) -> Self:
        """The same statement, for rows that are only shown: see `app.db.fast.wire`."""
        copied = copy(self)
        copied.is_shown = True
        return copied

    # Whether it is sent unprepared, and so planned for its values at each run.
    is_unprepared = False

    def unprepared(self) -> Self:
        """The same statement, planned at each run: for one whose best plan depends on its values."""
        copied = copy(self)
        copied.is_unprepared = True
        return copied

    def with_values(self, **values: Any) -> Self:
        """The same statement with values that are part of its text, so that its plan is made for them."""
        copied = copy(self)
        copied.parts = [compilation.with_values(part, values) for part in self.parts]
        copied.sql = ";".join(copied.parts)
        return copied


AnyPrepared: TypeAlias = Prepared[*tuple[Any, ...]]


def listen(engine: Engine) -> None:
    """Let the connections of `engine` prepare statements where they lead straight to the server."""
    event.listen(engine, "connect", _begin)
    event.listen(engine, "handle_error", _give_up_outdated)


def run(connection: Connection, statement: Prepared[*Columns], values: Mapping[str, Any]) -> Result[*Columns]:
    """Run the statement on a connection of `app.db.fast.driver`; its rows, all of them here already.

    SQLAlchemy's cursor listeners are called.
    """
    driver_connection: Any = connection.connection.dbapi_connection
    statements: _Statements | None = connection.info.get(_INFO)
    with driver_connection.cursor() as cursor:
        if statement.is_shown:
            wire.write_json(cursor)
        event_arguments = (connection, cursor, statement.sql, values, None, False)
        try:
            for listener in connection.dispatch.before_cursor_execute:
                listener(*event_arguments)
            if statements is None:
                sent = statement.sql
            else:
                sent = statements.sent(statement) or prepare_now(statements, driver_connection, statement)
            cursor.execute(sent, values)
            rows = cursor.fetchall() if cursor.description else []
            for listener in connection.dispatch.after_cursor_execute:
                listener(*event_arguments)
        except Error as error:
            # SQLAlchemy is to meet it too: it wraps it, tells its listeners, and drops a lost connection.
            with driver_connection.failing(error):
                connection.exec_driver_sql(statement.sql, dict(values))
            raise
        names = tuple(column[0] for column in cursor.description or ())
    return IteratorResult(_named(names), iter(rows))


def defer(connection: Connection, statement: AnyPrepared, values: Mapping[str, Any]) -> None:
    """Have a prepared statement run along with the next one of the connection, or with the commit.

    When it is time to prepare it, it runs now, so that its failure does not hit another statement.
    """
    statements: _Statements | None = connection.info.get(_INFO)
    sent = statement.sql if statements is None else statements.sent(statement)
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

    def sent(self, statement: AnyPrepared) -> str | None:
        """What to send for `statement`; None when it is time to prepare it."""
        sql = statement.sql
        if statement.is_unprepared:
            return sql
        known = self._calls.get(sql)
        if known is not None:
            self._calls.move_to_end(sql)
            return known[1]
        runs = self._runs.get(sql, 0) + 1
        if runs >= PREPARED_AT_RUN:
            return None
        if len(self._runs) >= _REMEMBERED:
            self._runs.clear()
        self._runs[sql] = runs
        return sql

    def prepare(self, cursor: Any, statement: AnyPrepared) -> str:
        """Prepare `statement`; what to send for it."""
        if len(self._calls) >= KEPT:
            _, (oldest, _) = self._calls.popitem(last=False)
            # Settings alone are not prepared.
            if oldest:
                cursor.execute("".join(f"DEALLOCATE {name};" for name in oldest))
        names: list[str] = []
        call = ";".join([self._prepare_part(cursor, part, names) for part in statement.parts])
        self._runs.pop(statement.sql, None)
        self._calls[statement.sql] = (names, call)
        return call

    def _prepare_part(self, cursor: Any, statement: str, names: list[str]) -> str:
        if statement.startswith("SET "):
            return statement
        self._made += 1
        name = f"prepared_{self._made}"
        numbered, parameters = compilation.numbered(statement)
        cursor.execute(f"PREPARE {name} AS {numbered}", {})
        names.append(name)
        if not parameters:
            return f"EXECUTE {name}"
        # Values come as literals of their own types, which are not always those that were inferred.
        cursor.execute(_TYPES, {"name": name})
        types = cursor.fetchone()[0]
        values = (f"CAST(%({each})s AS {type_})" for each, type_ in zip(parameters, types, strict=True))
        return f"EXECUTE {name} ({', '.join(values)})"


def _begin(connection: Any, entry: ConnectionPoolEntry) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        is_direct = cursor.fetchone()[0] == connection.info.backend_pid
        if is_direct:
            cursor.execute("SET plan_cache_mode TO force_generic_plan")
            entry.info[_INFO] = _Statements()
    connection.commit()


def prepare_now(statements: _Statements, connection: Any, statement: AnyPrepared) -> str:
    """Prepare the statement on the connection; what to send for it."""
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
