"""An import is planned alike whatever the planner believes of the tables: often they were empty a moment ago."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, text

from app.db import staging
from app.db.base import db
from bench import legacy_export
from tests.cli.conftest import Run

# With these a table, or what was made of it, is read once for each row of another.
ROW_BY_ROW = ("Nested Loop", "SubPlan")
PLANNED = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "CREATE TEMP TABLE")


@contextmanager
def plans(app: Flask) -> Iterator[dict[str, str]]:
    """The plans of the statements that are run in the block, by their text."""
    found: dict[str, str] = {}

    def explain(_connection: Any, cursor: Any, statement: str, values: Any, *_: Any) -> None:
        is_query = statement.strip().startswith(PLANNED) and (" AS" in statement or "CREATE" not in statement)
        # One row of the staged accounts beside one of the sequence.
        if is_query and "setval" not in statement and "GENERATED" not in statement:
            with cursor.connection.cursor() as own:
                own.execute(f"EXPLAIN {statement}", values)
                found[statement] = "\n".join(line for (line,) in own.fetchall())

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", explain)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "export.json"
    legacy_export.write(path, rows=4000)
    return path


@pytest.fixture
def believed_empty(app: Flask, run: Run, export: Path) -> None:
    """Tables whose statistics say that they hold nothing, though they have room for all that will come."""
    assert run("import-legacy", export, "--dry-run").exit_code == 0
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("ANALYZE clients, billing_accounts, budgets, budget_lines, released_lines"))


def row_by_row(found: dict[str, str]) -> list[str]:
    return [plan for plan in found.values() if any(word in plan for word in ROW_BY_ROW)]


@pytest.mark.usefixtures("believed_empty")
def test_no_statement_reads_row_by_row(app: Flask, run: Run, export: Path) -> None:
    with plans(app) as found:
        for _ in range(2):
            assert run("import-legacy", export).exit_code == 0
    assert len(found) > 25
    assert row_by_row(found) == []


@pytest.mark.usefixtures("believed_empty")
def test_the_planner_would_by_itself(app: Flask, run: Run, export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the check above would prove nothing."""
    monkeypatch.setattr("cli.legacy_import.loader.join_whole_tables", lambda: None)
    with plans(app) as found:
        assert run("import-legacy", export).exit_code == 0
    assert row_by_row(found) != []


@pytest.mark.parametrize("table", ["budgets", "billing_accounts", "clients"])
def test_foreign_keys_are_checked_by_index(app: Flask, table: str) -> None:
    """The check of a foreign key is planned once, at its first use, and runs for every row."""
    key = "billing_account_id" if table == "budgets" else "id"
    check = text(f"EXPLAIN SELECT 1 FROM ONLY {table} WHERE {key} = '1' FOR KEY SHARE")
    with app.app_context(), db.session.begin():
        with staging.by_index():
            assert "Index Scan" in "\n".join(db.session.execute(check).scalars())
        assert db.session.execute(text("SHOW enable_seqscan")).scalar_one() == "on"
