"""An import is planned alike whatever the planner believes of the tables: often they were empty a moment ago."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, event, text

from app.billing_accounts.ledger import importing
from app.db.base import db
from bench import legacy_export
from tests.cli.conftest import Run
from tests.processes import until

# With these a table, or what was made of it, is read once for each row of another.
_SCANS = text("SELECT indexrelname, idx_scan FROM pg_stat_user_indexes")
_OTHERS = (
    "pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type LIKE 'client%'"
)
_END_OTHERS = text(f"SELECT pg_terminate_backend(pid) FROM {_OTHERS}")
_COUNT_OTHERS = text(f"SELECT count(*) FROM {_OTHERS}")

ROW_BY_ROW = ("Nested Loop", "SubPlan")
PLANNED = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "CREATE TEMP TABLE")


@contextmanager
def plans(app: Flask) -> Iterator[dict[str, str]]:
    """The plans of the statements that are run in the block, by their text."""
    found: dict[str, str] = {}

    def explain(_connection: Any, cursor: Any, statement: str, values: Any, *_: Any) -> None:
        is_query = statement.strip().startswith(PLANNED) and (" AS" in statement or "CREATE" not in statement)
        # The entry of the audit trail is sent as several statements. One row of staged accounts is beside one of the
        # sequence.
        if is_query and ";" not in statement and "setval" not in statement and "GENERATED" not in statement:
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


@pytest.fixture
def scans(app: Flask, database_url: str) -> Callable[[], dict[str, int]]:
    """How often each index was searched so far. Connections tell what they did when they end."""

    def count() -> dict[str, int]:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
        engine = create_engine(database_url, isolation_level="AUTOCOMMIT")
        with engine.connect() as watcher:
            # Also those that an earlier test left open; autovacuum comes and goes as it likes.
            watcher.execute(_END_OTHERS)
            until(lambda: watcher.execute(_COUNT_OTHERS).scalar_one() == 0, "other connections to end")
            # Behind a pooler this may be the very connection whose searches are counted.
            watcher.execute(text("SELECT pg_stat_force_next_flush()"))
            found = {row.indexrelname: row.idx_scan for row in watcher.execute(_SCANS)}
        engine.dispose()
        return found

    return count


@pytest.mark.usefixtures("believed_empty")
def test_foreign_keys_are_checked_by_the_key(run: Run, export: Path, scans: Callable[[], dict[str, int]]) -> None:
    """An index that has the key as its second column would be searched once for each value of the first."""
    before = scans()
    assert run("import-legacy", export).exit_code == 0
    done = {name: number - before[name] for name, number in scans().items()}
    assert done["pk_budgets"] > 1000
    others = {name: number for name, number in done.items() if not name.startswith(("pk_", "uq_"))}
    assert max(others.values()) < 100, others


@pytest.mark.usefixtures("believed_empty")
def test_the_planner_would_use_any_index(
    run: Run, export: Path, scans: Callable[[], dict[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the check above would prove nothing."""
    monkeypatch.setattr(importing, "learn_size", lambda *_: None)
    before = scans()["ix_budgets_remaining"]
    assert run("import-legacy", export).exit_code == 0
    assert scans()["ix_budgets_remaining"] - before > 1000
