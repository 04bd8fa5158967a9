"""The commands an operator runs at a shell."""

from flask import Flask

from cli.credits import credits
from cli.demo import demo
from cli.ledger import ledger
from cli.legacy_import.command import import_access, import_legacy
from cli.maintenance import maintenance
from cli.payments import payments
from cli.serve import serve
from cli.token import token


def register(app: Flask) -> None:
    """Add the commands to `flask`."""
    for command in (credits, demo, import_access, import_legacy, ledger, maintenance, payments, serve, token):
        app.cli.add_command(command)
