"""The report of an import: progress, rejected rows with reasons, and tables at the end."""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from app.db.staging import Merged
from app.money import ZERO, plain
from cli.legacy_import.mapping import Amount
from cli.legacy_import.rejected import as_line

# Notes are counted by their text; a file with a different note for every row must not exhaust memory.
MAX_NOTES = 100
# Reasons and notes of a run that are stored, of each.
MAX_STORED = 100
PLAIN_PROGRESS_SECONDS = 5
# Width without a terminal: wide enough for all numbers.
REPORT_COLUMNS = 200
NOTHING = Merged(0, 0, 0)
MAX_KEY_CHARACTERS = 64


def printable(text: str) -> str:
    """Text of a file, safe to print on a terminal."""
    shown = text[:MAX_KEY_CHARACTERS]
    return shown if shown.isprintable() else ascii(shown)[1:-1]


@dataclass
class Total:
    """Amounts of one kind by outcome; every amount read has one of the other outcomes."""

    read: Decimal = ZERO
    loaded: Decimal = ZERO
    kept: Decimal = ZERO
    repeated: Decimal = ZERO
    rejected: Decimal = ZERO

    @property
    def difference(self) -> Decimal:
        """The amount that is unaccounted for."""
        return self.read - self.loaded - self.kept - self.repeated - self.rejected


@dataclass
class KindCounts:
    """The numbers of rows of one kind, by outcome."""

    read: int = 0
    rejected: int = 0
    repeated: int = 0
    merged: Merged = NOTHING


@dataclass
class Report:
    """Collects the figures of an import; one JSON line per rejected row is written to `errors`."""

    keys: tuple[str, ...]
    errors: IO[str] | None
    counts: dict[str, KindCounts] = field(init=False)
    reasons: Counter[tuple[str, str]] = field(init=False, default_factory=Counter)
    notes: Counter[tuple[str, str]] = field(init=False, default_factory=Counter)
    broken: list[str] = field(init=False, default_factory=list)
    # By kind, and by name of the amount.
    totals: dict[tuple[str, str], Total] = field(init=False, default_factory=dict)
    remarks: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.counts = {key: KindCounts() for key in self.keys}

    def reject(self, key: str, raw: str, reason: str, amount: Amount | None = None) -> None:
        """Count a rejected row with its amounts, and write its original form."""
        self.counts[key].rejected += 1
        self.reasons[key, reason] += 1
        if amount is not None:
            self.total(key, amount[0]).rejected += amount[1]
        if self.errors is not None:
            self.errors.write(as_line(key, reason, raw))

    def read_amount(self, key: str, amount: Amount) -> None:
        """Add the amounts of a row to those read."""
        self.total(key, amount[0]).read += amount[1]

    def total(self, key: str, name: str) -> Total:
        """The amounts `name` of a kind."""
        found = self.totals.get((key, name))
        if found is None:
            found = self.totals[key, name] = Total()
        return found

    def note(self, key: str, note: str) -> None:
        """Count something that was dropped or ignored."""
        if (key, note) in self.notes or len(self.notes) < MAX_NOTES:
            self.notes[key, note] += 1

    def show(self) -> None:
        """Print the report."""
        table = Table("kind", *("read", "created", "updated", "unchanged", "kept", "repeated", "rejected"))
        for key, count in self.counts.items():
            table.add_row(key, *(f"{number:,}" for number in _outcomes(count)))
        _print(table)
        for (key, reason), times in self.reasons.most_common():
            click.echo(f"{key}: {times:,} rejected: {reason}")
        for (key, note), times in self.notes.most_common():
            click.echo(f"{key}: {times:,} times {note}")
        for remark in self.remarks:
            click.echo(remark)
        self._show_totals()

    def _show_totals(self) -> None:
        names = [each.name for each in fields(Total)]
        table = Table("money", *names, "difference")
        for (key, name), total in sorted(self.totals.items()):
            amounts = [getattr(total, each) for each in (*names, "difference")]
            table.add_row(f"{key} {name}", *(plain(amount) for amount in amounts))
        if self.totals:
            _print(table)

    def figures(self) -> dict[str, Any]:
        """The figures as they are stored, amounts as text."""
        names = ("read", "created", "updated", "unchanged", "kept", "repeated", "rejected")
        amounts = (*(each.name for each in fields(Total)), "difference")
        return {
            "kinds": [
                {"kind": key, **dict(zip(names, _outcomes(count), strict=True))} for key, count in self.counts.items()
            ],
            "totals": [
                {"kind": key, "name": name, **{each: plain(getattr(total, each)) for each in amounts}}
                for (key, name), total in sorted(self.totals.items())
            ],
            "rejections": _most_common(self.reasons),
            "notes": _most_common(self.notes),
        }

    def failure(self) -> str | None:
        """Why the import failed, or None if it succeeded."""
        if self.broken:
            return "; ".join(self.broken)
        wrong = [
            f"{key} {name} by {plain(total.difference)}"
            for (key, name), total in self.totals.items()
            if total.difference
        ]
        if wrong:
            return f"Amounts are unaccounted for: {', '.join(wrong)}"
        if not any(count.read for count in self.counts.values()):
            return f"The files contain none of {', '.join(self.keys)}"
        refused = [key for key, count in self.counts.items() if count.read and count.read == count.rejected]
        return f"Every row was rejected of {', '.join(refused)}" if refused else None


class FileProgress:
    """Progress of reading the files: a bar on a terminal, otherwise a line every few seconds."""

    def __init__(self, bar: Progress | None) -> None:
        self._bar = bar

    @contextmanager
    def file(self, path: Path) -> Iterator["FileProgress"]:
        """Show the progress of one file inside the block."""
        self._size, self._name, self._said_at = path.stat().st_size, path.name, time.monotonic()
        if self._bar is None:
            click.echo(f"Reading {path} ({self._size:,} bytes)", err=True)
        else:
            self._task = self._bar.add_task(path.name, total=self._size)
        yield self

    def at(self, byte: int) -> None:
        """Report that the file was read up to `byte`."""
        if self._bar is not None:
            self._bar.update(self._task, completed=byte)
        elif time.monotonic() - self._said_at > PLAIN_PROGRESS_SECONDS:
            self._said_at = time.monotonic()
            click.echo(f"Reading {self._name}: {100 * byte // max(self._size, 1)} %", err=True)


@contextmanager
def file_progress() -> Iterator[FileProgress]:
    """Show the progress of reading inside the block, on standard error."""
    if not sys.stderr.isatty():
        yield FileProgress(None)
        return
    columns = (TextColumn("Reading {task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        yield FileProgress(bar)


def _outcomes(count: KindCounts) -> tuple[int, ...]:
    return (count.read, *count.merged, count.repeated, count.rejected)


def _most_common(said: Counter[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"kind": key, "text": text, "count": times} for (key, text), times in said.most_common(MAX_STORED)]


def _print(table: Table) -> None:
    for column in table.columns[1:]:
        column.justify = "right"
    Console(width=None if sys.stdout.isatty() else REPORT_COLUMNS).print(table)
