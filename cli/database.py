"""Decorator for commands that use the database."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext

from app import origin
from app.config import Settings
from app.db.base import db
from app.db.server import embedded
from app.origin import Origin


def _name() -> str:
    """The command as it is typed, without the program."""
    return click.get_current_context().command_path.partition(" ")[2]


def with_database(command: Callable[..., Any]) -> Callable[..., Any]:
    """Run a command in the application context, with the embedded database started if it is used."""

    @wraps(command)
    @with_appcontext
    def run(*args: Any, **kwargs: Any) -> Any:
        settings: Settings = current_app.config["SETTINGS"]
        with embedded.running(settings.embedded_dir):
            try:
                with origin.acting(Origin(_name(), origin.COMMAND, _name())):
                    return command(*args, **kwargs)
            finally:
                # Connections must be closed before the server stops.
                db.session.remove()
                db.engine.dispose()

    return run
