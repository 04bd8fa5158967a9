"""The kit's two roles: the owner migrates; the service changes rows and no table."""

from contextlib import closing

import flask_migrate
import psycopg2
import pytest
from flask import Flask
from sqlalchemy import text

from app.db.base import db
from app.db.server import roles
from cli.ledger import AUDITS
from tests.deploy.conftest import Kit
from tests.factories.everything import write_everything
from tests.processes import command

BY_LAW = psycopg2.errors.InsufficientPrivilege


@pytest.fixture(scope="module")
def used(kit_app: Flask) -> Flask:
    """The service after calls of every family."""
    write_everything(kit_app, kit_app.config["SETTINGS"])
    return kit_app


def as_service(kit: Kit, statement: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(kit.url("billing"))) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_every_family_works_and_the_books_add_up(used: Flask) -> None:
    with used.app_context():
        assert [difference for audit in AUDITS for difference in audit()] == []
        owner = text("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
        assert db.session.execute(owner).scalars().all() == ["billing_owner"]
        assert db.session.execute(text("SELECT current_user")).scalar_one() == "billing"
        db.session.rollback()


def test_commands_work_too(kit: Kit, used: Flask) -> None:  # noqa: ARG001 - what they work on
    for words in (["demo"], ["maintenance", "run"], ["ledger", "verify"], ["credits", "plan", "list"]):
        code, out, err = command(*words, **kit.environ)
        assert (code, err) == (0, ""), (words, out, err)


@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE budget_lines",
        "TRUNCATE credit_transactions",
        "TRUNCATE idempotency_keys",
        "CREATE TABLE loot (id integer)",
        "CREATE FUNCTION loot() RETURNS integer LANGUAGE sql RETURN 1",
        "DROP TABLE job_runs",
        "ALTER TABLE budgets DROP CONSTRAINT pk_budgets CASCADE",
        "ALTER TABLE customer_accounts DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE credit_transactions DISABLE TRIGGER append_only",
        "DROP POLICY own_account ON payments",
        "CREATE SCHEMA loot",
        "CREATE INDEX loot ON budgets (locked)",
        "UPDATE alembic_version SET version_num = '0001'",
        "UPDATE credit_transactions SET amount = 1",
        "UPDATE budget_movements SET reason = 'x'",
        "ALTER TABLE budget_movements DISABLE TRIGGER append_only",
        "DELETE FROM credit_transactions",
        "SET session_replication_role = replica",
        "SET ROLE billing_owner",
        *(f"DELETE FROM {table}" for table in roles.NEVER_DELETED),
    ],
)
def test_what_the_service_may_not_do_is_refused(kit: Kit, used: Flask, statement: str) -> None:  # noqa: ARG001
    with pytest.raises(BY_LAW):
        as_service(kit, statement)


def test_an_import_may_analyze_the_tables_it_fills(kit: Kit, used: Flask) -> None:  # noqa: ARG001
    for table in roles.ANALYZED:
        assert as_service(kit, f"SELECT has_table_privilege('{table}', 'MAINTAIN')") == [(True,)]


def test_row_level_security_binds_the_service(kit: Kit, used: Flask) -> None:  # noqa: ARG001
    assert as_service(kit, "SELECT * FROM customer_accounts") == []
    ids = as_service(kit, "SET billing.account_id = '*'; SELECT id FROM customer_accounts")
    assert len(ids) >= 2
    [first] = ids[0]
    shown = as_service(kit, f"SET billing.account_id = '{first}'; SELECT id FROM customer_accounts")
    assert [str(row[0]) for row in shown] == [str(first)]


@pytest.mark.usefixtures("used")
def test_policies_let_the_owner_read_all_for_a_backup(kit: Kit) -> None:
    """On each table with policies, one shows every row to who sets the tenant to all, and none restricts that."""
    with closing(psycopg2.connect(kit.url("billing_owner"))) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT tablename, permissive, cmd, qual FROM pg_policies WHERE schemaname = 'public'")
        policies = cursor.fetchall()
    sees_all = ("CASE current_setting('billing.account_id'::text, true)", "WHEN '*'::text THEN true")
    of_range = "WHEN (current_setting('billing.account_id'::text, true) = '*'::text) THEN '9223372036854775807'::bigint"
    shown = {
        table
        for table, _, cmd, qual in policies
        if cmd in {"ALL", "SELECT"} and (all(part in qual for part in sees_all) or of_range in qual)
    }
    assert len(shown) >= 8
    assert shown == {table for table, *_ in policies}
    assert {permissive for _, permissive, *_ in policies} == {"PERMISSIVE"}


def test_migrating_again_changes_nothing(kit_app: Flask, kit: Kit) -> None:
    rights = (
        "SELECT table_name, privilege_type FROM information_schema.role_table_grants"
        " WHERE grantee = 'billing' ORDER BY 1, 2"
    )
    before = as_service(kit, rights)
    with kit_app.app_context():
        flask_migrate.upgrade()
    assert as_service(kit, rights) == before
    assert ("budgets", "UPDATE") in before


def test_grants_stand_in_printed_migrations(kit: Kit) -> None:
    code, out, _ = command("db", "upgrade", "--sql", **kit.environ)
    assert code == 0
    assert 'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "billing"' in out


@pytest.mark.parametrize("role", ['odd "role"', "it's", "100%"])
def test_a_role_may_have_any_name(kit: Kit, role: str) -> None:
    quoted = role.replace('"', '""')
    kit.server.query(f'CREATE ROLE "{quoted}" LOGIN')
    environ = {**kit.environ, "DATABASE_URL": kit.url(role.replace("%", "%25").replace(" ", "%20").replace('"', "%22"))}
    code, out, err = command("db", "upgrade", **environ)
    assert (code, err) == (0, ""), out


def test_one_role_for_both_needs_no_grants() -> None:
    both = "postgresql+psycopg2://billing@db/billing"
    assert roles.grants(both, None) is None
    assert roles.grants(both, both.replace("@db", ":secret@db")) is None
