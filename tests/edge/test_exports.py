"""Exports by gunicorn and nginx: clients that hang up, that read nothing, and servers that fail."""

import socket
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPResponse, IncompleteRead

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine

from app.config import Settings
from tests.edge.conftest import WORKERS
from tests.edge.wire import Target
from tests.factories.exports import end_transactions, make_clients, open_transactions
from tests.processes import until

# More than the sockets between service and client hold.
ROWS = 100_000
PATH = "/v6/clients?format=csv"


@pytest.fixture
def watcher(app: Flask, settings: Settings) -> Iterator[Engine]:  # noqa: ARG001 - empties the database
    engine = create_engine(settings.database_url, isolation_level="AUTOCOMMIT")
    make_clients(engine, ROWS)
    yield engine
    engine.dispose()


def begun(target: Target) -> tuple[socket.socket, HTTPResponse]:
    """An export of which the first kilobyte is read, by a client that takes little at a time."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(30)
    connection.connect(("127.0.0.1", target.port))
    connection.sendall(target.head(f"GET {PATH} HTTP/1.1"))
    answer = HTTPResponse(connection)
    answer.begin()
    assert (answer.status, answer.getheader("Transfer-Encoding")) == (200, "chunked")
    assert answer.read(1024).startswith(b"id,name,")
    return connection, answer


def test_client_that_hangs_up_leaves_nothing(watcher: Engine, direct: Target) -> None:
    # More often than there are slots in all workers.
    for _ in range(2 * WORKERS + 2):
        connection, answer = begun(direct)
        assert open_transactions(watcher) == 1, "it waits for the client"
        answer.close()
        connection.close()
        until(lambda: open_transactions(watcher) == 0, "the transaction to end")
    whole = direct.get(PATH)
    assert whole.status == 200
    assert whole.body.endswith(f"#end,{ROWS}\r\n".encode())


def test_failure_in_mid_stream_is_no_end(watcher: Engine, direct: Target) -> None:
    connection, answer = begun(direct)
    end_transactions(watcher)
    with closing(connection), pytest.raises(IncompleteRead) as cut:
        answer.read()
    assert b"#end" not in cut.value.partial
    assert direct.get(PATH).body.endswith(f"#end,{ROWS}\r\n".encode())


def test_slow_reader_behind_the_proxy_holds_nothing(watcher: Engine, front: Target) -> None:
    connection, answer = begun(front)
    until(lambda: open_transactions(watcher) == 0, "the rows to be read, though the client takes none")
    with closing(connection):
        assert answer.read().endswith(f"#end,{ROWS}\r\n".encode())
