"""Runs of imports: begun before the files are read, so that one that is killed can be seen, and ended with figures."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, insert, update

from app.clock import utc_now
from app.db.base import db
from app.db.paging import Page
from app.db.transaction import transaction
from app.errors import NotFound
from app.imports import queries
from app.imports.models import MAX_FAILURE, ImportOutcome, ImportRun

_NO_FIGURES: Mapping[str, Any] = {"kinds": [], "totals": [], "rejections": [], "notes": []}


def begin(command: str, started_by: str, files: Sequence[Mapping[str, Any]], *, dry_run: bool) -> int:
    """Store that a run has begun, in a transaction of its own; its id."""
    values = {
        "command": command,
        "started_by": started_by,
        "started_at": utc_now(),
        "dry_run": dry_run,
        "outcome": ImportOutcome.RUNNING,
        "files": list(files),
        **_NO_FIGURES,
    }
    with transaction():
        return int(db.session.execute(insert(ImportRun).values(values).returning(ImportRun.id)).scalar_one())


def end(run_id: int, figures: Mapping[str, Any], failure: str | None) -> None:
    """Store the figures of a run and how it ended, in a transaction of its own."""
    values = {
        **figures,
        "outcome": ImportOutcome.SUCCEEDED if failure is None else ImportOutcome.FAILED,
        "failure": failure and failure[:MAX_FAILURE],
        "finished_at": utc_now(),
    }
    with transaction():
        db.session.execute(update(ImportRun).where(ImportRun.id == run_id).values(values))


def search(arguments: Mapping[str, Any]) -> Page:
    """One page of the runs that match, newest first."""
    return queries.LIST.page(arguments).shown(_shown)


def get(run_id: int) -> dict[str, Any]:
    """A run. Raises NotFound."""
    run = db.session.execute(queries.ONE, {"run_id": run_id}).one_or_none()
    if run is None:
        raise NotFound(f"Import {run_id} was not found")
    return _shown(run)


def _shown(run: Row[Any]) -> dict[str, Any]:
    """A run with its amounts as numbers: JSON of the database would be read as inexact ones."""
    totals = [{name: _number(name, value) for name, value in total.items()} for total in run.totals]
    return {**run._asdict(), "totals": totals}


def _number(name: str, value: str) -> str | Decimal:
    return value if name in {"kind", "name"} else Decimal(value)
