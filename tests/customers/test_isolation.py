"""What row-level security shows to a person who is not, or not yet, acting in an account. The role is the service's."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from app import tenancy
from app.customers import queries
from app.db.base import db
from tests.caller import Caller
from tests.factories.customers import Callers, invite, join, open_customer

MEMBERS = text("SELECT coalesce(user_id, email) FROM account_members ORDER BY 1")
ACCOUNTS = text("SELECT name FROM customer_accounts ORDER BY 1")
# Everything else that is kept for each account.
REST = ("credit_balances", "credit_transactions", "credit_daily_totals", "plan_grants", "plan_assignments")
See = Callable[..., tuple[list[str], list[str]]]


@pytest.fixture(autouse=True)
def _accounts(customer: Caller, as_caller: Callers) -> None:
    """Two accounts: ann is a member of the first and invited to the second, which invites others too."""
    other = as_caller(user="other", email="other@a.example")
    open_customer(other, "Other")
    join(customer, as_caller, "ann")
    for email in ("Ann@harbour.example", "bob@harbour.example"):
        invite(other, email)


@pytest.fixture
def see(app: Flask) -> Iterator[See]:
    """What a transaction of a person sees of members and accounts, by queries that forgot their conditions."""
    with app.app_context():

        def look(user_id: str, email: str = "") -> tuple[list[str], list[str]]:
            tenancy.set_person(user_id, email)
            found = (list(db.session.execute(MEMBERS).scalars()), list(db.session.execute(ACCOUNTS).scalars()))
            for table in REST:
                assert db.session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0
            db.session.rollback()
            return found

        yield look


def test_the_role_is_an_ordinary_one(app: Flask) -> None:
    with app.app_context():
        found = db.session.execute(text("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"))
        assert tuple(found.one()) == (False, False)


def test_a_person_sees_their_memberships_and_invitations(see: See) -> None:
    assert see("ann", "ann@harbour.example") == (["Ann@harbour.example", "ann"], ["Harbour Studio", "Other"])


def test_without_a_verified_address_no_invitation_is_seen(see: See) -> None:
    assert see("ann") == (["ann"], ["Harbour Studio"])


@pytest.mark.parametrize(
    ("user_id", "email"),
    [
        ("stranger", ""),
        ("stranger", "stranger@harbour.example"),
        ("stranger", "owner@harbour.example"),
        ("", ""),
        ("*", "*"),
        ("%", "%"),
        ("stranger", "\u0410nn@harbour.example"),
    ],
)
def test_a_stranger_sees_nothing(see: See, user_id: str, email: str) -> None:
    assert see(user_id, email) == ([], [])


def test_the_address_of_a_member_shows_nothing_of_them(see: See) -> None:
    """The address of an invitation counts until it is accepted, and then only the user does."""
    assert see("impostor", "ann@harbour.example") == (["Ann@harbour.example"], ["Other"])


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE account_members SET role = 'owner'",
        "DELETE FROM account_members",
        "UPDATE customer_accounts SET name = 'Mine'",
        "DELETE FROM customer_accounts",
    ],
)
def test_a_person_changes_nothing(app: Flask, change: str) -> None:
    with app.app_context():
        tenancy.set_person("ann", "ann@harbour.example")
        changed: Any = db.session.execute(text(change))
        assert changed.rowcount == 0
        db.session.rollback()


def test_a_person_adds_nothing(app: Flask) -> None:
    with app.app_context():
        tenancy.set_person("ann", "ann@harbour.example")
        added = """
            INSERT INTO account_members (account_id, user_id, role, invited_at, date_joined)
            SELECT id, 'ann-too', 'owner', now(), now() FROM customer_accounts
        """
        with pytest.raises(Exception, match="row-level security"):
            db.session.execute(text(added))
        db.session.rollback()


def test_a_transaction_that_goes_on_to_an_account_sees_that_alone(app: Flask, customer_id: int) -> None:
    with app.app_context():
        tenancy.set_person("ann", "ann@harbour.example")
        tenancy.set_account(customer_id)
        assert list(db.session.execute(ACCOUNTS).scalars()) == ["Harbour Studio"]
        assert list(db.session.execute(MEMBERS).scalars()) == ["ann", "owner"]
        db.session.rollback()
        assert list(db.session.execute(ACCOUNTS).scalars()) == []


def test_who_enters_an_account_sees_that_alone(app: Flask, customer_id: int) -> None:
    with app.app_context():
        db.session.execute(queries.ENTER, {"user_id": "ann", "account_id": None})
        assert list(db.session.execute(MEMBERS).scalars()) == ["ann", "owner"]
        db.session.rollback()
        db.session.execute(queries.ENTER, {"user_id": "other", "account_id": customer_id})
        assert list(db.session.execute(MEMBERS).scalars()) == []
        db.session.rollback()
