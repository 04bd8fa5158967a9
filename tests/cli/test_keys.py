"""`flask keys`, by which the first key is made."""

import pytest
from flask import Flask

from tests.caller import Caller, data
from tests.cli.conftest import Run

ADMIN_KEYS = "/v1/admin/api-keys/"


def test_created_key_works_and_is_printed_alone(app: Flask, run: Run, admin: Caller) -> None:
    result = run("keys", "create", "Payroll", "--scope", "READ:client", "--expires-in-days", 30)
    assert (result.exit_code, result.stderr) == (0, "Key 1: Payroll.\n")
    key = result.stdout.strip()
    assert Caller(app, key).get("/v6/clients").status_code == 200
    made = data(admin.get(f"{ADMIN_KEYS}1/"))
    assert (made["name"], made["scopes"], made["created_by"]) == ("Payroll", ["read:client"], "keys create")
    assert made["expires_at"] is not None


def test_key_of_an_account_acts_in_it(app: Flask, run: Run, customer_id: int) -> None:
    result = run("keys", "create", "Worker", "--scope", "read:account", "--account", customer_id)
    settings = Caller(app, result.stdout.strip()).get("/v1/account/settings/")
    assert data(settings)["id"] == customer_id


def test_list_shows_keys_without_their_secrets(run: Run, customer_id: int) -> None:
    key = run("keys", "create", "Worker", "--scope", "read:account", "--account", customer_id).stdout.strip()
    run("keys", "create", "Payroll [1]", "--scope", "read:client")
    result = run("keys", "list")
    assert result.exit_code == 0
    assert key not in result.output
    for shown in ("Payroll [1]", "Worker", "read:account", f"{key[:12]}…"):
        assert shown in result.output


def test_revoked_key_says_so_in_the_trail(run: Run, admin: Caller) -> None:
    run("keys", "create", "Payroll", "--scope", "read:client")
    assert run("keys", "revoke", 1, "--reason", "Leaked").output == "Key 1: Payroll, revoked.\n"
    assert data(admin.get(f"{ADMIN_KEYS}1/"))["revoked_at"] is not None
    revoked, issued = data(admin.get("/v6/audit?objectType=api_key"))["results"]
    assert (revoked["action"], revoked["actorKind"], revoked["reason"]) == ("keys revoke", "command", "Leaked")
    assert issued["action"] == "keys create"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("create", "x", "--scope", "read:account"), "account_id: Is required for the scope read:account."),
        (("create", "x", "--scope", "read:account", "--account", 7), "Account 7 was not found."),
        (("revoke", 7, "--reason", "x"), "API key 7 was not found."),
    ],
)
def test_refusals_are_one_line(run: Run, arguments: tuple[object, ...], problem: str) -> None:
    result = run("keys", *arguments)
    assert (result.exit_code, result.output) == (1, f"Error: {problem}\n")


@pytest.mark.parametrize(
    "arguments", [("create", "x"), ("create", " ", "--scope", "read:client"), ("create", "x", "--scope", "admin")]
)
def test_wrong_usage_exits_with_2(run: Run, arguments: tuple[object, ...]) -> None:
    assert run("keys", *arguments).exit_code == 2
