"""`flask import-legacy` and `flask import-access`."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import click
from flask import current_app

from app.billing_accounts import grant_importing
from app.clients import importing as client_importing
from app.clients import service as clients
from app.config import Settings
from app.errors import Invalid
from cli.database import with_database
from cli.legacy_import import members
from cli.legacy_import.accounts import merge_accounts, merge_lines
from cli.legacy_import.loader import Spool, merge, read_files, spool
from cli.legacy_import.mapping import (
    ACCOUNT,
    CHALLENGE_BUDGET,
    CLIENT,
    CLIENT_LINK,
    CONTEST_FEE,
    PROJECT_MANAGER,
    USER_ACCOUNT,
)
from cli.legacy_import.recorded import recorded
from cli.legacy_import.report import Report, file_progress

_LEGACY_KINDS = (CLIENT, ACCOUNT, CONTEST_FEE, CLIENT_LINK, CHALLENGE_BUDGET)
# Kinds whose rows the merge may still reject.
_STILL_REJECTED = {CONTEST_FEE, CLIENT_LINK, CHALLENGE_BUDGET}

_FILES = click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
)
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Report what would happen and change nothing.")
_ERRORS = click.option(
    "--errors",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for rejected rows, one JSON line each; an existing file is replaced.",
)


@click.command(epilog="Example: flask import-legacy export-*.json --errors rejected.jsonl")
@_FILES
@click.option("--default-client-id", help="The client of accounts without a client, or with an unknown one.")
@_DRY_RUN
@_ERRORS
@with_database
def import_legacy(
    files: tuple[Path, ...], default_client_id: str | None, *, dry_run: bool, errors: Path | None
) -> None:
    """Import clients, billing accounts and challenge budgets from exports. Repeating it changes nothing."""
    with ExitStack() as stack:
        report = Report(tuple(kind.key for kind in _LEGACY_KINDS), stack.enter_context(_opened(errors, files)))
        stack.enter_context(recorded(report, files, dry_run=dry_run))
        spools = {kind: stack.enter_context(spool(with_originals=kind in _STILL_REJECTED)) for kind in _LEGACY_KINDS}
        with file_progress() as progress:
            read_files(files, spools, report, progress)
        steps = {
            CLIENT: lambda: _merge_clients(spools[CLIENT], report, default_client_id),
            ACCOUNT: lambda: merge_accounts(spools, report, default_client_id),
            CHALLENGE_BUDGET: lambda: merge_lines(spools[CHALLENGE_BUDGET], report),
        }
        merge(steps, report, dry_run=dry_run)
    _finish(report, dry_run=dry_run)


@click.command(epilog="Example: MEMBER_DB_URL=postgresql://reader@members/members flask import-access access.json")
@_FILES
@_DRY_RUN
@_ERRORS
@with_database
def import_access(files: tuple[Path, ...], *, dry_run: bool, errors: Path | None) -> None:
    """Import access grants of managers from exports; user ids are looked up in the database at MEMBER_DB_URL."""
    settings: Settings = current_app.config["SETTINGS"]
    if settings.member_db_url is None:
        raise click.ClickException(
            "MEMBER_DB_URL is not set; it is required to look up handles in the Members database."
        )
    url = settings.member_db_url
    with ExitStack() as stack:
        report = Report((USER_ACCOUNT.key, PROJECT_MANAGER.key), stack.enter_context(_opened(errors, files)))
        stack.enter_context(recorded(report, files, dry_run=dry_run))
        users, managers = stack.enter_context(spool()), stack.enter_context(spool(with_originals=True))
        with file_progress() as progress:
            read_files(files, {USER_ACCOUNT: users, PROJECT_MANAGER: managers}, report, progress)
        merge({PROJECT_MANAGER: lambda: _merge_grants(users, managers, report, url)}, report, dry_run=dry_run)
    _finish(report, dry_run=dry_run)


def _merge_clients(rows: Spool, report: Report, default_client_id: str | None) -> None:
    counts = report.counts[CLIENT.key]
    counts.merged = client_importing.merge(rows.lines())
    counts.repeated += rows.count - sum(counts.merged)
    if default_client_id is not None:
        try:
            clients.require(default_client_id)
        except Invalid as error:
            raise click.ClickException(error.message) from None


def _merge_grants(users: Spool, managers: Spool, report: Report, url: str) -> None:
    grant_importing.stage_users(users.lines())
    staged = grant_importing.stage_managers(managers.lines())
    with spool() as found:
        for member in members.find(url, grant_importing.handles()):
            found.put(member, "")
        grant_importing.stage_members(found.lines())
    counts = report.counts[PROJECT_MANAGER.key]
    counts.repeated += managers.count - staged
    for row in grant_importing.unresolved():
        report.reject(PROJECT_MANAGER.key, managers.original(row.position), row.reason)
    counts.merged = grant_importing.merge_grants()


def _finish(report: Report, *, dry_run: bool) -> None:
    """Print the report. Raises ClickException if the import failed."""
    report.show()
    if dry_run:
        click.echo("Dry run: nothing was changed.")
    failure = report.failure()
    if failure is not None:
        raise click.ClickException(failure)


@contextmanager
def _opened(path: Path | None, files: Iterable[Path]) -> Iterator[IO[str] | None]:
    """The file for rejected rows, emptied once it is known to be none of those that are read."""
    if path is None:
        yield None
        return
    if path.exists() and any(path.samefile(each) for each in files):
        raise click.BadParameter(f"{path} is one of the files to load and would be overwritten.", param_hint="--errors")
    try:
        file = path.open("w", encoding="utf-8")
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}", param_hint="--errors") from None
    with file:
        yield file
