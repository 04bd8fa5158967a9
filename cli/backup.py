"""`flask backup` and `flask restore`: backups of the whole database in one file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from flask import current_app
from sqlalchemy import Connection, text

from app.config import Settings
from app.db.base import db
from app.db.server import roles
from app.db.server.revision import revisions
from app.db.server.version import major_version
from cli import dump
from cli.database import with_database


@click.command(epilog="Example: flask backup billing-2026-01-31.dump")
@click.argument("file", type=click.Path(path_type=Path))
@with_database
def backup(file: Path) -> None:
    """Back up all data to the new FILE, which only its owner can read. The service may run."""
    settings = _settings()
    with _as_owner() as connection:
        server = major_version(connection)
    dump.write(_owner_url(settings), file, server=server, embedded_server=settings.embedded_dir is not None)
    click.echo(f"{file}: {file.stat().st_size:,} bytes.")


@click.command(epilog="Example: flask restore billing-2026-01-31.dump")
@click.argument("file", type=click.Path(path_type=Path))
@with_database
def restore(file: Path) -> None:
    """Restore the backup FILE into an empty database, in one transaction.

    Then run `flask ledger verify` and `flask audit verify`.
    """
    settings = _settings()
    with _as_owner() as connection:
        server = major_version(connection)
        dump.require_empty(connection)
    known = revisions(current_app.extensions["migrate"].directory)
    embedded_server = settings.embedded_dir is not None
    revision = dump.revision(file, server=server, embedded_server=embedded_server)
    if revision not in known:
        raise click.ClickException(
            f"{file} was made by another version: its revision {revision} is unknown to this version."
        )
    dump.read(_owner_url(settings), file, server=server, embedded_server=embedded_server)
    _make_usable(settings)
    click.echo(f"Restored {file}.")
    if revision != known[0]:
        click.echo(f"The database is at revision {revision}, this version requires {known[0]}: run `flask db upgrade`.")


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings


def _owner_url(settings: Settings) -> str:
    return settings.database_owner_url or settings.database_url


@contextmanager
def _as_owner() -> Iterator[Connection]:
    with roles.owner_engine(db.engine, _settings().database_owner_url) as engine, engine.begin() as connection:
        yield connection


def _make_usable(settings: Settings) -> None:
    """Grant the service's role its privileges, and collect statistics for the planner."""
    grants = roles.grants(settings.database_url, settings.database_owner_url)
    with _as_owner() as connection:
        if grants is not None:
            connection.execution_options(no_parameters=True).exec_driver_sql(grants)
        connection.execute(text("ANALYZE"))
