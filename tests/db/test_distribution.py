"""What a database distributed by account asks of policies, triggers and statements."""

import re

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import Connection, text

from app.db.base import db
from app.db.fast import compilation
from bench import layout
from tests.db.test_every_statement import statements

POLICIES = text("""
    SELECT tablename || ' ' || policyname, concat_ws(' ', qual, with_check) FROM pg_policies WHERE schemaname = 'public'
""")
TRIGGERS = text("""
    SELECT DISTINCT CAST(CAST(tgrelid AS regclass) AS text), proname, prosrc
    FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid WHERE NOT tgisinternal
""")
PARTS = re.compile(rf" on ((?:{'|'.join(layout.SHARD_KEYS)})_\d+)\b")
TYPES = "SELECT CAST(parameter_types AS text[]) FROM pg_prepared_statements WHERE name = 'tried'"
# Any value of each type will do, but where conditions contradict each other there is no plan to look at.
VALUES = {
    "timestamp with time zone": "2025-01-01",
    "timestamp without time zone": "2025-01-01",
    "date": "2025-01-01",
    "interval": "1 day",
    "uuid": "00000000-0000-0000-0000-000000000001",
    "boolean": "true",
    "jsonb": "{}",
}
NAMED = {"external_type": "CHALLENGE"}
# Statements on rows of more than one account, and why. The names of modules stand for all that they hold.
OF_MANY = {
    # Staff read all accounts, and change none.
    "app.desk.listed",
    "app.desk.queries",
    "app.desk.report_queries",
    "app.desk.reports",
    "app.desk.search_queries",
    "app.billing_accounts.queries.COPILOT_LIST",
    "app.billing_accounts.queries.LIST",
    "app.billing_accounts.queries.MIXED_LIST",
    "app.billing_accounts.report_queries.BUDGETS",
    "app.billing_accounts.reports.BUDGETS",
    # Lists that staff filter by account, or not.
    "app.purchases.invoice_queries.CREDIT_NOTES",
    "app.purchases.invoice_queries.INVOICES",
    "app.purchases.queries.PAYMENTS",
    # Routes of gateways: a reference of their own says whose a payment is.
    "app.purchases.queries.FIND_PAYMENT",
    # Jobs over all accounts.
    "app.credits.queries.ACCOUNTS_AFTER",
    "app.idempotency.store._FORGET",
    "app.purchases.queries.DUE_PAYMENTS",
    "app.purchases.return_queries.PENDING_REFUNDS",
    # Calls that name many accounts: they are arrays, and each row is joined by its account.
    "app.billing_accounts.ledger.batch.LOCK",
    "app.billing_accounts.ledger.batch.READ",
    "app.billing_accounts.ledger.batch.WRITE",
    "app.billing_accounts.ledger.expiry.POST",
    "app.credits.ledger.loading._DUE_HOLDS",
    "app.credits.plan_queries.DUE_GRANTS",
    "app.credits.ledger.writing",
    "app.credits.queries.KEYED",
}


def test_no_policy_has_a_subquery(app: Flask) -> None:
    with app.app_context():
        policies: dict[str, str] = dict(db.session.execute(POLICIES).all())
    assert "payments own_account" in policies
    assert [name for name, condition in policies.items() if "SELECT" in condition] == []


def test_no_trigger_writes_elsewhere_but_to_count_whole_tables(app: Flask) -> None:
    with app.app_context():
        triggers = db.session.execute(TRIGGERS).all()
    assert "budget_movements" in {table for table, *_ in triggers}
    writing = re.compile(r"\b(INSERT INTO|UPDATE \w+\s+SET|DELETE FROM|EXECUTE|PERFORM)\b")
    writers = {table: function for table, function, body in triggers if writing.search(body)}
    assert set(writers.values()) == {"count_rows"}
    assert not writers.keys() & (layout.SHARD_KEYS.keys() | {"customer_accounts", "account_members"})


@pytest.fixture
def connection(empty_app: Flask) -> Connection:  # noqa: ARG001 - its database and context
    """One to a database whose tables are cut."""
    flask_migrate.upgrade()
    with db.engine.begin() as connection:
        layout.distribute(connection, layout.SHARD_KEYS, partitions=4)
    connection = db.session.connection()
    connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_custom_plan")
    return connection


def test_statements_name_the_account(connection: Connection) -> None:
    """Each is planned for some values: if it names the key of a cut table, its plan has one part of that."""
    scattered = {name for name, statement in statements() for part in statement.parts if is_scattered(connection, part)}
    of_many = {next((each for each in (name.rpartition(".")[0], name) if each in OF_MANY), name) for name in scattered}
    assert of_many == OF_MANY


def is_scattered(connection: Connection, part: str) -> bool:
    if part.startswith("SET "):
        return False
    sql, names = compilation.numbered(part)
    connection.exec_driver_sql(f"PREPARE tried AS {sql}")
    types = connection.exec_driver_sql(TYPES).scalar_one()
    values = ", ".join(f"'{value_of(name, kind)}'" for name, kind in zip(names, types, strict=True))
    plan = connection.exec_driver_sql(f"EXPLAIN EXECUTE tried{f' ({values})' if values else ''}").scalars()
    met = set(PARTS.findall("\n".join(plan)))
    connection.exec_driver_sql("DEALLOCATE tried")
    return len(met) > len({part.rpartition("_")[0] for part in met})


def value_of(name: str, kind: str) -> str:
    if kind.endswith("[]"):
        return f"{{{value_of(name, kind.removesuffix('[]'))}}}"
    return NAMED.get(name) or VALUES.get(kind, "5")
