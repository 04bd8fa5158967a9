import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from app.billing_accounts import audit
from app.db.base import db
from bench import legacy_export
from tests.caller import Caller, data
from tests.cli.conftest import Run
from tests.cli.legacy_import.conftest import CLIENT, PROJECT, Export, budget, counts, lines


class TestFailures:
    def test_no_file_is_wrong_usage(self, run: Run) -> None:
        assert run("import-legacy").exit_code == 2

    def test_a_file_that_is_not_there_is_wrong_usage(self, run: Run, tmp_path: Path) -> None:
        result = run("import-legacy", tmp_path / "missing.json")
        assert result.exit_code == 2
        assert "missing.json" in result.output

    def test_help_shows_an_example(self, run: Run) -> None:
        assert "Example: flask import-legacy" in run("import-legacy", "--help").output

    def test_a_file_without_known_rows_is_a_failure(self, run: Run, export: Export) -> None:
        result = run("import-legacy", export(other=[{"a": 1}, {"a": 2}]))
        assert result.exit_code == 1
        assert "time_oltp:other: 2 times unknown list, ignored" in result.output
        assert "The files contain none of" in result.output

    def test_rows_that_all_fail_are_a_failure(self, run: Run, export: Export) -> None:
        result = run("import-legacy", export(client=[CLIENT], project=[{**PROJECT, "name": ""}]))
        assert result.exit_code == 1
        assert result.output.endswith("Error: Every row was rejected of time_oltp:project\n")

    def test_a_cut_file_is_loaded_up_to_the_cut(self, run: Run, export: Export, admin: Caller) -> None:
        path = export(client=[CLIENT, {**CLIENT, "client_id": "78"}], project=[PROJECT])
        whole = path.read_bytes()
        path.write_bytes(whole[: whole.index(b'"project_id"') + 3])
        result = run("import-legacy", path)
        assert result.exit_code == 1
        assert f"broken at byte {path.stat().st_size}: the file ends too early" in result.output
        assert data(admin.get("/v6/clients"))["count"] == 2

    def test_an_unknown_default_client_stops_before_anything_is_kept(
        self, run: Run, export: Export, admin: Caller
    ) -> None:
        result = run("import-legacy", export(client=[CLIENT], project=[PROJECT]), "--default-client-id", "nobody")
        assert result.exit_code == 1
        assert "nobody" in result.output
        assert "Traceback" not in result.output
        assert data(admin.get("/v6/clients"))["count"] == 0


class TestFields:
    def test_a_client_arrives_whole(self, run: Run, export: Export, admin: Caller) -> None:
        assert run("import-legacy", export(client=[CLIENT])).exit_code == 0
        client = data(admin.get("/v6/clients/77"))
        del client["createdAt"], client["updatedAt"]
        assert client == {
            "id": "77",
            "name": "Acme",
            "codeName": "C-77",
            "status": "ACTIVE",
            "startDate": "2010-01-01T00:00:00.000Z",
            "endDate": None,
        }

    def test_an_account_arrives_whole(self, run: Run, export: Export, admin: Caller) -> None:
        assert run("import-legacy", export(client=[CLIENT], project=[PROJECT])).exit_code == 0
        account = data(admin.get("/v6/billing-accounts/500"))
        assert account["client"]["id"] == "77"
        del account["client"], account["createdAt"], account["updatedAt"]
        assert account == {
            "id": 500,
            "projectId": None,
            "name": "Old account",
            "description": "From before",
            "subcontractingEndCustomer": None,
            "status": "ACTIVE",
            "startDate": "2010-01-01T00:00:00.000Z",
            "endDate": "2030-12-31T23:59:59.000Z",
            "budget": Decimal("1000.5"),
            "markup": 0,
            "clientId": "77",
            "poNumber": "PO-1",
            "subscriptionNumber": "S-1",
            "isManualPrize": True,
            "paymentTerms": "30",
            "salesTax": Decimal("8.25"),
            "billable": False,
            "createdBy": "132456",
            "lockedBudget": 0,
            "consumedBudget": 0,
            "totalBudgetRemaining": Decimal("1000.5"),
            "lockedAmounts": [],
            "consumedAmounts": [],
        }

    @pytest.mark.parametrize("client", [{"client_id": "999"}, {"client_id": ""}, {"client_id": None}])
    def test_an_account_without_known_client_gets_the_default_one(
        self, run: Run, export: Export, admin: Caller, client: dict[str, Any]
    ) -> None:
        run("import-legacy", export(project=[{**PROJECT, **client}]))
        found = data(admin.get("/v6/billing-accounts/500"))["client"]
        assert (found["id"], found["name"]) == ("legacy-unknown-client", "Unknown Client (legacy)")

    def test_the_default_client_is_made_only_when_needed(self, run: Run, export: Export, admin: Caller) -> None:
        run("import-legacy", export(client=[CLIENT], project=[PROJECT]))
        assert data(admin.get("/v6/clients"))["count"] == 1

    def test_the_default_client_can_be_chosen(self, run: Run, export: Export, admin: Caller) -> None:
        path = export(client=[CLIENT], project=[{**PROJECT, "client_id": "?"}])
        assert run("import-legacy", path, "--default-client-id", "77").exit_code == 0
        assert data(admin.get("/v6/billing-accounts/500"))["clientId"] == "77"

    def test_the_id_sequence_stays_ahead(self, run: Run, export: Export, admin: Caller) -> None:
        run("import-legacy", export(client=[CLIENT], project=[PROJECT, {**PROJECT, "project_id": "90"}]))
        created = {"name": "New", "budget": 1, "markup": 0, "clientId": "77"}
        assert data(admin.post("/v6/billing-accounts", created), 201)["id"] == 501
        run("import-legacy", export(project=[{**PROJECT, "project_id": "91"}]))
        assert data(admin.post("/v6/billing-accounts", created), 201)["id"] == 502


class TestBudgets:
    def test_consumed_wins_over_locked_and_history_may_exceed_the_budget(
        self, run: Run, export: Export, admin: Caller
    ) -> None:
        rows = [budget("1", "10", "900.25"), budget("2", "800", "0"), budget("3", "0", "0")]
        assert (
            run("import-legacy", export(client=[CLIENT], project=[PROJECT], project_challenge_budget=rows)).exit_code
            == 0
        )
        assert lines(admin) == {"1": ("consumed", Decimal("900.25")), "2": ("locked", Decimal(800))}
        account = data(admin.get("/v6/billing-accounts/500"))
        assert account["totalBudgetRemaining"] == Decimal("-699.75")

    def test_a_later_import_moves_lines_and_totals(self, run: Run, export: Export, admin: Caller, app: Flask) -> None:
        first = [budget("1", "10", "0"), budget("2", "20", "0"), budget("3", "0", "30"), budget("4", "40", "0")]
        run("import-legacy", export(client=[CLIENT], project=[PROJECT], project_challenge_budget=first))
        second = [budget("1", "0", "11"), budget("2", "0", "0"), budget("3", "33", "0"), budget("4", "40", "0")]
        result = run("import-legacy", export(project_challenge_budget=[*second, budget("5", "5", "")]))
        assert counts(result, "project_challenge_budget") == [5, 1, 3, 1, 0, 0, 0]
        assert lines(admin) == {
            "1": ("consumed", 11),
            "3": ("locked", 33),
            "4": ("locked", 40),
            "5": ("locked", 5),
        }
        account = data(admin.get("/v6/billing-accounts/500"))
        assert (account["lockedBudget"], account["consumedBudget"]) == (78, 11)
        with app.app_context():
            assert list(audit.differences()) == []

    def test_lines_of_engagements_are_left_alone(self, run: Run, export: Export, admin: Caller) -> None:
        run("import-legacy", export(client=[CLIENT], project=[PROJECT]))
        charge = {"externalId": "1", "externalType": "ENGAGEMENT", "amount": 7}
        data(admin.patch("/v6/billing-accounts/500/consume-amount", charge))
        run("import-legacy", export(project_challenge_budget=[budget("1", "0", "0")]))
        assert lines(admin) == {"1": ("consumed", 7)}

    def test_rows_of_an_unknown_account_are_rejected_with_their_text(
        self, run: Run, export: Export, tmp_path: Path
    ) -> None:
        rows = [budget("1", "10", "0"), {**budget("2", "10", "0", "501"), "extra": "kept"}]
        path = export(client=[CLIENT], project=[PROJECT], project_challenge_budget=rows)
        errors = tmp_path / "rejected.jsonl"
        result = run("import-legacy", path, "--errors", errors)
        assert result.exit_code == 0
        assert counts(result, "project_challenge_budget") == [2, 1, 0, 0, 0, 0, 1]
        assert [json.loads(line) for line in errors.read_text().splitlines()] == [
            {
                "kind": "time_oltp:project_challenge_budget",
                "reason": "project_id: no such billing account",
                "row": rows[1],
            }
        ]


class TestWholes:
    def test_files_and_lists_come_in_any_order(self, run: Run, export: Export, admin: Caller) -> None:
        budgets = export("1.json", project_challenge_budget=[budget("1", "10", "0")])
        projects = export("2.json", project=[PROJECT])
        clients = export("3.json", client=[CLIENT])
        assert run("import-legacy", budgets, projects, clients).exit_code == 0
        assert data(admin.get("/v6/billing-accounts/500"))["client"]["id"] == "77"
        assert lines(admin) == {"1": ("locked", 10)}

    def test_of_rows_with_one_id_the_last_counts(self, run: Run, export: Export, admin: Caller) -> None:
        first = export("1.json", client=[CLIENT, {**CLIENT, "name": "Second"}], project=[PROJECT])
        last = export(
            "2.json",
            client=[{**CLIENT, "name": "Third"}],
            project=[{**PROJECT, "budget": "7"}],
            project_challenge_budget=[budget("1", "9", "0"), budget("1", "5", "0")],
        )
        result = run("import-legacy", first, last)
        assert counts(result, "client") == [3, 1, 0, 0, 0, 2, 0]
        assert counts(result, "project_challenge_budget") == [2, 1, 0, 0, 0, 1, 0]
        assert data(admin.get("/v6/clients/77"))["name"] == "Third"
        assert data(admin.get("/v6/billing-accounts/500"))["budget"] == 7
        assert lines(admin) == {"1": ("locked", 5)}

    def test_a_second_import_changes_nothing_and_says_so(self, run: Run, export: Export, app: Flask) -> None:
        path = export(client=[CLIENT], project=[PROJECT], project_challenge_budget=[budget("1", "10", "0")])

        def versions() -> list[Any]:
            with app.app_context():
                return [
                    db.session.execute(text(f"SELECT xmin::text, ctid::text, * FROM {table}")).all()
                    for table in ("clients", "billing_accounts", "budgets", "budget_lines")
                ]

        run("import-legacy", path)
        before = versions()
        again = run("import-legacy", path)
        assert again.exit_code == 0
        for kind in ("client", "project", "project_challenge_budget"):
            assert counts(again, kind) == [1, 0, 0, 1, 0, 0, 0]
        assert versions() == before, "no row was written again"

    def test_a_changed_row_is_updated_but_not_its_origin_nor_its_markup(
        self, run: Run, export: Export, admin: Caller
    ) -> None:
        run("import-legacy", export(client=[CLIENT], project=[PROJECT]))
        data(admin.patch("/v6/billing-accounts/500", {"markup": 0.2}))
        changed = {**PROJECT, "name": "Renamed", "creation_user": "else", "budget": "5"}
        result = run("import-legacy", export(project=[changed]))
        assert counts(result, "project") == [1, 0, 1, 0, 0, 0, 0]
        account = data(admin.get("/v6/billing-accounts/500"))
        assert (account["name"], account["budget"]) == ("Renamed", 5)
        assert (account["createdBy"], account["markup"]) == ("132456", Decimal("0.2"))

    def test_a_rehearsal_reports_and_keeps_nothing(self, run: Run, export: Export, admin: Caller) -> None:
        path = export(client=[CLIENT], project=[PROJECT], project_challenge_budget=[budget("1", "10", "0")])
        result = run("import-legacy", path, "--dry-run")
        assert result.exit_code == 0
        for kind in ("client", "project", "project_challenge_budget"):
            assert counts(result, kind) == [1, 1, 0, 0, 0, 0, 0]
        assert "nothing was changed" in result.output
        assert data(admin.get("/v6/clients"))["count"] == 0
        assert data(admin.get("/v6/billing-accounts"))["count"] == 0

    def test_notes_say_what_was_left_out(self, run: Run, export: Export) -> None:
        client = {**CLIENT, "end_date": "2009-02-30 00:00:00", "colour": "red"}
        result = run("import-legacy", export(client=[client, {**client, "client_id": "78"}, "no row"]))
        assert result.exit_code == 0
        assert "time_oltp:client: 2 times end_date: not a date, dropped" in result.output
        assert "time_oltp:client: 2 times unknown field 'colour', ignored" in result.output
        assert "time_oltp:client: 1 rejected: not an object" in result.output

    @pytest.mark.parametrize("budgets_first", [False, True])
    def test_a_messy_export_arrives_to_the_cent(
        self, run: Run, app: Flask, tmp_path: Path, *, budgets_first: bool
    ) -> None:
        path = tmp_path / "messy.json"
        expected = legacy_export.write(path, rows=3000, seed=5, budgets_first=budgets_first)
        errors = tmp_path / "rejected.jsonl"
        result = run("import-legacy", path, "--errors", errors)
        assert result.exit_code == 0, result.output
        rejected = [json.loads(line)["kind"] for line in errors.read_text().splitlines()]
        for kind, read in expected.read.items():
            read_now, created, updated, _, _, _, refused = counts(result, kind.removeprefix("time_oltp:"))
            assert (read_now, updated, refused) == (read, 0, expected.rejected[kind])
            assert rejected.count(kind) == refused
            assert created <= read
        with app.app_context():
            budgets = db.session.execute(text("SELECT billing_account_id, locked, consumed FROM budgets"))
            assert {row.billing_account_id: (row.locked, row.consumed) for row in budgets} == expected.totals()
            assert list(audit.differences()) == []
