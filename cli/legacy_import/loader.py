"""Moves rows from files to the database: spooled to disk by kind, then merged, one transaction per kind."""

import csv
import io
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import click

from app.audit.models import ObjectType
from app.audit.recording import record
from app.db.staging import join_whole_tables, one_import_at_a_time
from app.db.transaction import rehearsal, transaction
from cli.legacy_import import readers
from cli.legacy_import.mapping import RowKind, SupersededRowError
from cli.legacy_import.report import FileProgress, Report, printable
from cli.legacy_import.values import RejectedRowError

ROWS_AT_ONCE = 1000


class Originals:
    """The original texts of rows, on disk, by the number of the row from 1."""

    def __init__(self, texts: IO[bytes], starts: IO[bytes]) -> None:
        self._texts = texts
        # Where each begins, in integers of eight bytes.
        self._starts = starts
        self._length = 0

    def add(self, raws: Iterable[str]) -> None:
        """Append texts."""
        starts = array("q")
        for raw in raws:
            starts.append(self._length)
            self._length += self._texts.write(raw.encode("utf-8", "surrogateescape"))
        starts.tofile(self._starts)

    def text(self, number: int) -> str:
        """The text of a row, once all have been added."""
        self._starts.seek(8 * (number - 1))
        place = array("q", self._starts.read(16))
        end = place[1] if len(place) > 1 else self._length
        self._texts.seek(place[0])
        return self._texts.read(end - place[0]).decode("utf-8", "surrogateescape")


class Spool:
    """The rows of one kind, as CSV on disk, so that memory does not grow with their number."""

    def __init__(self, file: IO[bytes], originals: Originals | None) -> None:
        self._file = file
        self._originals = originals
        self._waiting: list[tuple[Any, ...]] = []
        self._raws: list[str] = []
        self.count = 0

    def put(self, values: tuple[Any, ...], raw: str) -> None:
        """Add a row; its original text is kept if the merge may still reject it."""
        self._waiting.append(values)
        if self._originals is not None:
            self._raws.append(raw)
        self.count += 1
        if len(self._waiting) >= ROWS_AT_ONCE:
            self._write()

    def original(self, number: int) -> str:
        """The original text of a row, by its number from 1. Raises RuntimeError for a kind whose texts are not kept."""
        if self._originals is None:
            raise RuntimeError("The texts of these rows are not kept")
        return self._originals.text(number)

    def lines(self) -> IO[bytes]:
        """All rows, from the first."""
        self._write()
        self._file.seek(0)
        return self._file

    def _write(self) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(self._waiting)
        self._file.write(text.getvalue().encode())
        if self._originals is not None:
            self._originals.add(self._raws)
            self._raws.clear()
        self._waiting.clear()


@contextmanager
def spool(*, with_originals: bool = False) -> Iterator[Spool]:
    """A spool that is deleted after the block."""
    with TemporaryFile() as file, TemporaryFile() as texts, TemporaryFile() as starts:
        yield Spool(file, Originals(texts, starts) if with_originals else None)


class _Intake:
    """The destination of the rows of one kind."""

    def __init__(self, kind: RowKind, rows: Spool, report: Report) -> None:
        self._kind = kind
        self._rows = rows
        self._report = report
        self._counts = report.counts[kind.key]
        self._note = partial(report.note, kind.key)

    def take(self, raw: str, row: Any) -> None:
        """Spool the row, or report why it is rejected."""
        self._counts.read += 1
        if not isinstance(row, dict):
            self._report.reject(self._kind.key, raw, "not an object")
            return
        if not self._kind.fields.issuperset(row):
            for name in row.keys() - self._kind.fields:
                self._note(f"unknown field {name[:64]!r}, ignored")
        amount = None
        try:
            values = self._kind.convert(row, self._note)
        except RejectedRowError as error:
            amount = self._kind.amount_of_rejected and self._kind.amount_of_rejected(row)
            self._report.reject(self._kind.key, raw, str(error), amount)
        except SupersededRowError as reason:
            self._counts.repeated += 1
            self._note(str(reason))
        else:
            self._rows.put(values, raw)
            amount = self._kind.amount and self._kind.amount(values)
        if amount is not None:
            self._report.read_amount(self._kind.key, amount)


def read_files(paths: Iterable[Path], spools: Mapping[RowKind, Spool], report: Report, progress: FileProgress) -> None:
    """Read every file into the spools of its kinds, and report rejected rows and broken files."""
    intakes = {kind.key: _Intake(kind, rows, report) for kind, rows in spools.items()}
    for path in paths:
        with progress.file(path):
            try:
                for key, raw, row in readers.rows(path, progress.at):
                    intake = intakes.get(key)
                    if intake is None:
                        report.note(printable(key), "unknown list, ignored")
                    else:
                        intake.take(raw, row)
            except readers.BrokenFileError as error:
                report.broken.append(f"{path} is {error}; all rows before were loaded")


def merge(steps: Mapping[RowKind, Callable[[], None]], report: Report, *, dry_run: bool) -> None:
    """Run the merge of each kind in its own transaction, with an entry of the audit trail where it changed something.

    With `dry_run`, all in one transaction that is rolled back.
    """
    if dry_run:
        with rehearsal():
            join_whole_tables()
            for step in steps.values():
                step()
        return
    for kind, step in steps.items():
        click.echo(f"Merging {kind.key}", err=True)
        with transaction():
            one_import_at_a_time()
            join_whole_tables()
            step()
            merged = report.counts[kind.key].merged
            if merged.created or merged.updated:
                record(ObjectType.RUN, kind.key, after={"created": merged.created, "updated": merged.updated})
