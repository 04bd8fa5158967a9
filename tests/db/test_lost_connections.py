"""The database goes away in the middle of a request."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
from flask import Flask
from sqlalchemy import event, make_url

from app.db.base import db
from tests.caller import Caller, data, error


def cut(connection: Any) -> None:
    """Break the connection to the database as a crash of the server does."""
    with socket.fromfd(connection.connection.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.shutdown(socket.SHUT_RD)


@contextmanager
def cut_once(app: Flask, moment: str, verb: str) -> Iterator[None]:
    """Cut the first connection that comes to a statement beginning with `verb`."""
    done: list[str] = []

    def listen(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not done and verb in statement:
            done.append(statement)
            cut(connection)

    with app.app_context():
        engine = db.engine
    event.listen(engine, moment, listen)
    yield
    event.remove(engine, moment, listen)
    assert done


def test_a_write_that_is_cut_short_may_be_sent_again(app: Flask, admin: Caller) -> None:
    with cut_once(app, "before_cursor_execute", "INSERT INTO clients"):
        answer = admin.post("/v6/clients", {"name": "Acme"}, Idempotency_Key="k")
    error(answer, 503, "database_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    data(admin.post("/v6/clients", {"name": "Acme"}, Idempotency_Key="k"), 201)
    assert data(admin.get("/v6/clients"))["count"] == 1


def test_a_commit_that_is_cut_short_may_be_sent_again(app: Flask, admin: Caller) -> None:
    with cut_once(app, "after_cursor_execute", "INSERT INTO clients"):
        error(admin.post("/v6/clients", {"name": "Acme"}, Idempotency_Key="k"), 503, "database_unavailable")
    data(admin.post("/v6/clients", {"name": "Acme"}, Idempotency_Key="k"), 201)
    assert data(admin.get("/v6/clients"))["count"] == 1


def test_a_read_that_was_answered_stays_answered(app: Flask, admin: Caller) -> None:
    with cut_once(app, "after_cursor_execute", "FROM clients"):
        assert data(admin.get("/v6/clients"))["count"] == 0
    with app.app_context():
        db.engine.dispose()


def test_a_break_of_no_particular_kind_is_one_too(app: Flask, admin: Caller) -> None:
    def fail(_cursor: Any, statement: str, *_: Any) -> None:
        if "INSERT INTO clients" in statement:
            # What psycopg2 raises, now and then, for the statement a crash of the server interrupts.
            raise psycopg2.DatabaseError("server closed the connection unexpectedly")

    with app.app_context():
        engine = db.engine
    event.listen(engine, "do_execute", fail)
    answer = admin.post("/v6/clients", {"name": "Acme"})
    event.remove(engine, "do_execute", fail)
    error(answer, 503, "database_unavailable")
    assert int(answer.headers["Retry-After"]) > 0


def test_a_server_that_takes_no_more_writes_is_left(app: Flask, admin: Caller, database_url: str) -> None:
    """As after a failover behind one address: connections lead to what is now a standby."""
    name = make_url(database_url).database
    with closing(psycopg2.connect(database_url.replace("+psycopg2", ""))) as operator, operator.cursor() as cursor:
        operator.autocommit = True
        cursor.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        with app.app_context():
            db.engine.dispose()
        for _ in range(2):
            answer = admin.post("/v6/clients", {"name": "Acme"}, Idempotency_Key="k")
            error(answer, 503, "database_unavailable")
            assert int(answer.headers["Retry-After"]) > 0
        data(admin.get("/v6/clients"))
        cursor.execute("SET default_transaction_read_only = off")
        cursor.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    error(admin.post("/v6/clients", {"name": "Acme"}, Idempotency_Key="k"), 503)
    data(admin.post("/v6/clients", {"name": "Acme"}, Idempotency_Key="k"), 201)


def test_a_read_that_is_cut_short_may_be_sent_again(app: Flask, admin: Caller) -> None:
    with cut_once(app, "before_cursor_execute", "FROM clients"):
        error(admin.get("/v6/clients"), 503, "database_unavailable")
    assert data(admin.get("/v6/clients"))["count"] == 0
