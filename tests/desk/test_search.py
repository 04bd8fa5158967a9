"""`/v1/admin/search`: anything by a word, among many."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from app import tenancy
from app.clock import utc_now
from app.db.base import db
from app.desk import accounts, search, words
from app.desk import queries as account_queries
from app.desk import search_queries as queries
from tests.caller import Caller, data, error
from tests.desk.conftest import Customer

SEARCH = "/v1/admin/search/"
ACCOUNTS = 15_000
BIG = {"customer_accounts", "credit_balances", "plan_assignments", "account_directory"}
# Set-wise, and undone with the transaction that it is in.
CROWD = """
    SELECT set_config('billing.account_id', '*', true);
    ALTER TABLE customer_accounts DISABLE TRIGGER directory;
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


def hits(staff: Caller, asked: Any) -> list[tuple[str, int]]:
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
        values = {**words.look_for("quay").values, "text": "quay", "most": search.MOST, "now": utc_now()}
        for sql in (queries.EVERYTHING.sql, listed.sql):
            plan = explained(sql, values)
            assert not scanned(plan) & BIG
            assert "ix_account_directory_words" in {each.get("Index Name") for each in plan}
        # Of those that are small here, whether an index could serve at all.
        db.session.execute(text("SET LOCAL enable_seqscan = off"))
        assert scanned(explained(queries.EVERYTHING.sql, values)) == set()
        assert [each.id for each in search.search({"q": "quay", **page}).results] == [customers[1].account_id]
        many = search.search({"q": "customer 77", **page})
        assert (many.count, many.results[0].title) == (search.MOST, "Customer 77")
        (found,) = accounts.search({"search": "customer 14999", "page": 1, "per_page": 20}).results
        assert found["name"] == "Customer 14999"
        db.session.rollback()
