"""Connections that send together what need not be sent apart."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, cast

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from flask import Flask
from psycopg2 import NotSupportedError
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from sqlalchemy import CursorResult, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from app.db.base import db
from app.db.fast.prepared import Prepared
from app.db.transaction import autocommit, defer, transaction

ADD = Prepared("INSERT INTO changes VALUES (:number)")
ADD_NOW = text("INSERT INTO changes VALUES (:number)")
WHERE_AM_I = text("SELECT txid_current()")


@pytest.fixture
def changes(app: Flask) -> Iterator[Any]:
    """The numbers committed to a table, as others see them."""
    with app.app_context():
        # One transaction after the other then has the same connection.
        db.engine.dispose()
        with db.engine.begin() as connection:
            connection.execute(text("CREATE TABLE changes (number int PRIMARY KEY)"))
        # On every connection it runs at once when it is prepared.
        defer(ADD, {"number": 0})
        db.session.rollback()

        def committed() -> list[int]:
            with db.engine.connect() as other:
                return list(other.execute(text("SELECT number FROM changes ORDER BY number")).scalars())

        yield committed
        db.session.remove()
        with db.engine.begin() as connection:
            connection.execute(text("DROP TABLE changes"))


@contextmanager
def undone_by(failure: type[Exception]) -> Iterator[None]:
    """A transaction that fails so."""
    with pytest.raises(failure), transaction():
        yield


def fail() -> None:
    raise ZeroDivisionError


def driver() -> Any:
    return db.session.connection().connection.dbapi_connection


def transaction_number() -> int:
    return int(db.session.execute(WHERE_AM_I).scalar_one())


@pytest.mark.usefixtures("changes")
def test_begin_goes_along_with_the_first_statement() -> None:
    assert driver().get_transaction_status() == TRANSACTION_STATUS_IDLE
    result = db.session.execute(text("SELECT '%' || CAST(:word AS text)"), {"word": "100 %s"})
    assert cast("CursorResult[Any]", result).cursor.query.startswith(b"BEGIN;SELECT")
    assert result.scalar_one() == "%100 %s"
    assert transaction_number() == transaction_number()


def test_work_is_kept_or_undone_as_a_whole(changes: Any) -> None:
    with transaction():
        db.session.execute(ADD_NOW, {"number": 1})
        db.session.execute(ADD_NOW, [{"number": 2}, {"number": 3}])
        assert changes() == []
    assert changes() == [1, 2, 3]
    with undone_by(IntegrityError):
        db.session.execute(ADD_NOW, [{"number": 4}, {"number": 1}])
    assert changes() == [1, 2, 3]


def test_executemany_is_part_of_the_transaction(changes: Any) -> None:
    with undone_by(ZeroDivisionError):
        db.session.execute(ADD_NOW, [{"number": 1}, {"number": 2}])
        fail()
    assert changes() == []


@pytest.mark.parametrize("undone", [False, True])
def test_copied_rows_are_part_of_the_transaction(changes: Any, undone: bool) -> None:
    driver().cursor().copy_expert("COPY changes FROM STDIN", BytesIO(b"7\n8\n"))
    assert changes() == []
    (db.session.rollback if undone else db.session.commit)()
    assert changes() == ([] if undone else [7, 8])


def test_rows_are_read_as_they_are_asked_for(changes: Any) -> None:
    with transaction():
        db.session.execute(text("INSERT INTO changes SELECT generate_series(1, 5000)"))
    with transaction():
        rows = db.session.execute(text("SELECT number FROM changes ORDER BY 1").execution_options(stream_results=True))
        assert [next(rows)[0] for _ in range(3)] == [1, 2, 3]
        assert len(list(rows)) == 4997
        rows.close()
    assert len(changes()) == 5000


def test_deferred_statement_runs_before_the_next_one(changes: Any) -> None:
    for number in (1, 2):
        with transaction():
            defer(ADD, {"number": number})
            found = db.session.execute(text("SELECT max(number) FROM changes"))
            assert found.scalar_one() == number
            assert changes() == list(range(1, number))
        assert changes() == list(range(1, number + 1))


def test_deferred_statement_runs_with_the_commit(changes: Any) -> None:
    for number in (1, 2, 3):
        with transaction():
            defer(ADD, {"number": number})
            assert driver().get_transaction_status() == TRANSACTION_STATUS_IDLE
    assert changes() == [1, 2, 3]


def test_deferred_statement_of_a_rolled_back_transaction_never_runs(changes: Any) -> None:
    with undone_by(ZeroDivisionError):
        defer(ADD, {"number": 1})
        fail()
    assert changes() == []
    with transaction():
        db.session.execute(WHERE_AM_I)
    assert changes() == []


def test_failed_deferred_statement_rolls_back_the_transaction(changes: Any) -> None:
    with transaction():
        db.session.execute(ADD_NOW, {"number": 1})
    with undone_by(IntegrityError):
        db.session.execute(ADD_NOW, {"number": 2})
        defer(ADD, {"number": 1})
    assert changes() == [1]
    with undone_by(IntegrityError):
        defer(ADD, {"number": 1})
        db.session.execute(ADD_NOW, {"number": 3})
    assert changes() == [1]


def test_a_commit_that_fails_leaves_no_transaction_to_the_next(changes: Any) -> None:
    with transaction():
        db.session.execute(ADD_NOW, {"number": 1})
    with undone_by(IntegrityError):
        defer(ADD, {"number": 1})
    assert driver().get_transaction_status() == TRANSACTION_STATUS_IDLE
    with transaction():
        defer(ADD, {"number": 2})
    assert changes() == [1, 2]


def test_statements_that_commit_by_themselves(changes: Any) -> None:
    with autocommit():
        db.session.execute(ADD_NOW, {"number": 1})
        assert changes() == [1]
        defer(ADD, {"number": 2})
        assert changes() == [1]
        with pytest.raises(IntegrityError):
            db.session.execute(ADD_NOW, {"number": 1})
    db.session.rollback()
    assert changes() == [1], "what is sent at once is done as a whole"
    assert transaction_number() == transaction_number(), "the connection is as it was"


def test_a_transaction_in_another_is_a_part_of_it(changes: Any) -> None:
    with undone_by(ZeroDivisionError):
        with autocommit():
            db.session.execute(ADD_NOW, {"number": 1})
        with transaction():
            db.session.execute(ADD_NOW, {"number": 2})
        assert changes() == []
        fail()
    assert changes() == []
    with transaction(), transaction():
        db.session.execute(ADD_NOW, {"number": 1})
    assert changes() == [1]


@pytest.mark.usefixtures("changes")
def test_a_migration_may_leave_its_transaction() -> None:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        with context.begin_transaction():
            with context.autocommit_block():
                Operations(context).create_index("ix_changes", "changes", ["number"], postgresql_concurrently=True)
            connection.execute(ADD_NOW, {"number": 1})
            connection.execute(text("DROP INDEX ix_changes"))
            assert connection.execute(WHERE_AM_I).scalar_one() == connection.execute(WHERE_AM_I).scalar_one()


@pytest.mark.usefixtures("changes")
def test_autocommit_runs_statements_that_no_transaction_takes() -> None:
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM changes"))
    assert transaction_number() == transaction_number(), "the connection is as it was"


@pytest.mark.usefixtures("changes")
def test_other_isolation_level_is_refused() -> None:
    with pytest.raises(NotSupportedError, match="isolation"):
        db.engine.connect().execution_options(isolation_level="SERIALIZABLE")


def test_deferred_statement_that_cannot_be_prepared_fails_by_itself(changes: Any) -> None:
    gone = Prepared("INSERT INTO nothing VALUES (:number)")
    with undone_by(ProgrammingError):
        db.session.execute(ADD_NOW, {"number": 1})
        defer(gone, {"number": 1})
    with transaction():
        defer(ADD, {"number": 2})
        db.session.execute(ADD, {"number": 3})
    assert changes() == [2, 3]
