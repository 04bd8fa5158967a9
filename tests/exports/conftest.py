"""Long lists, made by SQL."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, text

from app.db.base import db

MANY = 5000


@pytest.fixture
def watcher(database_url: str) -> Iterator[Engine]:
    """Connections of somebody else."""
    engine = create_engine(database_url, isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


@pytest.fixture
def many_clients(app: Flask) -> Callable[[int], None]:
    """Makes so many clients, named `Client 1` and so on, the first one the newest."""

    def make(number: int) -> None:
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO clients (id, name, status, created_at, updated_at) "
                    "SELECT 'client-' || n, 'Client ' || n, 'ACTIVE', moment, moment FROM generate_series(1, :number) "
                    "AS n CROSS JOIN LATERAL (SELECT timestamptz '2026-01-01Z' - n * interval '1 s' AS moment) AS at"
                ),
                {"number": number},
            )

    return make


@pytest.fixture
def transactions_left(watcher: Engine) -> Callable[[], int]:
    """How many transactions the service has open."""
    statement = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name = 'billing-service' AND xact_start IS NOT NULL"
    )

    def count() -> int:
        with watcher.connect() as connection:
            return int(connection.execute(statement).scalar_one())

    return count
