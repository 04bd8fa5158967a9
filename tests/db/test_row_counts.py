"""Counting rows as they are written: exact, and no writer waits for another."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from flask import Flask
from sqlalchemy import Connection, NullPool, create_engine, text

from app.clients.queries import LIST
from app.db import row_counts
from app.db.base import db
from app.db.row_counts import SLOTS

NEW = text("INSERT INTO clients (id, name, status, created_at, updated_at) VALUES (:id, :id, 'ACTIVE', now(), now())")
UNFILTERED = {"page": 1, "per_page": 1}


@pytest.fixture
def writers(app: Flask, database_url: str) -> Iterator[Callable[[], Connection]]:
    """Opens connections with a transaction each, undone at the end unless it was committed."""
    engine = create_engine(database_url, poolclass=NullPool)
    with app.app_context(), ExitStack() as opened:
        yield lambda: opened.enter_context(engine.connect())


def counted() -> int:
    """The number of clients that their list says; the books agree."""
    assert list(row_counts.differences()) == []
    count = LIST.page(UNFILTERED).count
    db.session.rollback()
    return count


def test_writers_of_one_table_do_not_wait_for_each_other(writers: Callable[[], Connection]) -> None:
    first, second = writers(), writers()
    first.execute(NEW, {"id": "a"})
    second.execute(text("SET LOCAL lock_timeout = '1s'"))
    second.execute(NEW, {"id": "b"})
    second.execute(NEW, {"id": "c"})
    assert counted() == 0
    second.commit()
    assert counted() == 2
    first.commit()
    assert counted() == 3


def test_rows_that_were_undone_or_deleted_do_not_count(writers: Callable[[], Connection]) -> None:
    first, second = writers(), writers()
    first.execute(NEW, {"id": "a"})
    second.execute(NEW, {"id": "b"})
    first.rollback()
    second.commit()
    assert counted() == 1
    # Its slot is another one, which goes below 0.
    second.execute(NEW, {"id": "c"})
    first.execute(text("DELETE FROM clients WHERE id = 'b'"))
    first.commit()
    second.rollback()
    assert counted() == 0


def test_a_writer_waits_when_every_slot_is_taken(
    writers: Callable[[], Connection], until_waiting: Callable[[int], None]
) -> None:
    connections = [writers() for _ in range(SLOTS + 1)]
    *those, last = connections
    for number, each in enumerate(those):
        each.execute(NEW, {"id": str(number)})
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(last.execute, NEW, {"id": "last"})
        until_waiting(1)
        for each in those:
            each.commit()
        waiting.result()
    last.commit()
    assert counted() == SLOTS + 1
