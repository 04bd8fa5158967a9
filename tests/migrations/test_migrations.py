"""Migrations on a database of their own, since they take everything away."""

from typing import Any

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

import cli
from app.config import ROOT
from app.db.base import db

REVISIONS = [script.revision for script in reversed(list(ScriptDirectory(str(ROOT / "migrations")).walk_revisions()))]
# Everything of ours in a database, but the table in which Alembic notes where it is.
OBJECTS = text("""
    SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'alembic_version%'
    UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT typname FROM pg_type
    WHERE typnamespace = 'public'::regnamespace AND typname NOT LIKE '%alembic_version'
""")


def objects() -> set[str]:
    with db.engine.connect() as connection:
        return set(connection.execute(OBJECTS).scalars())


def definition() -> list[tuple[Any, ...]]:
    """Columns, constraints, indexes and triggers: what two ways to the same revision must agree on."""
    with db.engine.connect() as connection:
        statements = (
            (
                "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns"
                " WHERE table_schema = 'public' ORDER BY 1, 2"
            ),
            (
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
                " WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2"
            ),
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
            "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2",
        )
        return [tuple(row) for statement in statements for row in connection.execute(text(statement))]


@pytest.mark.usefixtures("empty_app")
class TestMigrations:
    def test_migrations_up_and_down_leave_nothing(self) -> None:
        assert objects() == set()
        flask_migrate.upgrade()
        assert "budgets" in objects()
        flask_migrate.downgrade(revision="base")
        assert objects() == set()

    def test_every_step_goes_down_and_up_to_the_same(self) -> None:
        for revision in REVISIONS:
            flask_migrate.upgrade(revision=revision)
            before = definition()
            flask_migrate.downgrade(revision="-1")
            flask_migrate.upgrade(revision=revision)
            assert definition() == before, revision

    def test_a_step_that_would_wait_gives_up_and_can_be_run_again(self) -> None:
        """It waits in a queue, and whoever comes after it would wait behind it."""
        flask_migrate.upgrade(revision="0003")
        with db.engine.begin() as busy:
            busy.execute(text("LOCK TABLE billing_accounts IN ROW EXCLUSIVE MODE"))
            with pytest.raises(OperationalError, match="lock timeout"):
                flask_migrate.upgrade(x_arg=["lock_timeout=100ms"])
        flask_migrate.upgrade()
        with db.engine.connect() as connection:
            assert connection.execute(text("SHOW lock_timeout")).scalar_one() == "0", "others wait as they like"

    def test_models_and_migrations_agree(self) -> None:
        flask_migrate.upgrade()
        with db.engine.connect() as connection:
            options = {"compare_type": True, "compare_server_default": True}
            assert compare_metadata(MigrationContext.configure(connection, opts=options), db.metadata) == []


def test_revisions_are_numbered_in_order() -> None:
    assert [f"{number:04}" for number in range(1, len(REVISIONS) + 1)] == REVISIONS


@pytest.mark.parametrize("revision", [None, "0004"])
def test_commands_say_what_is_missing(empty_app: Flask, revision: str | None) -> None:
    cli.register(empty_app)
    if revision is not None:
        flask_migrate.upgrade(revision=revision)
    result = empty_app.test_cli_runner().invoke(args=["demo"])
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert result.output.startswith("Error: The database schema is outdated, run flask db upgrade: ")
