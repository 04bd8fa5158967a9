"""What an import appends to the journals of budgets."""

from typing import Any

from flask import Flask

from app.billing_accounts import audit
from tests.caller import ACCOUNTS, Caller, data
from tests.cli.conftest import Run
from tests.cli.legacy_import.conftest import CLIENT, PROJECT, Export, budget

CHANGES = ("kind", "externalId", "budgetDelta", "lockedDelta", "consumedDelta")


def changes(admin: Caller) -> list[tuple[Any, ...]]:
    """What each movement of the account changed, oldest first."""
    return [tuple(each[name] for name in CHANGES) for each in movements(admin)]


def movements(admin: Caller) -> Any:
    return data(admin.get(f"{ACCOUNTS}/500/movements?sortBy=position&perPage=1000"))["results"]


def test_each_line_is_a_movement_and_a_repeated_import_writes_none(
    run: Run, export: Export, admin: Caller, app: Flask
) -> None:
    rows = [budget("c2", "20", "0"), budget("c1", "0", "7.5"), budget("c3", "1", "0")]
    path = export(client=[CLIENT], project=[PROJECT], project_challenge_budget=rows)
    for _ in range(2):
        assert run("import-legacy", path).exit_code == 0
        assert [tuple(map(str, each)) for each in changes(admin)] == [
            ("opened", "None", "1000.5", "0", "0"),
            ("imported", "c1", "0", "0", "7.5"),
            ("imported", "c2", "0", "20", "0"),
            ("imported", "c3", "0", "1", "0"),
        ]
    lines = data(admin.get(f"{ACCOUNTS}/500/entries"))["results"]
    assert {each["externalId"]: each["entryId"] for each in movements(admin)[1:]} == {
        each["externalId"]: each["id"] for each in lines
    }
    assert {each["actor"] for each in movements(admin)} == {"import-legacy"}
    with app.app_context():
        assert list(audit.differences()) == []


def test_a_later_import_appends_what_it_changes(run: Run, export: Export, admin: Caller, app: Flask) -> None:
    rows = [budget("c1", "20", "0"), budget("c2", "5", "0"), budget("c3", "1", "0")]
    assert (
        run("import-legacy", export(client=[CLIENT], project=[PROJECT], project_challenge_budget=rows)).exit_code == 0
    )
    rows = [budget("c1", "0", "15"), budget("c2", "0", "0"), budget("c3", "1", "0")]
    changed = export(client=[CLIENT], project=[{**PROJECT, "budget": "900"}], project_challenge_budget=rows)
    assert run("import-legacy", changed).exit_code == 0
    assert changes(admin)[4:] == [
        ("imported", None, -100.5, 0, 0),
        ("imported", "c1", 0, -20, 15),
        ("imported", "c2", 0, -5, 0),
    ]
    with app.app_context():
        assert list(audit.differences()) == []
