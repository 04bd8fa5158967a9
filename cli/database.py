"""What every command that needs the database does first: see that it is there."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import OperationalError

from app.config import Settings
from app.db import embedded


def with_database(command: Callable[..., Any]) -> Callable[..., Any]:
    """Run a command inside the application, with the embedded database started when that is the one in use."""

    @wraps(command)
    @with_appcontext
    def run(*args: Any, **kwargs: Any) -> Any:
        settings: Settings = current_app.config["SETTINGS"]
        try:
            if not settings.embedded_database:
                return command(*args, **kwargs)
            with embedded.running(settings.var_dir):
                return command(*args, **kwargs)
        except embedded.EmbeddedDatabaseError as error:
            raise click.ClickException(str(error)) from None
        except OperationalError as error:
            raise click.ClickException(f"The database cannot be used: {str(error.orig).splitlines()[0]}") from None

    return run
