"""`flask audit`: verification of the audit trail, its heads to keep elsewhere, and erasure of personal data."""

import hashlib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import click
from flask.cli import AppGroup

from app.audit import chains, erasure
from app.audit.chains import Finding, Head
from app.billing_accounts.ledger import journal as budgets
from app.credits.ledger import journal as credits
from app.db import job_runs
from app.db.transaction import transaction
from cli.database import with_database

CHAINS = (budgets.CHAIN, credits.CHAIN, chains.ENTRIES)
_BY_KIND = {each.kind: each for each in CHAINS}

audit = AppGroup("audit", help="Verify the audit trail.", epilog="Example: flask audit verify")


@audit.command(epilog="Example: flask audit verify --anchor heads.txt")
@click.option(
    "--anchor",
    type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path),
    help="File with earlier output of `flask audit anchor`, whose heads must still be in their chains.",
)
@with_database
def verify(anchor: Path | None) -> None:
    """Recompute every chain; list the first row of each that was tampered with, and exit with 1 if there are any."""
    with job_runs.noted("audit verify"):
        _verify(anchor)
    click.echo("Every chain is as it was written.")


def _verify(anchor: Path | None) -> None:
    """Raises ClickException if anything was tampered with."""
    found = 0
    with transaction():
        chains.read_one_snapshot()
        for finding in _findings(anchor):
            click.echo(f"{finding.chain}: {finding.position} {finding.problem}")
            found += 1
        for reference in chains.changed_personal_data():
            click.echo(f"personal data {reference}: was changed")
            found += 1
        for chain in CHAINS:
            number, rows = chain.size()
            click.echo(f"{chain.kind}: {rows:,} rows in {number:,} chains.")
    if found:
        raise click.ClickException(f"{found} chains or values are not as they were written.")


@audit.command(epilog="Example: flask audit anchor > heads-2026-11-26.txt")
@with_database
def anchor() -> None:
    """Print the head of every chain, to keep where no one who can write to the database can."""
    total = hashlib.sha256()
    count = 0
    with transaction():
        chains.read_one_snapshot()
        for chain in CHAINS:
            for head in chain.heads():
                line = "\t".join((head.kind, str(head.position), head.hash, head.parent))
                total.update(f"{line}\n".encode())
                count += 1
                click.echo(line)
    click.echo(f"# {count} chains, sha256 {total.hexdigest()}")


@audit.command(epilog="Example: flask audit erase 40051399")
@click.argument("subject")
@with_database
def erase(subject: str) -> None:
    """Erase a person from the audit trail: SUBJECT is a user id, a handle or another value, exactly as it stands there.

    Entries stay, without the value; the chains stay sound.
    """
    with transaction():
        erased = erasure.erase(subject)
    click.echo(f"{erased:,} references erased.")


def _findings(anchor: Path | None) -> Iterator[Finding]:
    for chain in CHAINS:
        yield from chain.broken()
    if anchor is not None:
        with anchor.open(encoding="utf-8") as lines:
            for kind, heads in groupby(_heads(lines, anchor), key=lambda head: head.kind):
                yield from _BY_KIND[kind].differing(heads)


def _heads(lines: Iterator[str], anchor: Path) -> Iterator[Head]:
    """The heads in a file. Raises ClickException for a line that is none."""
    for number, line in enumerate(lines, 1):
        if line.startswith("#"):
            continue
        kind, *rest = line.rstrip("\n").split("\t", 3)
        if kind not in _BY_KIND or len(rest) != len(("position", "hash", "parent")) or not rest[0].isdecimal():
            raise click.ClickException(f"{anchor}, line {number}: is no head of a chain.")
        yield Head(kind, rest[2], int(rest[0]), rest[1])
