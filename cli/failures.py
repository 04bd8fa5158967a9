"""Failures of commands: one line and an exit status instead of a traceback."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from io import TextIOBase
from pathlib import Path
from typing import Any

import click
from psycopg2.errors import UndefinedColumn, UndefinedTable
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.config import ConfigurationError
from app.db.availability import is_unavailable
from app.db.server.embedded import EmbeddedDatabaseError
from app.db.server.revision import OutdatedSchemaError, UnknownRevisionError
from app.db.server.roles import PrivilegedRoleError
from app.db.server.version import UnsupportedServerError
from app.errors import ServiceError
from cli.dump import DumpError

# Errors of the database if a migration is missing.
_NOT_MIGRATED = (UndefinedTable, UndefinedColumn)
# Failures whose messages are meant for operators.
_EXPLAINED = (
    ConfigurationError,
    DumpError,
    EmbeddedDatabaseError,
    OutdatedSchemaError,
    PrivilegedRoleError,
    UnknownRevisionError,
    UnsupportedServerError,
)


def in_one_line(command: click.Command) -> click.Command:
    """Make `command`, and each command in it, report failures in one line."""
    if command.callback is not None:
        command.callback = _telling(command.callback)
    if isinstance(command, click.Group):
        for each in command.commands.values():
            in_one_line(each)
    return command


def _telling(callback: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(callback)
    def run(*args: Any, **kwargs: Any) -> Any:
        with told():
            _require_unicode(kwargs)
            try:
                return callback(*args, **kwargs)
            finally:
                # Closed here, so that a full disk is reported: click would close them after the command.
                for file in kwargs.values():
                    if hasattr(file, "close_intelligently") or isinstance(file, TextIOBase):
                        file.close()

    return run


@contextmanager
def told() -> Iterator[None]:
    """Turn failures that operators can fix into a ClickException with one line."""
    try:
        yield
    except _EXPLAINED as error:
        raise click.ClickException(str(error)) from None
    except ServiceError as error:
        raise click.ClickException(f"{error.message.removesuffix('.')}.") from None
    except DBAPIError as error:
        raise click.ClickException(_of_database(error)) from None
    except SQLAlchemyError as error:
        # Such as an exhausted connection pool.
        raise click.ClickException(f"The database is unavailable: {_first_line(error)}") from None
    except OSError as error:
        raise click.ClickException(_of_system(error)) from None


def _of_database(error: DBAPIError) -> str:
    problem = _first_line(error.orig)
    if is_unavailable(error):
        return f"The database is unavailable: {problem}"
    if isinstance(error.orig, _NOT_MIGRATED):
        return f"The database schema is outdated, run flask db upgrade: {problem}"
    return f"The database reported an error: {problem}"


def _of_system(error: OSError) -> str:
    return f"{error.strerror or _first_line(error)}{f': {error.filename}' if error.filename else ''}"


def _first_line(error: BaseException | None) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _require_unicode(values: dict[str, Any]) -> None:
    """Raise UsageError for an option that is not printable text."""
    for name, value in values.items():
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str | Path) and not str(text).isprintable():
                raise click.UsageError(f"{name} must be printable text, not {str(text)!r}.")
