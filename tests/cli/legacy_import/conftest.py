import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from app.db.base import db

Export = Callable[..., Path]


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """Writes a file of lists: `export(client=[…], project=[…])`."""

    def write(name: str = "export.json", **lists: Any) -> Path:
        path = tmp_path / name
        path.write_text(json.dumps({f"time_oltp:{key}": rows for key, rows in lists.items()}))
        return path

    return write


@pytest.fixture
def members(app: Flask, database_url: str) -> Iterator[None]:
    """A Members database with ann, Bob and ÉVA."""
    settings = app.config["SETTINGS"]
    app.config["SETTINGS"] = replace(settings, member_db_url=database_url.replace("+psycopg2", ""))
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text('CREATE TABLE member ("userId" bigint PRIMARY KEY, handle text, "handleLower" text)'))
        connection.execute(
            text("INSERT INTO member VALUES (40051399, 'ann', 'ann'), (22838965, 'Bob', 'bob'), (7, 'ÉVA', 'éva')")
        )
    yield
    app.config["SETTINGS"] = settings
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("DROP TABLE member"))
