import json
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from tests.caller import Caller, data
from tests.cli.conftest import Run
from tests.cli.legacy_import.conftest import Export

USERS = [
    {"user_account_id": "1", "user_name": "ANN"},
    {"user_account_id": "2", "user_name": "bob"},
    {"user_account_id": "3", "user_name": "nobody"},
    {"user_account_id": "4", "user_name": "Éva"},
]


def manager(account_id: int | str, user: str, active: str | None = "1") -> dict[str, str | None]:
    return {"project_id": str(account_id), "user_account_id": user, "active": active}


def users_of(admin: Caller, account_id: int) -> list[tuple[str, str]]:
    users = data(admin.get(f"/v6/billing-accounts/{account_id}/users"))["results"]
    return sorted((user["userId"], user["name"]) for user in users)


def test_help_shows_an_example(run: Run) -> None:
    assert "Example: MEMBER_DB_URL=" in run("import-access", "--help").output


def test_it_needs_the_members_database(run: Run, export: Export) -> None:
    result = run("import-access", export(project_manager=[]))
    assert result.exit_code == 1
    assert "MEMBER_DB_URL" in result.output


def test_a_members_database_out_of_reach_is_one_line(app: Flask, run: Run, export: Export, account_id: int) -> None:
    settings = app.config["SETTINGS"]
    app.config["SETTINGS"] = replace(settings, member_db_url="postgresql://nobody@127.0.0.1:1/members")
    result = run("import-access", export(project_manager=[manager(account_id, "1")], user_account=USERS))
    app.config["SETTINGS"] = settings
    assert result.exit_code == 1
    assert "The Members database is unavailable" in result.output
    assert "Traceback" not in result.output


@pytest.mark.usefixtures("members")
def test_managers_become_users_by_their_handles(run: Run, export: Export, admin: Caller, account_id: int) -> None:
    managers = [manager(account_id, "1"), manager(account_id, "2", None), manager(account_id, "4")]
    result = run("import-access", export("m.json", project_manager=managers), export("u.json", user_account=USERS))
    assert result.exit_code == 0, result.output
    assert users_of(admin, account_id) == [("22838965", "Bob"), ("40051399", "ann"), ("7", "ÉVA")]


@pytest.mark.usefixtures("members")
def test_what_cannot_be_resolved_is_rejected_with_its_reason(
    run: Run, export: Export, admin: Caller, account_id: int, tmp_path: Path
) -> None:
    managers = [
        manager(account_id, "1"),
        manager(account_id + 1, "1"),
        manager(account_id, "99"),
        manager(account_id, "3"),
        manager(account_id, "2", "0"),
        manager("x", "1"),
    ]
    errors = tmp_path / "rejected.jsonl"
    result = run("import-access", export(user_account=USERS, project_manager=managers), "--errors", errors)
    assert result.exit_code == 0
    assert users_of(admin, account_id) == [("40051399", "ann")]
    rejected = [json.loads(line) for line in errors.read_text().splitlines()]
    assert sorted((line["row"]["project_id"], line["row"]["user_account_id"], line["reason"]) for line in rejected) == [
        (str(account_id), "2", "active: the manager is inactive"),
        (str(account_id), "3", "user_name: no such member"),
        (str(account_id), "99", "user_account_id: no such user account"),
        (str(account_id + 1), "1", "project_id: no such billing account"),
        ("x", "1", "project_id: not an integer between 1 and 2147483647"),
    ]


@pytest.mark.usefixtures("members")
def test_a_second_import_changes_nothing(run: Run, export: Export, admin: Caller, account_id: int) -> None:
    path = export(user_account=USERS, project_manager=[manager(account_id, "1"), manager(account_id, "1")])
    run("import-access", path)
    before = data(admin.get(f"/v6/billing-accounts/{account_id}/users"))
    result = run("import-access", path)
    row = next(line for line in result.output.splitlines() if "time_oltp:project_manager │" in line)
    assert [cell.strip() for cell in row.split("│")[2:-1]] == ["2", "0", "0", "1", "0", "1", "0"]
    assert data(admin.get(f"/v6/billing-accounts/{account_id}/users")) == before


@pytest.mark.usefixtures("members")
def test_a_rehearsal_grants_nothing(run: Run, export: Export, admin: Caller, account_id: int) -> None:
    path = export(user_account=USERS, project_manager=[manager(account_id, "1")])
    assert run("import-access", path, "--dry-run").exit_code == 0
    assert users_of(admin, account_id) == []
