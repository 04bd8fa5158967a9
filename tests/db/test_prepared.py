"""Statements that connections prepare."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from app.db.base import RoutedSession, db
from app.db.fast import prepared as preparing
from app.db.fast.prepared import AnyPrepared, Prepared, run
from tests.caller import Caller, data


@pytest.fixture
def direct(request: pytest.FixtureRequest) -> bool:
    """Whether connections lead straight to the server."""
    return not request.config.getoption("--pgbouncer")


@pytest.fixture
def session(app: Flask) -> Iterator[Any]:
    with app.app_context():
        yield db.session
        db.session.remove()


@pytest.fixture
def engine(app: Flask) -> Iterator[Engine]:
    """One whose connections know nothing yet."""
    with app.app_context():
        made = create_engine(db.engine.url)
    preparing.listen(made)
    yield made
    made.dispose()


def known(session: Any) -> list[str]:
    """The statements that the connection of the session knows."""
    return list(session.execute(text("SELECT statement FROM pg_prepared_statements")).scalars())


def test_statement_run_often_is_prepared(session: Any, direct: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "PREPARED_AT_RUN", 3)
    statement = Prepared("SELECT CAST(:number AS int) + 40002")
    for runs in (1, 2, 3, 4):
        assert session.execute(statement, {"number": runs}).scalar_one() == runs + 40002
        assert any("40002" in each for each in known(session)) == (direct and runs >= 3)


def test_a_prepared_statement_is_planned_once_for_any_values(session: Any, direct: bool) -> None:
    # Of few rows or of very many, as the statistics would have it: left to choose, it would be planned at each run.
    statement = Prepared("SELECT count(*) + 40004 FROM generate_series(1, CAST(:number AS int))")
    for _ in range(20):
        session.execute(statement, {"number": 2})
    plans = "SELECT custom_plans FROM pg_prepared_statements WHERE statement LIKE '%40004%'"
    assert session.execute(text(plans)).all() == ([(0,)] if direct else [])


def test_a_list_is_planned_for_what_it_is_narrowed_by(session: Any, direct: bool, admin: Caller) -> None:
    for query in ("", "?name=40005"):
        for _ in range(5):
            data(admin.get(f"/v6/billing-accounts{query}"))
    pages = [each for each in known(session) if "FROM billing_accounts" in each and "AS matching" in each]
    assert bool(pages) == direct
    assert not any("LIKE" in each for each in pages)


def test_text_statements_are_not_prepared(session: Any) -> None:
    for _ in range(5):
        session.execute(text("SELECT 40003"))
    assert not any("40003" in each for each in known(session))


@pytest.mark.parametrize(
    ("statement", "values", "found"),
    [
        (Prepared("SELECT id FROM clients WHERE id = ANY(CAST(:ids AS text[]))"), {"ids": []}, []),
        (Prepared("SELECT u FROM unnest(CAST(:ids AS uuid[])) AS u"), {"ids": [str(UUID(int=1))]}, [UUID(int=1)]),
        (
            Prepared("SELECT CAST(:text AS text) || '%'"),
            {"text": "it's \\ :text %(text)s"},
            ["it's \\ :text %(text)s%"],
        ),
        (Prepared("SELECT coalesce(CAST(:a AS text), :b)"), {"a": None, "b": "b"}, ["b"]),
        (Prepared("SELECT set_config('billing.x', :x, true); SELECT current_setting('billing.x')"), {"x": "1"}, ["1"]),
    ],
)
def test_values_of_prepared_statements_arrive_unchanged(
    session: Any, statement: AnyPrepared, values: Any, found: list[Any]
) -> None:
    for _ in range(2):
        assert list(session.execute(statement, values).scalars()) == found


def test_number_of_prepared_statements_is_bounded(
    engine: Engine, direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "KEPT", 2)
    with engine.connect() as connection:
        for number in range(5):
            run(connection, Prepared(f"SELECT {number}"), {})
        kept = connection.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar_one()
    assert kept == (2 if direct else 0)


def test_settings_alone_make_room_too(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "KEPT", 1)
    with engine.connect() as connection:
        for statement in ("SET LOCAL statement_timeout = '1s'", "SELECT 1"):
            run(connection, Prepared(statement), {})
        assert connection.execute(text("SELECT 2")).scalar_one() == 2


def test_a_migration_costs_each_connection_one_failure(app: Flask, engine: Engine, direct: bool) -> None:
    statement = Prepared("SELECT * FROM row_counts")
    with app.app_context(), RoutedSession(db, bind=engine) as session:
        session.execute(statement)
        session.commit()
        session.execute(text("ALTER TABLE row_counts ADD COLUMN added int"))
        session.commit()
        if direct:
            with pytest.raises(DBAPIError) as failed:
                session.execute(statement)
            assert failed.value.connection_invalidated
            session.rollback()
        assert "added" in session.execute(statement).keys()  # noqa: SIM118 - of a result, not of a mapping
        session.execute(text("ALTER TABLE row_counts DROP COLUMN added"))
        session.commit()
