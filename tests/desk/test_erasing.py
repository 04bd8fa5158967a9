"""Everything of an account, exported and erased; and what is kept for how long."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time
from sqlalchemy import text

import cli
from app import tenancy
from app.clock import utc_now
from app.credits import audit
from app.customers import invitations
from app.db.base import Base, db
from app.db.transaction import transaction
from app.purchases import retention
from tests.caller import TEN_YEARS, Caller, data, error
from tests.factories.customers import CREDITS, INVITATIONS, TEAM, invite, join, open_customer, spend
from tests.factories.purchases import approve, buy, credit_note

SETTINGS = "/v1/account/settings/"
DESK = "/v1/admin/accounts"
BECAUSE = {"reason": "Asked for by the customer"}
# What says who somebody is, of the account's people.
PERSONAL = ("ann", "owner@harbour.example", "owner", "Quay Street", "late@harbour.example", "Harbour Studio")
ALWAYS_THERE = {"account", "plans", "team", "transactions", "lots", "audit"}
As = Callable[..., Caller]


@pytest.fixture
def account_id(admin: Caller, as_caller: As, customer: Caller, customer_id: int) -> int:
    """An account that has one of everything."""
    data(customer.patch(SETTINGS, {"billing_address_line1": "1 Quay Street"}), 200)
    join(customer, as_caller, "ann")
    declined = invite(customer, "late@harbour.example")["id"]
    late = as_caller(user="late", email="late@harbour.example")
    data(late.post(f"{INVITATIONS}{declined}/decline/", None))
    approve(admin, buy(customer, Idempotency_Key="order-1")["payment"]["id"])
    credit_note(customer)
    spend(customer, 2)
    data(customer.call("PUT", "/v1/account/caps/", {"kind": "member", "subject": "ann", "period": "day", "credits": 9}))
    body = {"operation_type": "search", "amount": 5, "reference": "job-1", "user_id": "ann"}
    held = data(customer.post(f"{CREDITS}holds/", body), 201)["id"]
    data(customer.post(f"{CREDITS}holds/{held}/release/", {}))
    data(customer.post("/v1/account/api-keys/", {"name": "Worker", "scopes": ["read:account"]}), 201)
    return customer_id


def export(staff: Caller, account_id: int) -> Any:
    return data(staff.get(f"{DESK}/{account_id}/export/"))


def erase(staff: Caller, account_id: int) -> Any:
    data(staff.post(f"{DESK}/{account_id}/close/", BECAUSE))
    return data(staff.post(f"{DESK}/{account_id}/erase/", BECAUSE))


class TestExport:
    def test_it_has_everything_in_the_shapes_of_the_customer(
        self, admin: Caller, customer: Caller, account_id: int
    ) -> None:
        found = export(admin, account_id)
        assert found["account"] == data(admin.get(f"{DESK}/{account_id}/"))
        assert found["plans"] == [{"plan": "Free", "valid_from": utc_now().date().isoformat()}]
        assert [each["email"] for each in found["invitations"]] == ["late@harbour.example"]
        for name, path in (
            ("team", TEAM),
            ("api_keys", "/v1/account/api-keys/"),
            ("transactions", "/v1/billing/transactions/"),
            ("usage", f"{CREDITS}usage/"),
            ("lots", f"{CREDITS}lots/"),
            ("holds", f"{CREDITS}holds/"),
            ("caps", "/v1/account/caps/"),
            ("invoices", "/v1/billing/invoices/"),
            ("credit_notes", "/v1/billing/credit-notes/"),
            ("payments", "/v1/billing/payments/"),
            ("audit", "/v1/account/audit/"),
        ):
            assert found[name] == data(customer.get(f"{path}?per_page=1000"))["results"], name
            assert found[name], name

    def test_it_has_nothing_of_others(self, admin: Caller, account_id: int, as_caller: As) -> None:
        other = as_caller(user="other")
        other_id = open_customer(other, "Other")["id"]
        found = export(admin, other_id)
        assert account_id != other_id
        assert {name for name, rows in found.items() if rows} == {
            "account",
            "plans",
            "team",
            "transactions",
            "lots",
            "audit",
        }
        assert not any(word in str(found) for word in PERSONAL if word != "owner")

    def test_what_fell_due_is_in_it(self, as_caller: As) -> None:
        owner = as_caller(user="owner", hours=TEN_YEARS)
        staff = as_caller(roles=("administrator",), user="staff", hours=TEN_YEARS)
        with freeze_time("2031-01-10"):
            opened = open_customer(owner)["id"]
        with freeze_time("2031-03-10"):
            found = export(staff, opened)
            assert found["account"]["credit_balance"] == 300
            assert [each["amount"] for each in found["transactions"]] == [100, 100, 100]

    def test_only_staff_and_their_machines_may(self, customer: Caller, account_id: int, as_caller: As) -> None:
        error(customer.get(f"{DESK}/{account_id}/export/"), 403, "forbidden")
        error(as_caller(scopes=("manage:accounts",)).get(f"{DESK}/{account_id}/export/"), 403, "forbidden")
        data(as_caller(scopes=("read:accounts",)).get(f"{DESK}/{account_id}/export/"))
        error(as_caller(scopes=("read:accounts",)).get(f"{DESK}/987654/export/"), 404, "not_found")


def texts_of(app: Flask) -> Iterator[tuple[str, str]]:
    """All rows of the tables of customers, as text, by table."""
    with app.app_context(), transaction():
        tenancy.set_every_account()
        for name, table in Base.metadata.tables.items():
            if "account_id" in table.c or name in {"customer_accounts", "idempotency_keys"}:
                for row in db.session.execute(text(f"SELECT to_jsonb(kept)::text FROM {name} AS kept")).scalars():
                    yield name, row


class TestErasure:
    def test_an_account_must_be_closed(self, admin: Caller, account_id: int) -> None:
        error(admin.post(f"{DESK}/{account_id}/erase/", BECAUSE), 409, "conflict")

    def test_nobody_is_named_but_in_the_books(
        self, app: Flask, admin: Caller, customer: Caller, account_id: int, as_caller: As
    ) -> None:
        erased = erase(admin, account_id)
        assert (erased["name"], erased["status"], erased["created_by"]) == (
            f"Erased account {account_id}",
            "closed",
            "",
        )
        assert erased["billing_address_line1"] == erased["billing_email"] == ""
        left = {(name, word) for name, row in texts_of(app) for word in PERSONAL if f'"{word}' in row}
        # Invoices are kept; what usage was for is covered by the hash of its transaction.
        assert {name for name, _ in left} <= {"invoices", "credit_notes", "credit_transactions"}, left
        error(customer.get(SETTINGS), 403, "no_account")
        error(as_caller(user="ann").get(SETTINGS), 403, "no_account")
        for name in ("team", "invitations", "caps"):
            assert export(admin, account_id)[name] == []
        (key,) = export(admin, account_id)["api_keys"]
        assert key["name"] == key["created_by"] == ""
        assert key["revoked_at"] is not None

    def test_the_books_stay_and_so_do_their_chains(self, app: Flask, admin: Caller, account_id: int) -> None:
        before = export(admin, account_id)
        erase(admin, account_id)
        after = export(admin, account_id)
        for name in ("transactions", "usage", "lots"):
            assert after[name] == before[name]
        _, invoice = after["invoices"]
        assert (invoice["account_name"], invoice["billing_address_line1"]) == ("Harbour Studio", "1 Quay Street")
        with app.app_context(), transaction():
            tenancy.set_every_account()
            assert list(audit.differences()) == []
        cli.register(app)
        verified = app.test_cli_runner().invoke(args=["audit", "verify"])
        assert verified.exit_code == 0, verified.output

    def test_a_stored_response_is_not_replayed(self, admin: Caller, customer: Caller, account_id: int) -> None:
        again = customer.patch(SETTINGS, {"billing_city": "Cork"}, Idempotency_Key="city")
        assert data(again)["billing_city"] == "Cork"
        erase(admin, account_id)
        error(customer.patch(SETTINGS, {"billing_city": "Cork"}, Idempotency_Key="city"), 403, "no_account")

    def test_who_erased_it_is_known(self, admin: Caller, account_id: int) -> None:
        erase(admin, account_id)
        newest = data(admin.get(f"{DESK}/{account_id}/history/"))["results"][0]
        assert (newest["action"], newest["actor"], newest["reason"]) == ("eraseAccount", "admin", BECAUSE["reason"])

    def test_others_keep_what_they_have(self, admin: Caller, account_id: int, as_caller: As) -> None:
        other = as_caller(user="other", email="other@quay.example")
        other_id = open_customer(other, "Other")["id"]
        join(other, as_caller, "bob")
        before = export(admin, other_id)
        erase(admin, account_id)
        assert export(admin, other_id) == before


class TestRetention:
    def buyers(self, staff: Caller, account_id: int) -> list[str]:
        found = export(staff, account_id)
        return [each["account_name"] for kind in ("invoices", "credit_notes") for each in found[kind]]

    def test_invoices_lose_the_buyer_after_their_years(self, app: Flask, as_caller: As) -> None:
        staff = as_caller(roles=("administrator",), user="staff", hours=2 * TEN_YEARS)
        owner = as_caller(user="owner", hours=TEN_YEARS)
        other = as_caller(user="other", hours=TEN_YEARS)
        with freeze_time("2028-02-29T12:00:00Z"):
            erased, kept = open_customer(owner)["id"], open_customer(other, "Other")["id"]
            for buyer in (owner, other):
                approve(staff, buy(buyer)["payment"]["id"])
                credit_note(buyer)
            erase(staff, erased)
        for day, name in (("2033-02-28", "Harbour Studio"), ("2033-03-02", "")):
            with freeze_time(f"{day}T12:00:00Z"), app.app_context():
                retention.forget_buyers(5)
                assert self.buyers(staff, erased) == [name] * 3
                assert self.buyers(staff, kept) == ["Other"] * 3
        with app.app_context(), freeze_time("2033-03-02T12:00:00Z"):
            assert retention.forget_buyers(5) == 0

    def test_invitations_that_ended_long_ago_are_deleted(self, app: Flask, as_caller: As) -> None:
        owner = as_caller(user="owner", hours=TEN_YEARS)
        with freeze_time("2031-01-01T12:00:00Z"):
            open_customer(owner)
            first = invite(owner, "ann@harbour.example")["id"]
        with freeze_time("2031-03-01T12:00:00Z"):
            second = invite(owner, "bob@harbour.example")["id"]
        ann = as_caller(user="ann", email="ann@harbour.example", hours=TEN_YEARS)
        with freeze_time("2031-04-01T12:00:00Z"), app.app_context():
            assert invitations.prune() == 0
            error(ann.post(f"{INVITATIONS}{first}/accept/", None), 409, "invitation_ended")
        with freeze_time("2031-05-01T12:00:00Z"), app.app_context():
            assert invitations.prune() == 1
            error(ann.post(f"{INVITATIONS}{first}/accept/", None), 404, "not_found")
            bob = as_caller(user="bob", email="bob@harbour.example", hours=TEN_YEARS)
            error(bob.post(f"{INVITATIONS}{second}/accept/", None), 409, "invitation_ended")
