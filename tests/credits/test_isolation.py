"""The second wall between customers: row-level security, for when a query forgets whose rows it is about."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import BinaryExpression, text
from sqlalchemy.sql.visitors import replacement_traverse

from app import tenancy
from app.credits import queries
from app.customers import queries as customer_queries
from app.db.base import db
from tests.caller import Caller, data
from tests.factories.customers import credits_of, open_customer, spend

# What belongs to somebody, by the column that says to whom.
TENANT_TABLES = text("""
    SELECT table_name FROM information_schema.columns
    WHERE table_schema = 'public' AND column_name = 'account_id'
    UNION SELECT 'customer_accounts' ORDER BY 1
""")
# The service itself, as an actor, is of no account.
NOT_OF_NOBODY = {"personal_data": "WHERE account_id IS NOT NULL"}
WALLED = text("""
    SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity
        AND EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid) ORDER BY 1
""")


@pytest.fixture
def tables(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.execute(TENANT_TABLES).scalars())


@pytest.fixture
def other(as_caller: Callable[..., Caller]) -> Caller:
    """A second customer, with more transactions than the first."""
    caller = as_caller(user="other", email="other@a.example")
    open_customer(caller, "Other")
    spend(caller, 60)
    return caller


def _forget_account(element: Any, **_: Any) -> Any:
    """Any account in place of a comparison with the one asked for."""
    is_comparison = isinstance(element, BinaryExpression) and getattr(element.right, "key", None) == "account_id"
    return element.left.is_not(None) if is_comparison else None


@pytest.fixture
def no_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists that forgot whose rows they are about."""
    for module, name in ((queries, "TRANSACTIONS"), (queries, "USAGE"), (customer_queries, "MEMBERS")):
        query = getattr(module, name)
        condition = replacement_traverse(query.filters["account_id"], {}, _forget_account)
        forgetful = replace(query, filters={**query.filters, "account_id": condition}, counts={})
        monkeypatch.setattr(module, name, forgetful)


def test_every_table_of_customers_is_walled_off(app: Flask, tables: list[str]) -> None:
    # The view goes by the walls of its tables; keys, in parts or not, are read by the identity of their caller.
    walled = {each for each in tables if each != "audit_trail" and not each.startswith("idempotency_keys")}
    assert len(walled) >= 8
    with app.app_context():
        assert walled <= set(db.session.execute(WALLED).scalars())


def test_the_wall_binds_the_services_own_role(app: Flask) -> None:
    with app.app_context():
        role = db.session.execute(
            text("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        ).one()
    assert tuple(role) == (False, False)


@pytest.mark.usefixtures("no_filters", "other")
@pytest.mark.parametrize(
    ("path", "own"), [("/v1/billing/transactions/", 1), ("/v1/billing/credits/usage/", 0), ("/v1/account/team/", 1)]
)
def test_a_query_without_its_filter_shows_nothing_of_others(customer: Caller, path: str, own: int) -> None:
    page = data(customer.get(path))
    assert (page["count"], len(page["results"])) == (own, own)


@pytest.mark.usefixtures("customer", "other")
def test_without_an_account_set_nothing_is_seen(app: Flask, tables: list[str]) -> None:
    def rows() -> int:
        counts = (f"SELECT count(*) FROM {table} {NOT_OF_NOBODY.get(table, '')}" for table in tables)
        return sum(db.session.execute(text(each)).scalar_one() for each in counts)

    with app.app_context():
        assert rows() == 0
        tenancy.set_every_account()
        assert rows() > 0
        db.session.rollback()
        # What was set ends with its transaction: the connection goes on to others.
        assert rows() == 0


@pytest.mark.usefixtures("other")
def test_nothing_of_others_can_be_written(app: Flask, customer_id: int, other: Caller) -> None:
    other_id = data(other.get("/v1/account/settings/"))["id"]
    with app.app_context():
        tenancy.set_account(customer_id)
        changed = db.session.execute(text("UPDATE credit_balances SET credits = 0 RETURNING account_id"))
        assert changed.scalars().all() == [customer_id]
        moved = text("UPDATE account_members SET account_id = :other")
        with pytest.raises(Exception, match="row-level security"):
            db.session.execute(moved, {"other": other_id})
        db.session.rollback()
    assert credits_of(other) == 40


def test_transactions_are_never_changed(app: Flask, customer_id: int) -> None:
    for change in ("UPDATE credit_transactions SET amount = 5", "DELETE FROM credit_transactions"):
        with app.app_context():
            tenancy.set_account(customer_id)
            with pytest.raises(Exception, match="never changed"):
                db.session.execute(text(change))
            db.session.rollback()
