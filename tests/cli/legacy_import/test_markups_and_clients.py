"""Markups from contest fees, and clients from links."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.caller import ACCOUNTS, Caller, data
from tests.cli.conftest import Run
from tests.cli.legacy_import.conftest import CLIENT, PROJECT, Export, counts

UNKNOWN = "legacy-unknown-client"
NOT_NAMED = {**PROJECT, "client_id": "999"}


def fee(percentage: Any, project: str = "500", **values: Any) -> dict[str, Any]:
    return {"project_id": project, "contest_fee_percentage": percentage, "active": "1", **values}


def link(client: str, project: str = "500") -> dict[str, Any]:
    return {"client_project_id": "1", "client_id": client, "project_id": project}


def account(admin: Caller, account_id: int = 500) -> Any:
    return data(admin.get(f"{ACCOUNTS}/{account_id}"))


class TestMarkups:
    @pytest.mark.parametrize(("sent", "markup"), [("0.33", "0.33"), ("0.33335", "0.3334"), ("33", "33"), ("1", "1")])
    def test_a_new_account_gets_its_fee(self, run: Run, export: Export, admin: Caller, sent: str, markup: str) -> None:
        result = run(
            "import-legacy", export(project_contest_fee_percentage=[fee(sent)], client=[CLIENT], project=[PROJECT])
        )
        assert result.exit_code == 0, result.output
        assert account(admin)["markup"] == Decimal(markup)
        assert counts(result, "project_contest_fee_percentage") == [1, 1, 0, 0, 0, 0, 0]

    @pytest.mark.parametrize(
        ("rows", "markup"),
        [
            ([fee("0.1"), fee("0.2")], "0.2"),
            ([fee("0.1", modification_date="2012-01-01 00:00:00"), fee("0.2", modification_date="2011-01-01")], "0.1"),
            ([fee("0.1", creation_date="2012-01-01 00:00:00"), fee("0.2", creation_date="2011-01-01")], "0.1"),
            ([fee("0.1", modification_date="2011-01-01"), fee("0.2", creation_date="2012-01-01")], "0.2"),
            ([fee("0.1", creation_date="2011-01-01"), fee("0.2")], "0.1"),
            ([fee("0.1"), fee("0.2", active="0", creation_date="2030-01-01")], "0.1"),
            ([fee("0.1", creation_date="2011-01-01"), fee("0.2", creation_date="2011-01-01")], "0.2"),
        ],
    )
    def test_the_newest_active_row_wins(
        self, run: Run, export: Export, admin: Caller, rows: list[Any], markup: str
    ) -> None:
        path = export(client=[CLIENT], project=[PROJECT], project_contest_fee_percentage=rows)
        result = run("import-legacy", path)
        assert result.exit_code == 0, result.output
        assert account(admin)["markup"] == Decimal(markup)
        assert counts(result, "project_contest_fee_percentage") == [2, 1, 0, 0, 0, 1, 0]

    def test_it_is_set_until_it_was_changed_here(self, run: Run, export: Export, admin: Caller) -> None:
        def load(percentage: str) -> list[int]:
            result = run("import-legacy", export(project_contest_fee_percentage=[fee(percentage)]))
            assert result.exit_code == 0, result.output
            return counts(result, "project_contest_fee_percentage")[1:5]

        run("import-legacy", export(client=[CLIENT], project=[PROJECT]))
        assert account(admin)["markup"] == 0
        assert load("0.1") == [0, 1, 0, 0]
        assert load("0.1") == [0, 0, 1, 0]
        data(admin.patch(f"{ACCOUNTS}/500", {"name": "Renamed", "markup": 0.1}))
        assert load("0.2") == [0, 1, 0, 0], "the markup was not changed by that"
        data(admin.patch(f"{ACCOUNTS}/500", {"markup": 0.5}))
        assert load("0.3") == [0, 0, 0, 1]
        assert account(admin)["markup"] == Decimal("0.5")
        run("import-legacy", export(client=[CLIENT], project=[PROJECT]))
        assert account(admin)["markup"] == Decimal("0.5"), "without a fee it is left alone"

    def test_without_an_account_it_is_rejected(self, run: Run, export: Export, tmp_path: Path) -> None:
        errors = tmp_path / "rejected.jsonl"
        rows = [fee("0.1", "501"), fee("0.1")]
        path = export(client=[CLIENT], project=[PROJECT], project_contest_fee_percentage=rows)
        result = run("import-legacy", path, "--errors", errors)
        assert counts(result, "project_contest_fee_percentage") == [2, 1, 0, 0, 0, 0, 1]
        (line,) = [json.loads(line) for line in errors.read_text().splitlines()]
        assert (line["row"], line["reason"]) == (rows[0], "project_id: no such billing account")


class TestLinks:
    def test_an_account_without_a_known_client_gets_that_of_its_link(
        self, run: Run, export: Export, admin: Caller
    ) -> None:
        other = {**CLIENT, "client_id": "78"}
        path = export(
            client_project=[link("77"), link("78"), link("999"), link("77", "600"), link("77", "501")],
            client=[CLIENT, other],
            project=[NOT_NAMED, {**PROJECT, "project_id": "600", "client_id": "78"}],
        )
        result = run("import-legacy", path)
        assert result.exit_code == 0, result.output
        assert (account(admin)["clientId"], account(admin, 600)["clientId"]) == ("78", "78")
        assert counts(result, "client_project") == [5, 1, 0, 0, 1, 1, 2]
        for reason in ("client_id: no such client", "project_id: no such billing account"):
            assert f"time_oltp:client_project: 1 rejected: {reason}" in result.output
        assert data(admin.get("/v6/clients"))["count"] == 2, "nobody needs the default client"
        again = run("import-legacy", path)
        assert counts(again, "client_project") == [5, 0, 0, 1, 1, 1, 2]
        assert counts(again, "project") == [2, 0, 0, 2, 0, 0, 0]

    def test_a_link_may_come_later(self, run: Run, export: Export, admin: Caller) -> None:
        run("import-legacy", export(client=[CLIENT], project=[NOT_NAMED]))
        assert account(admin)["clientId"] == UNKNOWN
        result = run("import-legacy", export(client_project=[link("77")]))
        assert counts(result, "client_project") == [1, 0, 1, 0, 0, 0, 0]
        assert account(admin)["clientId"] == "77"

    def test_a_client_named_by_the_account_goes_before_its_link(self, run: Run, export: Export, admin: Caller) -> None:
        run("import-legacy", export(client=[CLIENT], project=[NOT_NAMED]))
        path = export(client=[{**CLIENT, "client_id": "78"}], project=[PROJECT], client_project=[link("78")])
        assert counts(run("import-legacy", path), "client_project") == [1, 0, 0, 0, 1, 0, 0]
        assert account(admin)["clientId"] == "77"


class TestDefaultClient:
    def test_every_account_that_has_it_is_counted(self, run: Run, export: Export, admin: Caller) -> None:
        rows = [{**NOT_NAMED, "project_id": str(number)} for number in range(1, 4)]
        path = export(client=[CLIENT], project=[*rows, PROJECT, {**PROJECT, "project_id": "4", "client_id": ""}])
        for _ in range(2):
            result = run("import-legacy", path)
            assert f"time_oltp:project: 4 without a known client, assigned to {UNKNOWN}\n" in result.output
        assert data(admin.get(f"{ACCOUNTS}?clientId={UNKNOWN}"))["count"] == 4

    @pytest.mark.parametrize("written", [5001, 5001.0, "5001", "5001.0"])
    def test_a_whole_number_names_its_client_however_it_is_written(
        self, run: Run, export: Export, admin: Caller, written: Any
    ) -> None:
        client, project = {**CLIENT, "client_id": "5001"}, {**PROJECT, "client_id": written, "project_id": 500.0}
        result = run("import-legacy", export(client=[client], project=[project]))
        assert account(admin)["clientId"] == "5001"
        assert f"time_oltp:project: 0 without a known client, assigned to {UNKNOWN}\n" in result.output

    @pytest.mark.parametrize("client_id", ["999", "", None, UNKNOWN])
    def test_a_row_without_a_known_client_never_replaces_one(
        self, run: Run, export: Export, admin: Caller, client_id: Any
    ) -> None:
        run("import-legacy", export(client=[CLIENT], project=[PROJECT, {**NOT_NAMED, "project_id": "501"}]))
        result = run("import-legacy", export(project=[{**PROJECT, "client_id": client_id}]))
        assert result.exit_code == 0
        assert account(admin)["clientId"] == "77"
        assert counts(result, "project") == [1, 0, 0, 1, 0, 0, 0]

    def test_a_known_client_replaces_the_default_one(self, run: Run, export: Export, admin: Caller) -> None:
        run("import-legacy", export(client=[CLIENT], project=[NOT_NAMED]))
        assert counts(run("import-legacy", export(project=[PROJECT])), "project") == [1, 0, 1, 0, 0, 0, 0]
        assert account(admin)["clientId"] == "77"

    def test_one_chosen_here_stays(self, run: Run, export: Export, admin: Caller) -> None:
        run("import-legacy", export(client=[CLIENT], project=[NOT_NAMED]))
        data(admin.patch(f"{ACCOUNTS}/500", {"clientId": "77"}))
        run("import-legacy", export(project=[NOT_NAMED]), "--default-client-id", UNKNOWN)
        assert account(admin)["clientId"] == "77"
