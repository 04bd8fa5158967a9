"""Writes docs/performance.md."""

import argparse
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.config import ROOT
from app.db.server import embedded
from bench.load import Measured

TARGET = ROOT / "docs" / "performance.md"
YARDSTICK = "bare Flask answer"
_PACKAGES = ("flask", "sqlalchemy", "psycopg2-binary", "gunicorn", "orjson")
_START = "<!-- figures -->"


@dataclass(frozen=True)
class Row:
    """One thing measured: a rate, or seconds."""

    name: str
    measured: Measured | None = None
    seconds: float | None = None

    def __str__(self) -> str:
        return f"{self.name}: {self.measured or f'{self.seconds:.2f} s'}"


def write(rows: Sequence[Row], split: Mapping[str, Mapping[str, float]], options: argparse.Namespace) -> None:
    """Put the figures at the end of the page, below the text that is written by hand."""
    words = TARGET.read_text().split(_START)[0]
    parts = ["", *_circumstances(options), "", *_rates(rows), "", *_seconds(rows), "", *_split(split), ""]
    TARGET.write_text(f"{words}{_START}\n" + "\n".join(parts))


def _circumstances(options: argparse.Namespace) -> Iterator[str]:
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    postgres = subprocess.run(
        [str(embedded.program_path("postgres")), "--version"], check=True, capture_output=True, text=True
    )
    # Beside others rates are those of what they leave: more than the four or so of wrk, workers and PostgreSQL.
    yield f"Load of the machine over the last quarter of an hour: {os.getloadavg()[2]:.1f}."
    yield f"`make bench`: {options.workers} workers of 4 threads, wrk -t2 -c16, median of {options.rounds} runs of"
    yield f"{options.seconds} s; {options.accounts:,} accounts. {machine()}; Python {platform.python_version()},"
    yield f"{postgres.stdout.strip().replace('postgres (PostgreSQL)', 'PostgreSQL')}, {versions}."


def machine() -> str:
    """How many cores of which kind this runs on."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{os.cpu_count()} cores, {models[0].split(':')[1].strip() if models else platform.machine()}"


def _rates(rows: Sequence[Row]) -> Iterator[str]:
    yardstick = next(row.measured for row in rows if row.name == YARDSTICK and row.measured)
    yield "| | per second | share of a bare answer | p99 ms | µs of the service | µs of PostgreSQL |"
    yield "|---|---:|---:|---:|---:|---:|"
    for row in rows:
        if row.measured is not None:
            measured = row.measured
            others = [f"{each:,.0f}" if each else "" for each in (measured.p99, measured.service, measured.database)]
            share = measured.rps / yardstick.rps
            yield f"| {row.name} | {measured.rps:,.0f} | {share:.0%} | {' | '.join(others)} |"


def _seconds(rows: Sequence[Row]) -> Iterator[str]:
    yield "| | seconds |"
    yield "|---|---:|"
    for row in rows:
        if row.seconds is not None:
            yield f"| {row.name} | {row.seconds:.2f} |"


def _split(split: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    names = list(split)
    yield f"| share of the time in | {' | '.join(names)} |"
    yield f"|---|{'---:|' * len(names)}"
    for part in next(iter(split.values())):
        yield f"| {part} | {' | '.join(f'{split[name][part]:.0%}' for name in names)} |"
