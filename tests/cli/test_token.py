from typing import Any

import jwt
import pytest
from flask import Flask

from app.auth.permissions import SCOPES, Role
from app.config import Settings
from tests.caller import Caller, data, error
from tests.cli.conftest import Run


def claims(run: Run, settings: Settings, *arguments: str) -> Any:
    result = run("token", *arguments)
    assert result.exit_code == 0, result.output
    return jwt.decode(result.output.strip(), settings.auth_secrets[0], algorithms=["HS256"])


def test_a_token_without_role_or_scope_is_wrong_usage(run: Run) -> None:
    result = run("token")
    assert result.exit_code == 2
    assert "--role or --scope" in result.output


def test_without_a_secret_the_issuer_is_named(app_with: Any) -> None:
    app = app_with(auth_secrets=(), auth_jwks_url="https://auth.example.com/keys", valid_issuers=("us",))
    result = _run_in(app)
    assert result.exit_code == 1
    assert "AUTH_JWKS_URL" in result.output
    assert "Traceback" not in result.output


def _run_in(app: Flask) -> Any:
    import cli  # noqa: PLC0415 - the commands belong to the application made here

    cli.register(app)
    return app.test_cli_runner().invoke(args=["token", "--role", "administrator"])


def test_token_carries_what_was_asked_for(run: Run, settings: Settings) -> None:
    found = claims(
        run, settings, "--role", "copilot", "--scope", "read:client", "--scope", "all:credits", "--user", "7"
    )
    assert (found["roles"], found["scope"], found["sub"]) == (["copilot"], "read:client all:credits", "7")


@pytest.mark.parametrize(
    ("option", "value", "known"),
    [
        ("--role", "admin", "administrator"),
        ("--role", "", "topcoder project manager"),
        ("--scope", "read:clients", "read:client"),
        ("--scope", "administrator", "process:taas-workPeriodPayments"),
        ("--scope", "read:client update:client", "update:client"),
    ],
)
def test_an_unknown_role_or_scope_is_wrong_usage(run: Run, option: str, value: str, known: str) -> None:
    result = run("token", option, value)
    assert result.exit_code == 2
    assert known in " ".join(result.output.split())


@pytest.mark.parametrize(("option", "name"), [*(("--role", role) for role in Role), *(("--scope", s) for s in SCOPES)])
def test_every_role_and_scope_is_known_in_any_case(run: Run, option: str, name: str) -> None:
    assert run("token", option, name.upper()).exit_code == 0


def test_address_of_a_token_is_verified(run: Run, settings: Settings) -> None:
    found = claims(run, settings, "--user", "7", "--email", "ann@harbour.example")
    assert (found["email"], found["email_verified"]) == ("ann@harbour.example", True)
    assert "email_verified" not in claims(run, settings, "--user", "7")


def test_token_expires_after_the_hours_given(run: Run, settings: Settings) -> None:
    found = claims(run, settings, "--role", "copilot", "--hours", "0.5")
    assert found["exp"] - found["iat"] == 1800


def test_service_accepts_the_token(app: Flask, run: Run) -> None:
    data(Caller(app, run("token", "--role", "Administrator").output.strip()).get("/v6/clients"))
    error(Caller(app, run("token", "--role", "copilot").output.strip()).get("/v6/clients"), 403, "forbidden")


def test_token_names_an_account_by_its_number(run: Run, settings: Settings) -> None:
    assert claims(run, settings, "--user", "7", "--account", "12")["account_id"] == 12
    assert run("token", "--user", "7", "--account", "mine").exit_code == 2
