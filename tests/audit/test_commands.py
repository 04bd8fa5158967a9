"""Every command that writes is found in the audit trail under its own name; the others write nothing."""

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click
import pytest
from flask import Flask
from flask.cli import FlaskGroup
from freezegun import freeze_time

import cli
from app.db.base import db
from tests.audit.test_completeness import actions
from tests.caller import Caller
from tests.cli.conftest import Run
from tests.factories.purchases import buy
from tests.stripe_account import StripePeer

# What runs with every write refused by the database.
READING: dict[str, tuple[object, ...]] = {
    "audit anchor": (),
    "audit verify": (),
    "credits package list": (),
    "credits plan list": (),
    "keys list": (),
    "ledger verify": (),
    "tax list": (),
    "token": ("--role", "copilot"),
}
# Commands, or groups of them, that leave no entry for another reason.
WITHOUT_ENTRY = {
    "backup": "reads, by pg_dump: see tests/deploy/test_backup.py",
    "db": "changes the tables, not what is in them",
    "openapi": "prints the document, which needs no database",
    "restore": "puts the trail itself in place: see tests/deploy/test_backup.py",
    "routes": "prints the routes, which needs no database",
    "run": "serves for development, where requests write",
    "serve": "serves, where requests write",
    "shell": "runs what is typed",
}
# Of a library, where it is installed with its commands: it shows and clears limits of rates, which are in memory.
OF_LIBRARIES = {"limiter"}
LEGACY = {
    "time_oltp:client": [
        {"client_id": "1", "name": "Acme", "status": "1", "creation_date": None, "modification_date": None}
    ]
}
ACCESS = {
    "time_oltp:project_manager": [{"project_id": "1", "user_account_id": "1", "active": "1"}],
    "time_oltp:user_account": [{"user_account_id": "1", "user_name": "ann"}],
}


@pytest.fixture
def export(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str, lists: dict[str, Any]) -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(lists))
        return path

    return write


@pytest.fixture
def run_with_stripe(stripe_app: Flask) -> Run:
    """Runs a command where cards are taken."""
    cli.register(stripe_app)

    def invoke(*arguments: object) -> Any:
        return stripe_app.test_cli_runner().invoke(args=[str(each) for each in arguments])

    return invoke


@pytest.fixture
def paid(stripe_app: Flask, stripe_peer: StripePeer, customer: Caller, token: Callable[..., str]) -> None:
    """A payment that Stripe has received, and this service does not know of."""
    assert customer
    payment = buy(Caller(stripe_app, token(roles=(), user="owner")), method="stripe")["payment"]
    stripe_peer.pay(payment["gateway_reference"])


@pytest.fixture
def entered(admin: Caller) -> Callable[..., None]:
    """Runs a command, which must leave entries, and none under another name."""

    def check(run: Run, name: str, *arguments: object, at: str | None = None) -> None:
        before = actions(admin)
        with freeze_time(at) if at else nullcontext():
            result = run(*name.split(), *arguments)
        assert result.exit_code == 0, (name, result.output)
        after = actions(admin)
        grown = {action for action, number in after.items() if number > before.get(action, 0)}
        # What a month grants and ends is the same, whoever finds it due.
        assert grown - {"monthly grant", "expiry"} == {name}

    return check


def commands(group: click.Group, context: click.Context, name: str = "") -> Iterator[str]:
    for each in group.list_commands(context):
        command, path = group.get_command(context, each), f"{name} {each}".strip()
        if isinstance(command, click.Group) and path not in WITHOUT_ENTRY.keys() | OF_LIBRARIES:
            yield from commands(command, context, path)
        else:
            yield path


@pytest.mark.usefixtures("members", "paid", "account_id")
def test_every_command_that_writes_has_entries_under_its_own_name(
    app: Flask,
    run: Run,
    run_with_stripe: Run,
    entered: Callable[..., None],
    customer_id: int,
    export: Callable[..., Path],
) -> None:
    calls: dict[str, tuple[object, ...]] = {
        "credits plan set": ("Team", "--credits-per-month", 10, "--usd-per-credit", "0.01"),
        "credits plan assign": (customer_id, "Team"),
        "credits package set": ("Mega Pack", "--credits", 50, "--price", "999.00"),
        "import-access": (export("access.json", ACCESS),),
        "import-legacy": (export("legacy.json", LEGACY),),
        "demo": (),
        "audit erase": ("owner",),
        "keys create": ("Worker", "--scope", "read:client"),
        "keys revoke": (1, "--reason", "Leaked"),
        "tax add": ("Ireland", "0.21", "--from", "2001-01-01", "--to", "2001-12-31"),
        "tax change": (1, "--rate", "23"),
    }
    for name, arguments in calls.items():
        entered(run, name, *arguments)
    entered(run_with_stripe, "payments reconcile")
    later = {"credits grant-monthly": "2099-01-15", "maintenance run": "2099-02-15"}
    for name, at in later.items():
        entered(run, name, at=at)
    group = FlaskGroup(create_app=lambda: app)
    with click.Context(group) as context:
        known = set(commands(group, context))
    assert known - OF_LIBRARIES == {*calls, "payments reconcile", *later, *READING, *WITHOUT_ENTRY}


@pytest.mark.usefixtures("customer", "account_id")
@pytest.mark.parametrize("name", READING)
def test_what_reads_writes_nothing(app: Flask, run: Run, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with app.app_context():
        # The command connects anew, and again closes its connections.
        db.engine.dispose()
    monkeypatch.setenv("PGOPTIONS", "-c default_transaction_read_only=on")
    result = run(*name.split(), *READING[name])
    assert result.exit_code == 0, result.output


def test_without_a_right_to_write_a_command_that_writes_fails(
    app: Flask, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        db.engine.dispose()
    monkeypatch.setenv("PGOPTIONS", "-c default_transaction_read_only=on")
    result = run("credits", "package", "set", "Mega Pack", "--credits", 50, "--price", "999.00")
    assert (result.exit_code, "read-only transaction" in result.output) == (1, True)
