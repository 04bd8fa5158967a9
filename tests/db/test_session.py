"""Prepared statements and entities of one session: one connection, one transaction."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.clients.models import Client
from app.db.base import db
from app.db.fast.prepared import Prepared
from app.db.transaction import autocommit, transaction

NOW = datetime(2026, 1, 2, tzinfo=UTC)
COUNT = Prepared(select(func.count()).select_from(Client))
ADD: Prepared[()] = Prepared(
    "INSERT INTO clients (id, name, status, created_at, updated_at, version)"
    " VALUES ('by-statement', 'Acme', 'ACTIVE', now(), now(), 1)"
)


@pytest.fixture(autouse=True)
def _context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def entity() -> Client:
    return Client(id="by-entity", name="Acme")


def in_use() -> int:
    pool = db.engine.pool
    return int(pool.checkedout())  # type: ignore[attr-defined]


def count() -> int:
    with autocommit():
        found = db.session.execute(COUNT).scalar_one()
    db.session.remove()
    return found


@pytest.mark.parametrize("entity_first", [False, True])
def test_they_are_committed_together(*, entity_first: bool) -> None:
    with transaction():
        if entity_first:
            db.session.add(entity())
            db.session.flush()
        db.session.execute(ADD)
        if not entity_first:
            db.session.add(entity())
        assert count_inside() == 2
    assert in_use() == 0, "the connection is back in the pool"
    assert count() == 2


def count_inside() -> int:
    db.session.flush()
    return db.session.execute(COUNT).scalar_one()


@pytest.mark.parametrize("with_entity", [False, True])
def test_they_are_undone_together(*, with_entity: bool) -> None:
    with pytest.raises(ZeroDivisionError):
        _write_and_fail(with_entity=with_entity)
    assert in_use() == 0
    assert count() == 0


def _write_and_fail(*, with_entity: bool) -> None:
    with transaction():
        db.session.execute(ADD)
        if with_entity:
            db.session.add(entity())
            db.session.flush()
        raise ZeroDivisionError


def test_an_entity_that_is_not_written_yet_does_not_hide_a_statement() -> None:
    with transaction():
        db.session.execute(ADD)
        added = entity()
        db.session.add(added)
        db.session.expunge(added)
    assert count() == 1


def test_statements_are_part_of_a_savepoint() -> None:
    with transaction():
        with db.session.begin_nested() as attempt:
            db.session.execute(ADD)
            attempt.rollback()
        db.session.add(entity())
    assert count() == 1
