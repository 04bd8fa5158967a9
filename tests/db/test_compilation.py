"""Statements over the models, compiled once: constants are part of the text, callers' values are not."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from psycopg2 import errors
from sqlalchemy import (
    Engine,
    ExceptionContext,
    Text,
    bindparam,
    cast,
    delete,
    event,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError, OperationalError

from app.billing_accounts import queries
from app.billing_accounts.models import BillingAccount, BudgetLine, Status
from app.clients.models import Client
from app.customers import queries as customers
from app.customers.models import CustomerAccount
from app.db.base import Base, db
from app.db.columns import columns_of, rows_of
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.row_counts import RowCount
from app.idempotency.models import IdempotencyKey
from app.work_periods import queries as payments
from app.work_periods.models import WorkPeriodPayment


def test_constants_are_literals_and_named_values_are_not() -> None:
    statement = Prepared(
        select(BillingAccount.id).where(
            BillingAccount.status == Status.ACTIVE, BillingAccount.client_id == bindparam("client_id")
        )
    )
    assert "status = 'ACTIVE'" in statement.sql
    assert "client_id = %(client_id)s" in statement.sql


def test_a_list_of_constants_is_written_out() -> None:
    statement = Prepared(select(BudgetLine.id).where(BudgetLine.kind.in_(["locked", "con'sumed"])))
    assert "kind IN ('locked', 'con''sumed')" in statement.sql


def test_a_callers_list_is_compared_with_any() -> None:
    with pytest.raises(ValueError, match="any_"):
        Prepared(select(BudgetLine.id).where(BudgetLine.kind.in_(bindparam("kinds", expanding=True))))


@pytest.mark.parametrize(
    "value",
    [
        "it's 100 % \\ %(name)s :name ; $1 łódź",
        Decimal("-12.5000"),
        -7,
        True,
        b"\x00\\'",
        UUID(int=7),
        datetime(2025, 2, 28, 9, 5, 7, 123456, tzinfo=UTC),
    ],
    ids=str,
)
def test_a_constant_arrives_as_it_is(app: Flask, value: Any) -> None:
    statement = Prepared(select(literal(value), cast(bindparam("name"), Text)))
    with app.app_context():
        for _ in range(2):
            found, name = db.session.execute(statement, {"name": "%"}).one()
            assert (bytes(found) if isinstance(value, bytes) else found, name) == (value, "%")
        db.session.rollback()


def test_values_can_be_made_part_of_the_text() -> None:
    statement = Prepared(select(Client.id).where(Client.name == bindparam("name")).limit(bindparam("rows")))
    assert "LIMIT 20" in statement.with_values(rows=20).sql
    assert "%(name)s" in statement.with_values(rows=20).sql
    assert "%(rows)s" in statement.sql


@pytest.mark.parametrize(
    ("statement", "column"),
    [
        (lambda: insert(Client).values(name=bindparam("name"), created_at=bindparam("now"), id="x"), "status"),
        (lambda: update(Client).values(name=bindparam("name")), "updated_at"),
    ],
    ids=["insert", "update"],
)
def test_a_default_made_in_python_is_refused(statement: Callable[[], Any], column: str) -> None:
    """It would be made once, when the module is loaded, and stand for every row."""
    with pytest.raises(ValueError, match=column):
        Prepared(statement())


def test_a_new_row_returns_nothing_unless_asked() -> None:
    assert "RETURNING" not in Prepared(insert(RowCount).values(table_name="t", slot=0, rows=1)).sql


def test_several_statements_are_sent_at_once_and_the_last_one_yields(app: Flask) -> None:
    statement = Prepared(
        "SET LOCAL lock_timeout = '10s'; SELECT set_config('billing.x', :x, true)",
        delete(IdempotencyKey).where(IdempotencyKey.caller == bindparam("caller")),
        select(RowCount.table_name).where(RowCount.table_name == "clients", RowCount.slot == 0),
    )
    assert len(statement.parts) == 4
    with app.app_context():
        for _ in range(2):
            assert db.session.execute(statement, {"x": "1", "caller": "c"}).scalar_one() == "clients"
        db.session.rollback()


def test_unknown_exceptions_among_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="nmae"):
        columns_of(Client, but={"nmae"})


@pytest.mark.parametrize(
    ("statement", "model", "hidden"),
    [
        (queries.ACCOUNT, BillingAccount, {"status_as_imported", "markup_as_imported"}),
        (queries.DETAIL, BillingAccount, {"status_as_imported", "markup_as_imported"}),
        (
            queries.LIST.statements(frozenset(), "id", "asc", 20)[0],
            BillingAccount,
            {"status_as_imported", "markup_as_imported", "version"},
        ),
        (queries.ACCOUNT, Client, {"version"}),
        (customers.ACCOUNT, CustomerAccount, {"created_by", "updated_at", "erased_at"}),
        (payments.PAYMENTS_TO_CHANGE, WorkPeriodPayment, set()),
    ],
    ids=["account", "detail", "list", "client of an account", "customer account", "payment to change"],
)
def test_every_column_of_a_model_is_read_but_those_named(
    statement: AnyPrepared, model: type[Base], hidden: set[str]
) -> None:
    table = model.__tablename__
    assert {each.key for each in model.__table__.columns if f"{table}.{each.key}" not in statement.sql} == hidden


def test_lists_of_values_become_rows_and_nothing_is_cut(app: Flask) -> None:
    rows = rows_of(ids=Client.id, names=Client.name)
    longer = "x" * (Client.name.type.length + 1)
    with app.app_context():
        found = db.session.execute(
            Prepared(select(rows.c.id, rows.c.name)), {"ids": ["a", "b"], "names": [longer, None]}
        )
        assert [tuple(row) for row in found] == [("a", longer), ("b", None)]
        db.session.rollback()


@pytest.fixture
def told(app: Flask) -> Any:
    """What listeners hear of failures."""
    heard: list[ExceptionContext] = []

    def note(context: ExceptionContext) -> None:
        heard.append(context)

    with app.app_context():
        engine: Engine = db.engine
        event.listen(engine, "handle_error", note)
        yield heard
        event.remove(engine, "handle_error", note)
        db.session.rollback()


def test_a_failure_is_one_of_sqlalchemys_and_heard_of_once(told: list[ExceptionContext]) -> None:
    twice = Prepared(insert(RowCount).values(table_name="clients", slot=0, rows=bindparam("rows")))
    with pytest.raises(DBAPIError) as failed:
        db.session.execute(twice, {"rows": 1})
    assert isinstance(failed.value.orig, errors.UniqueViolation)
    assert failed.value.statement == twice.sql
    assert not failed.value.connection_invalidated
    assert [context.original_exception for context in told] == [failed.value.orig]


def test_a_connection_that_is_lost_is_dropped_with_the_failure_that_told(told: list[ExceptionContext]) -> None:
    statement = Prepared("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(OperationalError) as failed:
        db.session.execute(statement)
    assert "already closed" not in str(failed.value)
    assert failed.value.connection_invalidated
    assert len(told) == 1
    db.session.rollback()
    assert db.session.execute(Prepared(select(func.count()).select_from(Client))).scalar_one() == 0
