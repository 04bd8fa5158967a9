"""Long lists, and somebody who watches the database meanwhile."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine

from tests.factories.exports import make_clients, open_transactions, remove_clients

MANY = 5000


@pytest.fixture
def watcher(app: Flask, database_url: str) -> Iterator[Engine]:  # noqa: ARG001 - what is written is removed with it
    """Connections of somebody else."""
    engine = create_engine(database_url, isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


@pytest.fixture
def many_clients(watcher: Engine) -> Iterator[Callable[[int], None]]:
    """Makes so many clients: `many_clients(5000)`."""
    yield lambda number: make_clients(watcher, number)
    remove_clients(watcher)


@pytest.fixture
def transactions_left(watcher: Engine) -> Callable[[], int]:
    """How many transactions the service has open."""
    return lambda: open_transactions(watcher)
