"""What every command that needs the database does first: see that it is there."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext
from psycopg2.errors import UndefinedColumn, UndefinedTable
from sqlalchemy.exc import DBAPIError

from app.config import Settings
from app.db import embedded
from app.db.availability import is_away
from app.db.base import db

# What the database answers when a migration is missing.
_NOT_MIGRATED = (UndefinedTable, UndefinedColumn)


def with_database(command: Callable[..., Any]) -> Callable[..., Any]:
    """Run a command inside the application, with the embedded database started when that is the one in use."""

    @wraps(command)
    @with_appcontext
    def run(*args: Any, **kwargs: Any) -> Any:
        settings: Settings = current_app.config["SETTINGS"]
        try:
            with embedded.running(settings.embedded_dir):
                try:
                    return command(*args, **kwargs)
                finally:
                    # Before the server may stop, not after.
                    db.session.remove()
                    db.engine.dispose()
        except embedded.EmbeddedDatabaseError as error:
            raise click.ClickException(str(error)) from None
        except DBAPIError as error:
            problem = str(error.orig).splitlines()[0]
            if is_away(error):
                raise click.ClickException(f"The database cannot be used: {problem}") from None
            if isinstance(error.orig, _NOT_MIGRATED):
                raise click.ClickException(f"The database is not up to date, run flask db upgrade: {problem}") from None
            raise

    return run
