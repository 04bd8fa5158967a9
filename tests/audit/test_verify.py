"""`flask audit`: whatever is done to the rows of a chain is found, and named."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from app.db import job_runs
from app.db.base import db
from cli.audit import CHAINS
from tests.caller import ACCOUNTS, Caller, data
from tests.cli.conftest import Run
from tests.factories.customers import spend

Tamper = Callable[..., None]
MOVEMENTS = ("budget_movements", "billing_account_id = 1", "movements of billing account 1")
TRANSACTIONS = ("credit_transactions", "account_id = 1", "transactions of account 1")
ENTRIES = ("audit_entries", "parent_id = '1' AND parent_type = 'billing_account'", "entries of billing_account 1")
EVERY = [MOVEMENTS, TRANSACTIONS, ENTRIES]
REHASHED = {each.rows: each.content for each in CHAINS}


@pytest.fixture
def tamper(app: Flask) -> Tamper:
    """Does what only somebody with every right on the database can: `tamper("DELETE …", "…")`."""

    def do(*statements: str) -> None:
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(text("SELECT set_config('billing.account_id', '*', true)"))
            for table in (each[0] for each in EVERY):
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER append_only"))
            for statement in statements:
                connection.execute(text(statement))
            for table in (each[0] for each in EVERY):
                connection.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER append_only"))

    return do


@pytest.fixture(autouse=True)
def _history(admin: Caller, account_id: int, customer: Caller, customer_id: int) -> None:
    """Five rows of each chain, at least."""
    assert (account_id, customer_id) == (1, 1)
    for amount in range(1, 5):
        data(admin.patch(f"{ACCOUNTS}/1/lock-amount", {"challengeId": "c1", "amount": amount}))
        data(admin.patch(f"{ACCOUNTS}/1", {"name": f"Name {amount}"}, X_Change_Reason=f"Reason {amount}"))
        spend(customer, amount)


def found(run: Run, *options: object) -> Sequence[str]:
    """The rows that are named."""
    result = run("audit", "verify", *options)
    lines: list[str] = [line for line in result.output.splitlines() if ": " in line and not line.startswith("Error")]
    named = [line for line in lines if " rows in " not in line]
    assert result.exit_code == (1 if named else 0), result.output
    return named


def test_what_was_written_is_sound(run: Run, app: Flask) -> None:
    result = run("audit", "verify")
    assert result.exit_code == 0, result.output
    assert "movements of billing account: 5 rows in 1 chains." in result.output
    assert result.output.endswith("Every chain is as it was written.\n")
    with app.app_context():
        assert set(job_runs.last_successes()) == {"audit verify"}


@pytest.mark.parametrize(("table", "of_one", "chain"), EVERY)
class TestTampering:
    def test_a_changed_row_is_named(self, run: Run, tamper: Tamper, table: str, of_one: str, chain: str) -> None:
        tamper(f"UPDATE {table} SET reason = 'Another' WHERE {of_one} AND position = 3")
        assert found(run) == [f"{chain}: 3 was changed, or does not follow the one before it"]

    def test_a_removed_row_is_named(self, run: Run, tamper: Tamper, table: str, of_one: str, chain: str) -> None:
        tamper(f"DELETE FROM {table} WHERE {of_one} AND position = 2")
        assert found(run) == [f"{chain}: 2 is missing"]

    def test_a_removed_last_row_is_named(self, run: Run, tamper: Tamper, table: str, of_one: str, chain: str) -> None:
        tamper(f"DELETE FROM {table} WHERE {of_one} AND position = 5")
        assert found(run) == [f"{chain}: 5 is missing"]

    def test_the_first_of_swapped_rows_is_named(
        self,
        run: Run,
        tamper: Tamper,
        table: str,
        of_one: str,
        chain: str,
    ) -> None:
        swap = f"UPDATE {table} SET position = {{}} WHERE {of_one} AND position = {{}}"
        tamper(swap.format(99, 2), swap.format(2, 3), swap.format(3, 99))
        assert found(run) == [f"{chain}: 2 was changed, or does not follow the one before it"]

    def test_a_removed_chain_is_named(self, run: Run, tamper: Tamper, table: str, of_one: str, chain: str) -> None:
        tamper(f"DELETE FROM {table} WHERE {of_one}")
        assert found(run) == [f"{chain}: 1 is missing"]

    def test_a_last_row_with_a_new_hash_is_named(
        self,
        run: Run,
        tamper: Tamper,
        table: str,
        of_one: str,
        chain: str,
    ) -> None:
        tamper(
            f"UPDATE {table} SET reason = 'Another' WHERE {of_one} AND position = 5",
            f"UPDATE {table} SET hash = chain((SELECT hash FROM {table} WHERE {of_one} AND position = 4),"
            f" {REHASHED[table]}) WHERE {of_one} AND position = 5",
        )
        assert found(run) == [f"{chain}: 5 is not the last that its parent knows"]


def test_a_rewritten_chain_is_found_by_its_anchor(run: Run, tamper: Tamper, tmp_path: Path, admin: Caller) -> None:
    kept = tmp_path / "heads.txt"
    printed = run("audit", "anchor")
    assert printed.exit_code == 0
    kept.write_text(printed.output)
    data(admin.patch(f"{ACCOUNTS}/1/lock-amount", {"challengeId": "c1", "amount": 9}))
    assert found(run, "--anchor", kept) == []
    content = REHASHED["budget_movements"]
    tamper(
        "UPDATE budget_movements SET reason = 'Another' WHERE position = 1",
        *(
            f"UPDATE budget_movements SET hash = chain((SELECT hash FROM budget_movements AS before WHERE"
            f" before.position = {position} - 1), {content}) WHERE position = {position}"
            for position in range(1, 7)
        ),
        "UPDATE budgets SET head = (SELECT hash FROM budget_movements WHERE position = 6)",
    )
    assert found(run) == []
    assert found(run, "--anchor", kept) == [
        "movements of billing account 1: 5 is not the one that was anchored, or follows another"
    ]


def test_an_anchor_that_is_none_is_refused(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("something\n")
    result = run("audit", "verify", "--anchor", other)
    assert result.exit_code == 1
    assert "line 1: is no head of a chain" in result.output


def test_the_trail_can_be_read_though_a_reference_is_none(tamper: Tamper, admin: Caller) -> None:
    reference = """after || '{"billing_email": {"personal": "no digits"}}'"""
    tamper(f"UPDATE audit_entries SET after = {reference} WHERE after IS NOT NULL")
    shown = data(admin.get("/v6/audit?objectType=client"))["results"]
    assert shown
    assert {each["after"]["billing_email"] for each in shown} == {None}


def test_changed_personal_data_is_found(run: Run, tamper: Tamper) -> None:
    tamper(
        "ALTER TABLE personal_data DISABLE TRIGGER erased_only",
        "UPDATE personal_data SET value = 'Another' WHERE value = 'owner'",
        "ALTER TABLE personal_data ENABLE TRIGGER erased_only",
    )
    (changed,) = found(run)
    assert changed.startswith("personal data ")


@pytest.mark.parametrize(
    ("value", "which", "named"),
    [
        ("owner", "min", ["transactions of account 1: 2", "entries of customer_account 1: 1"]),
        # The entry that gives it, and the one that replaces it, have a reference each.
        ("new@harbour.example", "min", ["entries of customer_account 1: 2"]),
        ("new@harbour.example", "max", ["entries of customer_account 1: 3"]),
        ("admin", "min", [f"{MOVEMENTS[2]}: 1", f"{ENTRIES[2]}: 1", "entries of client {client_id}: 1"]),
    ],
)
def test_deleted_personal_data_are_missed_by_the_first_row_that_refers_to_them(
    run: Run, tamper: Tamper, customer: Caller, client_id: str, value: str, which: str, named: list[str]
) -> None:
    for email in ("new@harbour.example", "newer@harbour.example"):
        data(customer.patch("/v1/account/settings/", {"billing_email": email}))
    of_value = f"FROM personal_data WHERE value = '{value}' AND kind IN ('actor', 'billing_email')"
    tamper(f"DELETE {of_value} AND created_at = (SELECT {which}(created_at) {of_value})")
    expected = [f"{each} refers to personal data that are missing".format(client_id=client_id) for each in named]
    assert found(run) == expected


class TestErasure:
    def test_an_erased_person_is_gone_and_the_chains_are_sound(
        self,
        run: Run,
        admin: Caller,
        customer: Caller,
        app: Flask,
    ) -> None:
        data(customer.patch("/v1/account/settings/", {"billing_email": "owner@harbour.example"}))
        assert data(admin.get("/v6/audit?actor=owner"))["count"] == 5
        for subject in ("owner", "owner@harbour.example"):
            assert run("audit", "erase", subject).exit_code == 0
        assert found(run) == []
        for path in ("/v6/audit?perPage=1000", "/v6/billing-accounts/1/movements"):
            assert b"owner" not in admin.get(path).get_data()
        assert data(admin.get("/v6/audit?actor=owner"))["count"] == 0
        entries = data(customer.get("/v1/account/audit/?action=spendCredits"))["results"]
        assert {each["actor"] for each in entries} == {""}
        with app.app_context():
            kept = db.session.execute(text("SELECT count(*) FROM personal_data WHERE value LIKE 'owner%'")).scalar_one()
            db.session.rollback()
        assert kept == 0

    def test_a_value_can_be_erased_and_not_changed(self, app: Flask) -> None:
        with app.app_context():
            with pytest.raises(Exception, match="never changed"):
                db.session.execute(text("UPDATE personal_data SET value = 'x'"))
            db.session.rollback()

    def test_nothing_to_erase_is_no_entry(self, run: Run, admin: Caller) -> None:
        assert "0 references erased" in run("audit", "erase", "nobody").output
        assert data(admin.get("/v6/audit?action=audit erase"))["count"] == 0
