"""Commands for operators."""

from typing import cast

import click
import flask_migrate.cli
from flask import Flask
from flask_smorest.spec import openapi_cli

from cli.audit import audit
from cli.backup import backup, restore
from cli.credits import credits
from cli.demo import demo
from cli.failures import in_one_line
from cli.keys import keys
from cli.ledger import ledger
from cli.legacy_import.command import import_access, import_legacy
from cli.maintenance import maintenance
from cli.payments import payments
from cli.serve import serve
from cli.tax import tax
from cli.token import token

# Commands of the frameworks register themselves.
for group in (flask_migrate.cli.db, openapi_cli):
    in_one_line(cast(click.Command, group))
COMMANDS = [
    in_one_line(command)
    for command in (
        audit,
        backup,
        credits,
        demo,
        import_access,
        import_legacy,
        keys,
        ledger,
        maintenance,
        payments,
        restore,
        serve,
        tax,
        token,
    )
]


def register(app: Flask) -> None:
    """Add the commands to `flask`."""
    for command in COMMANDS:
        app.cli.add_command(command)
