"""The commands an operator runs at a shell."""

from flask import Flask

from cli.demo import demo
from cli.ledger import ledger
from cli.legacy_import.command import import_access, import_legacy
from cli.serve import serve
from cli.token import token


def register(app: Flask) -> None:
    """Add the commands to `flask`."""
    for command in (demo, import_access, import_legacy, ledger, serve, token):
        app.cli.add_command(command)
