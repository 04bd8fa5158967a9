"""What the lint of migrations objects to, each as a migration would say it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.migrations import lint
from tests.migrations.test_migrations import REVISIONS

STEP = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "9999", "{last}"
def upgrade():
    {code}
"""
AUTOCOMMIT = 'with op.get_context().autocommit_block(): op.create_index("ix", "clients", ["status"],'


@pytest.fixture
def rules(app: Flask, tmp_path: Path) -> Iterator[Callable[[str], set[str]]]:
    """The rules that a further step with this code would break."""

    def broken(code: str) -> set[str]:
        migrations = tmp_path / "migrations"
        shutil.copytree(lint.MIGRATIONS, migrations)
        (migrations / "versions" / "9999_step.py").write_text(STEP.format(last=REVISIONS[-1], code=code))
        sql = dict(lint.steps(migrations))["9999"]
        return {line.split(" warning: ")[1].split()[0] for line in lint.objections("9999", sql)}

    with app.app_context():
        yield broken


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ('op.create_index("ix", "clients", ["status"])', "require-concurrent-index-creation"),
        ('op.drop_index("ix_clients_name", "clients")', "require-concurrent-index-deletion"),
        ('op.add_column("clients", sa.Column("x", sa.Text(), nullable=False))', "adding-required-field"),
        (
            'op.add_column("clients", sa.Column("x", sa.Text(), server_default=sa.text("random()::text")))',
            "adding-field-with-default",
        ),
        ('op.alter_column("clients", "name", type_=sa.Text())', "changing-column-type"),
        ('op.alter_column("clients", "code_name", nullable=False)', "adding-not-nullable-field"),
        ('op.alter_column("clients", "name", new_column_name="label")', "renaming-column"),
        ('op.rename_table("clients", "parties")', "renaming-table"),
        ('op.drop_column("clients", "code_name")', "ban-drop-column"),
        ('op.drop_table("clients")', "ban-drop-table"),
        ('op.create_check_constraint("x", "clients", "name > code_name")', "constraint-missing-not-valid"),
        ('op.create_foreign_key("x", "budgets", "clients", ["a"], ["b"])', "adding-foreign-key-constraint"),
        ('op.create_unique_constraint("x", "clients", ["name"])', "disallowed-unique-constraint"),
        ('op.execute("REINDEX TABLE clients")', "require-concurrent-reindex"),
        (f"{AUTOCOMMIT} postgresql_concurrently=True)", "prefer-robust-stmts"),
    ],
)
def test_a_step_that_blocks_or_breaks_is_named(rules: Callable[[str], set[str]], code: str, rule: str) -> None:
    assert rule in rules(code)


def test_a_step_without_a_limit_to_its_waiting_is_named() -> None:
    assert "require-lock-timeout" in lint.objections("9999", "ALTER TABLE clients ADD COLUMN x text;")[0]


@pytest.mark.parametrize(
    "code",
    [
        'op.create_table("t", sa.Column("x", sa.Text(), nullable=False)); op.create_index("ix", "t", ["x"])',
        'op.add_column("clients", sa.Column("x", sa.Text(), nullable=True))',
        'op.add_column("clients", sa.Column("x", sa.Integer(), nullable=False, server_default="0"))',
        'op.create_check_constraint("x", "clients", "name > code_name", postgresql_not_valid=True)',
        f"{AUTOCOMMIT} postgresql_concurrently=True, if_not_exists=True)",
        'op.execute("-- squawk-ignore ban-drop-column\\nALTER TABLE clients DROP COLUMN code_name")',
    ],
)
def test_the_ways_that_do_not_block_pass(rules: Callable[[str], set[str]], code: str) -> None:
    assert rules(code) == set()
