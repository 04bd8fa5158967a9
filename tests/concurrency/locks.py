"""Rows that a test keeps locked, so that requests come to wait for each other where it wants them to."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from sqlalchemy import Connection, text

from app.db.base import db


@contextmanager
def holding(app: Flask, lock: str) -> Iterator[Connection]:
    """Keeps rows locked while the block runs, unless it commits."""
    with app.app_context(), db.engine.connect() as connection:
        connection.execute(text("SELECT set_config('billing.account_id', '*', true)"))
        connection.execute(text(lock))
        try:
            yield connection
        finally:
            connection.rollback()
