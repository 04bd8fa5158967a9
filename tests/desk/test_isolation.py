"""The desk reads all accounts by a policy of its own; nobody else gets it, and nothing is written by it."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import text

from app import tenancy
from app.db.base import db
from app.tenancy import Routed
from tests.caller import Caller, data
from tests.factories.customers import open_customer
from tests.factories.desk import Customer

POLICIES = text("SELECT tablename, cmd, qual FROM pg_policies WHERE schemaname = 'public' AND policyname = 'desk'")
WALLED = text("SELECT relname FROM pg_class WHERE relrowsecurity ORDER BY 1")


def names(app: Flask) -> int:
    with app.app_context():
        return int(db.session.execute(text("SELECT count(*) FROM customer_accounts")).scalar_one())


@pytest.fixture
def two(customer: Caller, as_caller: Callable[..., Caller]) -> list[Caller]:
    other = as_caller(user="other")
    open_customer(other, "Other")
    return [customer, other]


def test_each_table_of_customers_has_the_policy_for_reading_only(app: Flask) -> None:
    with app.app_context():
        policies = db.session.execute(POLICIES).all()
        walled = set(db.session.execute(WALLED).scalars())
    assert {table for table, *_ in policies} == walled
    # A subquery would keep what is looked for in the directory from its index.
    assert {command for _, command, _ in policies} == {"SELECT"}
    assert not any(re.search("select", condition, re.IGNORECASE) for *_, condition in policies)


@pytest.mark.usefixtures("two")
def test_the_setting_ends_with_its_transaction(app: Flask) -> None:
    with app.app_context():
        tenancy.set_desk()
        assert db.session.execute(text("SELECT count(*) FROM customer_accounts")).scalar_one() == 2
        db.session.rollback()
        assert names(app) == 0


def test_a_tenant_set_later_takes_it_back(app: Flask, two: list[Caller], customer_id: int) -> None:
    assert len(two) == 2
    with app.app_context():
        tenancy.set_desk()
        tenancy.set_account(customer_id)
        assert db.session.execute(text("SELECT id FROM customer_accounts")).scalars().all() == [customer_id]
        tenancy.set_person("nobody")
        assert db.session.execute(text("SELECT id FROM customer_accounts")).scalars().all() == []


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE credit_balances SET credits = 0 RETURNING 1",
        "UPDATE customer_accounts SET name = 'x' RETURNING 1",
        "DELETE FROM account_members RETURNING 1",
        "DELETE FROM account_directory RETURNING 1",
        "SELECT FROM credit_balances FOR UPDATE",
    ],
)
def test_nothing_is_changed_by_it(app: Flask, statement: str) -> None:
    with app.app_context():
        tenancy.set_desk()
        tenancy.set_search("%")
        assert db.session.execute(text(statement)).all() == []
        with pytest.raises(Exception, match="row-level security"):
            db.session.execute(
                text(
                    "INSERT INTO account_members (account_id, role, user_id, date_joined, invited_at)"
                    " SELECT id, 'owner', 'thief', now(), now() FROM customer_accounts"
                )
            )
        db.session.rollback()


@pytest.mark.usefixtures("two")
def test_the_directory_shows_what_is_looked_for_to_the_desk_alone(app: Flask) -> None:
    entries = text("SELECT words FROM account_directory")
    with app.app_context():
        tenancy.set_search("%OTHER%")
        assert db.session.execute(entries).all() == []
        tenancy.set_desk()
        assert {"other other " in f"{words} " for words in db.session.execute(entries).scalars()} == {True, False}
        tenancy.set_search("%nobody%")
        assert db.session.execute(entries).all() == []


def test_who_names_a_payment_or_a_lot_sees_its_account_alone(app: Flask, customers: list[Customer]) -> None:
    forgetful = {kind: text(f"SELECT DISTINCT account_id FROM {kind}s") for kind in Routed}
    routes = text("SELECT count(*) FROM account_routes")
    for customer in customers:
        named = {
            Routed.PAYMENT: customer.bought[1]["payment"]["id"],
            Routed.CREDIT_LOT: data(customer.owner.get("/v1/billing/credits/lots/"))["results"][0]["id"],
        }
        for kind, object_id in named.items():
            with app.app_context():
                tenancy.set_account_of(kind, object_id)
                for statement in forgetful.values():
                    assert db.session.execute(statement).scalars().all() == [customer.account_id]
                tenancy.set_person("nobody")
                assert db.session.execute(routes).scalar_one() == 1
                tenancy.set_account_of(kind, 987_654)
                assert db.session.execute(forgetful[kind]).scalars().all() == []
                assert db.session.execute(routes).scalar_one() == 0


def test_customers_see_their_own_on_the_connection_that_the_desk_used(admin: Caller, two: list[Caller]) -> None:
    for caller in two:
        assert data(admin.get("/v1/admin/accounts/?search=o"))["count"] == 2
        own = data(caller.get("/v1/account/settings/"))
        assert [each["account_id"] for each in data(caller.get("/v1/account/memberships/"))["results"]] == [own["id"]]
        assert data(caller.get("/v1/account/team/"))["count"] == 1
