"""All prepared statements of the service, which PostgreSQL must take as they are: types are inferred, names exist."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module

from flask import Flask

import app as service
from app.db.base import db
from app.db.fast import compilation
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.paging import ListQuery


def statements() -> Iterator[tuple[str, AnyPrepared]]:
    """Every statement that a module of the service holds, and a page of every list with all filters at once."""
    for found in pkgutil.walk_packages(service.__path__, f"{service.__name__}."):
        for name, value in vars(import_module(found.name)).items():
            if isinstance(value, Prepared):
                yield f"{found.name}.{name}", value
            elif isinstance(value, ListQuery):
                page, _ = value.statements(frozenset(value.filters), value.default_sort, value.default_order, 20)
                yield f"{found.name}.{name}", page


def test_every_statement_can_be_prepared(app: Flask) -> None:
    found = dict(statements())
    assert {"app.customers.queries.ENTER", "app.billing_accounts.queries.LIST"} <= found.keys()
    with app.app_context():
        connection = db.session.connection()
        for part in {part for statement in found.values() for part in statement.parts if not part.startswith("SET ")}:
            sql, _ = compilation.numbered(part)
            connection.exec_driver_sql(f"PREPARE tried AS {sql}")
            connection.exec_driver_sql("DEALLOCATE tried")
        db.session.rollback()
