"""Which member a handle of the previous system means."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from app.db.base import db
from tests.caller import Caller, data
from tests.cli.conftest import Run
from tests.cli.legacy_import.conftest import Export

KELVIN = "\u212a"
Resolve = Callable[[str], tuple[list[str], list[str]]]


@pytest.fixture
def resolve(
    app: Flask,
    run: Run,
    export: Export,
    members: None,  # noqa: ARG001
    admin: Caller,
    account_id: int,
    tmp_path: Path,
) -> Resolve:
    """The user ids a handle is granted, and the reasons it is rejected for."""
    rows = [
        (10, "kim", "kim"),
        (11, f"{KELVIN}im", "kim"),
        (12, "Twin", "twin"),
        (13, "TWIN", "twin"),
        (14, f"{KELVIN}ate", "kate"),
        (15, "straße", "straße"),
        (16, "ŁUKASZ", "łukasz"),
        (17, "Same", "same"),
        (18, "Same", "same"),
    ]
    with app.app_context(), db.engine.begin() as connection:
        for row in rows:
            values = dict(zip(("id", "handle", "lower"), row, strict=True))
            connection.execute(text("INSERT INTO member VALUES (:id, :handle, :lower)"), values)

    def do(handle: str) -> tuple[list[str], list[str]]:
        users = [{"user_account_id": 1.0, "user_name": handle}]
        managers = [{"project_id": f"{account_id}.0", "user_account_id": "1", "active": "1"}]
        errors = tmp_path / "rejected.jsonl"
        run("import-access", export(user_account=users, project_manager=managers), "--errors", errors)
        granted = data(admin.get(f"/v6/billing-accounts/{account_id}/users"))["results"]
        reasons = [json.loads(line)["reason"] for line in errors.read_text().splitlines()]
        return [user["id"] for user in granted], reasons

    return do


@pytest.mark.parametrize(
    ("handle", "user"),
    [
        ("kim", "10"),
        ("KIM", "10"),
        (f"{KELVIN}im", "11"),
        (f"{KELVIN}IM", "11"),
        ("Twin", "12"),
        ("TWIN", "13"),
        (f"{KELVIN}ate", "14"),
        ("STRAßE", "15"),
        ("ŁUKASZ", "16"),
        ("Łukasz", "16"),
    ],
)
def test_the_case_of_ascii_letters_does_not_matter(resolve: Resolve, handle: str, user: str) -> None:
    assert resolve(handle) == ([user], [])


@pytest.mark.parametrize("handle", ["kate", "KATE", "STRASSE", "łukasz", "łUKASZ", "k\u0131m"])
def test_a_handle_that_looks_alike_is_another(resolve: Resolve, handle: str) -> None:
    assert resolve(handle) == ([], ["user_name: no such member"])


@pytest.mark.parametrize("handle", ["twin", "tWIN", "Same", "same"])
def test_several_members_are_a_rejection(resolve: Resolve, handle: str) -> None:
    assert resolve(handle) == ([], ["user_name: several members have this handle"])


@pytest.mark.usefixtures("members")
def test_a_thousand_handles_are_looked_up(app: Flask, run: Run, export: Export, admin: Caller, account_id: int) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO member SELECT 1000 + n, 'User' || n, 'user' || n FROM generate_series(1, 6000) AS n")
        )
    users: list[Any] = [{"user_account_id": str(n), "user_name": f"USER{n}"} for n in range(1, 6001)]
    managers = [{"project_id": account_id, "user_account_id": str(n)} for n in range(1, 6001)]
    assert run("import-access", export(user_account=users, project_manager=managers)).exit_code == 0
    assert data(admin.get(f"/v6/billing-accounts/{account_id}/users?perPage=1"))["count"] == 6000
