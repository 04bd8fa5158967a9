"""`/v1/admin/search`: anything by a word, among many."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from app import tenancy
from app.auth.actor import Actor
from app.clock import utc_now
from app.db.base import db
from app.desk import accounts, search
from app.desk import queries as account_queries
from app.desk import search_queries as queries
from tests.caller import Caller, data, error
from tests.factories.accounts import create_account, create_client
from tests.factories.bookings import create_booking, pay, periods_of
from tests.factories.desk import Customer
from tests.factories.exports import records
from tests.factories.purchases import credit_note

SEARCH = "/v1/admin/search/"
ACCOUNTS = 15_000
BIG = {"customer_accounts", "credit_balances", "plan_assignments", "account_directory"}
STAFF = Actor(
    subject="staff", user_id="staff", handle=None, email=None, roles=frozenset({"administrator"}), scopes=frozenset()
)
As = Callable[..., Caller]
# Set-wise, and undone with the transaction that it is in.
CROWD = """
    SELECT set_config('billing.account_id', '*', true);
    DROP INDEX ix_account_directory_words;
    INSERT INTO customer_accounts (name, slug, created_by, created_at, updated_at)
    SELECT 'Customer ' || n, 'c-' || n, 'x', now(), now() FROM generate_series(1, %(accounts)s) AS n;
    INSERT INTO credit_balances (account_id, moved_at, due_at)
    SELECT id, now(), 'infinity' FROM customer_accounts ON CONFLICT DO NOTHING;
    INSERT INTO plan_assignments (account_id, valid_from, plan_id)
    SELECT a.id, '2025-01-01', p.id FROM customer_accounts a, plans p WHERE p.is_default ON CONFLICT DO NOTHING;
    INSERT INTO account_directory (kind, object_id, account_id, words)
    SELECT 'account', id, id, fold_text(name || ' ' || slug) FROM customer_accounts
    ON CONFLICT DO NOTHING;
    CREATE INDEX ix_account_directory_words ON account_directory USING gin (words gin_trgm_ops);
    ANALYZE customer_accounts, credit_balances, plan_assignments, account_directory
"""


def hits(staff: Caller, asked: Any) -> list[tuple[str, Any]]:
    return [(each["kind"], each["id"]) for each in data(staff.get(f"{SEARCH}?q={asked}"))["results"]]


class TestSearch:
    def test_accounts_and_members_by_parts_of_words(self, admin: Caller, customers: list[Customer]) -> None:
        first, second = (each.account_id for each in customers)
        assert hits(admin, "quay") == [("account", second)]
        found = data(admin.get(f"{SEARCH}?q=harbour"))["results"]
        # The account itself is named so; the addresses contain it.
        assert (found[0]["kind"], found[0]["id"], found[0]["title"]) == ("account", first, "Harbour Studio")
        assert {(each["title"], each["account_id"]) for each in found if each["kind"] == "member"} == {
            (f"{who}-{n}@harbour.example", account_id)
            for n, account_id in enumerate((first, second), 1)
            for who in ("owner", "kim")
        }
        assert {each["account_name"] for each in found} == {"Harbour Studio", "Quay Works"}

    def test_what_is_named_so_comes_before_what_contains_it(self, admin: Caller, customers: list[Customer]) -> None:
        for name in ("Harbourside", "Harbour", "Old Harbour"):
            data(customers[1].owner.patch("/v1/account/settings/", {"name": name}))
            first = "Harbour" if name == "Harbour" else "Harbour Studio"
            titles = [each["title"] for each in data(admin.get(f"{SEARCH}?q=harbour"))["results"]]
            assert titles[0] in {first, "Old Harbour"}, titles
            assert name in titles

    def test_invoices_and_payments_by_numbers_and_references(self, admin: Caller, customers: list[Customer]) -> None:
        bought = customers[1].bought[1]
        invoice, payment = bought["invoice"], bought["payment"]
        number = invoice["invoice_number"]
        for asked in (number, number.lower(), number.removeprefix("INV-")):
            assert hits(admin, asked) == [("invoice", invoice["id"])]
        found = hits(admin, payment["id"])
        assert {("payment", payment["id"]), ("invoice", payment["id"])} <= set(found)

    def test_credit_notes_by_their_numbers_and_ids(self, admin: Caller, customers: list[Customer]) -> None:
        note = credit_note(customers[0].owner)
        number = note["credit_note_number"]
        for asked in (number, number.lower()):
            assert hits(admin, asked) == [("credit_note", note["id"])]
        # Which may be the number of an invoice, too.
        assert ("credit_note", note["id"]) in hits(admin, number.removeprefix("CN-"))
        assert ("credit_note", note["id"]) in hits(admin, note["id"])

    def test_holds_and_lots_by_their_references(self, admin: Caller, customers: list[Customer]) -> None:
        owner, account_id = customers[1].owner, customers[1].account_id
        (hold,) = data(owner.get("/v1/billing/credits/holds/"))["results"]
        body = {"amount": 7, "description": "A gift", "transaction_type": "grant", "reference": "gift 2026"}
        lot = data(admin.post("/v1/billing/credits/grant/", {**body, "account_id": account_id}), 201)["lot_id"]
        found = data(admin.get(f"{SEARCH}?q={hold['reference']}"))["results"]
        assert found == [
            {
                "kind": "hold",
                "id": hold["id"],
                "account_id": account_id,
                "account_name": "Quay Works",
                "title": "search, 3 credits, open",
            }
        ]
        assert hits(admin, "gift%202026") == [("lot", lot)]

    def test_transactions_and_usage_by_their_ids(self, admin: Caller, customers: list[Customer]) -> None:
        (used,) = data(customers[1].owner.get("/v1/billing/credits/usage/"))["results"]
        found = data(admin.get(f"{SEARCH}?q={used['id']}"))["results"]
        assert [(each["title"], each["account_id"]) for each in found if each["kind"] == "usage"] == [
            ("deduction, search, -10 credits", customers[1].account_id)
        ]
        granted = data(customers[1].owner.get("/v1/billing/transactions/"))["results"][-1]
        assert ("transaction", granted["id"]) in hits(admin, granted["id"])

    def test_a_payment_by_the_reference_of_its_gateway(
        self, app: Flask, admin: Caller, customers: list[Customer]
    ) -> None:
        payment_id = customers[0].bought[1]["payment"]["id"]
        with app.app_context():
            tenancy.set_every_account()
            values = {"id": payment_id}
            db.session.execute(text("UPDATE payments SET gateway_reference = 'pi_3PqZ' WHERE id = :id"), values)
            db.session.commit()
        (found,) = data(admin.get(f"{SEARCH}?q=pi_3PqZ"))["results"]
        assert (found["kind"], found["id"], found["account_name"]) == ("payment", payment_id, "Harbour Studio")
        assert found["title"] == "29.00 USD, manual, pending"

    def test_lots_and_accounts_by_their_ids(self, admin: Caller, customers: list[Customer]) -> None:
        lot = data(customers[1].owner.get("/v1/billing/credits/lots/"))["results"][0]["id"]
        assert ("lot", lot) in hits(admin, lot)
        for customer in customers:
            assert ("account", customer.account_id) in hits(admin, customer.account_id)

    @pytest.mark.usefixtures("customers")
    def test_clients_billing_accounts_and_payments_of_work_periods(self, admin: Caller) -> None:
        client_id = create_client(admin, "Harbour Holding")
        account_id = create_account(admin, client_id, name="Harbour Holding 2026", budget=10_000)
        payment = pay(admin, periods_of(admin, create_booking(admin, account_id)["id"])[0], days=2)
        assert hits(admin, "harbour%20holding") == [("client", client_id), ("billing_account", account_id)]
        assert hits(admin, "ding%20202") == [("billing_account", account_id)]
        assert ("billing_account", account_id) in hits(admin, account_id)
        found = data(admin.get(f"{SEARCH}?q={client_id}"))["results"]
        assert found == [
            {"kind": "client", "id": client_id, "account_id": None, "account_name": None, "title": "Harbour Holding"}
        ]
        assert hits(admin, payment["id"]) == [("work_period_payment", payment["id"])]
        (row,) = records(admin, f"{SEARCH}?q={client_id}")
        assert (row["id"], row["account_id"]) == (client_id, "")

    def test_bookings_work_periods_and_their_payments(self, admin: Caller, as_caller: As) -> None:
        account_id = create_account(admin, create_client(admin), budget=10_000)
        about = {"projectId": 771177, "userId": "u-4711", "userHandle": "Ann_Lee", "jobId": "job-9"}
        booking = create_booking(admin, account_id, **about)["id"]
        period = periods_of(admin, booking)[0]
        payment = pay(admin, period, days=2)["id"]
        for asked in (booking, "u-4711", "ann_lee", "ANN_LEE", "job-9", 771177):
            assert hits(admin, asked) == [("resource_booking", booking)]
        assert data(admin.get(f"{SEARCH}?q={booking}"))["results"][0]["title"] == "Ann_Lee, project 771177, placed"
        for asked in ("ann", "u-471", "771"):
            assert hits(admin, asked) == []
        assert hits(admin, period) == [("work_period", period)]
        processor = as_caller(scopes=("process:taas-workPeriodPayments",))
        for step in ({"status": "in-progress"}, {"status": "completed", "externalReference": "PAYOUT-33"}):
            data(processor.patch(f"/v6/work-period-payments/{payment}", step))
        for asked in (payment, "PAYOUT-33"):
            assert hits(admin, asked) == [("work_period_payment", payment)]

    def test_of_many_bookings_the_newest_are_found(self, admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(search, "MOST", 2)
        account_id = create_account(admin, create_client(admin), budget=10_000)
        made = [create_booking(admin, account_id, userId="u-1")["id"] for _ in range(3)]
        assert {found for _, found in hits(admin, "u-1")} == set(made[1:])

    @pytest.mark.usefixtures("customers")
    def test_machines_find_what_their_scopes_let_them_read(self, admin: Caller, as_caller: As) -> None:
        client_id = create_client(admin, "Harbour Holding")
        account_id = create_account(admin, client_id, name="Harbour Holding", budget=10_000)
        booking = create_booking(admin, account_id, userHandle="Harbour")["id"]
        period = periods_of(admin, booking)[0]
        payment = pay(admin, period, days=2)["id"]
        asked_for = {
            "client": client_id,
            "billing_account": account_id,
            "resource_booking": booking,
            "work_period": period,
            "work_period_payment": payment,
        }
        kinds = {
            "read:accounts": set(),
            "read:client": {"client"},
            "all:billing-account": {"billing_account"},
            "all:taas-resourceBookings": {"resource_booking"},
            "read:taas-workPeriods": {"work_period"},
            "read:taas-workPeriodPayments": {"work_period_payment"},
        }
        for scope, expected in kinds.items():
            machine = as_caller(scopes=("read:accounts", scope))
            found = {kind for each in asked_for.values() for kind, _ in hits(machine, each)}
            assert found & asked_for.keys() == expected
            named = {kind for kind, _ in hits(machine, "harbour")}
            assert named == {"account", "member", *(expected - {"work_period", "work_period_payment"})}
        error(as_caller(scopes=("read:client",)).get(f"{SEARCH}?q=x"), 403, "forbidden")

    @pytest.mark.usefixtures("customers")
    @pytest.mark.parametrize("asked", ["nobody", "9007199254740993", "%25", "_____", "kim%20owner", "INV-2020-001"])
    def test_what_is_not_there_is_not_found(self, admin: Caller, asked: str) -> None:
        assert hits(admin, asked) == []

    @pytest.mark.parametrize("query", ["", "q=", "q=%20", f"q={'x' * 256}"])
    def test_something_must_be_looked_for(self, admin: Caller, query: str) -> None:
        assert "q" in error(admin.get(f"{SEARCH}?{query}"), 400, "invalid_input")["details"]["query"]


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for each in plan.get("Plans", ()) for node in nodes(each))]


def scanned(plan: list[dict[str, Any]]) -> set[str]:
    return {each["Relation Name"] for each in plan if each["Node Type"] == "Seq Scan"}


def explained(sql: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    found = db.session.connection().exec_driver_sql(f"EXPLAIN (FORMAT JSON) {sql}", values)
    return nodes(found.scalar_one()[0]["Plan"])


def test_among_many_accounts_every_part_is_found_by_an_index(app: Flask, customers: list[Customer]) -> None:
    listed, _ = account_queries.ACCOUNTS.statements(frozenset({"search"}), "created", "desc", 20)
    page = {"page": 1, "per_page": search.MOST}
    with app.app_context():
        db.session.connection().exec_driver_sql(CROWD, {"accounts": ACCOUNTS})
        tenancy.set_desk()
        values = {**search.values_of(STAFF, "quay"), "now": utc_now()}
        for sql in (queries.EVERYTHING.sql, listed.sql):
            plan = explained(sql, values)
            assert not scanned(plan) & BIG
            assert "ix_account_directory_words" in {each.get("Index Name") for each in plan}
        # Of those that are small here, whether an index could serve at all.
        db.session.execute(text("SET LOCAL enable_seqscan = off"))
        assert scanned(explained(queries.EVERYTHING.sql, values)) == set()
        assert [each["id"] for each in search.search(STAFF, {"q": "quay", **page}).results] == [customers[1].account_id]
        many = search.search(STAFF, {"q": "customer 77", **page})
        assert (many.count, many.results[0]["title"]) == (search.MOST, "Customer 77")
        (found,) = accounts.search({"search": "customer 14999", "page": 1, "per_page": 20}).results
        assert found["name"] == "Customer 14999"
        db.session.rollback()
