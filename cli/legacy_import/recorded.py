"""Keeps the report of each run of an import in the database, also of one that fails."""

import getpass
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from sqlalchemy.exc import SQLAlchemyError

from app import origin
from app.imports import runs
from cli.legacy_import.report import Report


@contextmanager
def recorded(report: Report, files: Sequence[Path], *, dry_run: bool) -> Iterator[None]:
    """Store the run of the block with the figures of `report`: it failed if the block raises, or the report says so."""
    described = [{"name": path.name, "size": path.stat().st_size} for path in files]
    run_id = runs.begin(origin.current().action, _operator(), described, dry_run=dry_run)
    try:
        yield
    except BaseException as failure:
        try:
            runs.end(run_id, report.figures(), _described(failure))
        except SQLAlchemyError:
            # What ended the run is what the caller is told, such as that the database is gone.
            click.echo("The report of this run could not be stored.", err=True)
        raise
    runs.end(run_id, report.figures(), report.failure())


def _described(failure: BaseException) -> str:
    """Why a run ended, without the values of statements."""
    if isinstance(failure, click.ClickException):
        return failure.message
    if isinstance(failure, KeyboardInterrupt):
        return "Interrupted"
    return f"{type(failure).__name__}: {str(failure).partition(chr(10))[0]}"


def _operator() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # In a container the account may have no name.
        return f"uid {os.getuid()}"
