"""An import that is killed: what it left, and what running it again makes of that."""

import json
import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from subprocess import Popen
from typing import Any, NamedTuple

import pytest
from flask import Flask
from sqlalchemy import create_engine, text

import cli
from app.db.base import db
from bench import legacy_export
from bench.findings import Finding
from tests.conftest import Scale
from tests.processes import ROOT, finish, flask, until
from tests.prove.conftest import Record
from tests.prove.planting import Edit, Fault, copy_project, plant

SEED = 20_260_801
# Of the whole check and of the small cut.
ROWS = (12_000, 2_000)
CLIENT, PROJECT, BUDGET = "time_oltp:client", "time_oltp:project", "time_oltp:project_challenge_budget"
# What the command says when it begins a stage.
STAGES = ("Reading ", f"Merging {CLIENT}\n", f"Merging {PROJECT}\n", f"Merging {BUDGET}\n")
STAGING = {"BEGIN", "COPY", "CREATE", "DROP", "ANALYZE", "DELETE"}
KINDS = (CLIENT, PROJECT, BUDGET, "time_oltp:project_contest_fee_percentage", "time_oltp:client_project")
TABLES = ("budget_lines", "budgets", "billing_accounts", "clients")
UNKNOWN_CLIENT = "legacy-unknown-client"
BATCHES = 20
BATCH_KEPT = "A batch is kept\n"
COMMIT_PER_BATCH = Fault(
    "an import commits batch by batch",
    "prove/test_killed_import.py",
    (
        Edit(
            "app/billing_accounts/ledger/importing.py",
            "        _write(now)\n",
            f"""
        db.session.execute(text("CREATE TEMP TABLE all_changed_lines AS TABLE changed_lines"))
        for batch in range({BATCHES}):
            db.session.execute(text("DROP TABLE IF EXISTS changed_lines"))
            db.session.execute(text("CREATE TEMP TABLE changed_lines AS TABLE all_changed_lines"))
            db.session.execute(text(f"DELETE FROM changed_lines WHERE account_id % {BATCHES} <> {{batch}}"))
            _write(now)
            db.session.commit()
            print({BATCH_KEPT.strip()!r}, file=__import__("sys").stderr, flush=True)
""",
        ),
    ),
)


class Books(NamedTuple):
    """Who is billed, the amount, locked and consumed of each account, and the lines these are made of."""

    clients: set[str]
    budgets: dict[int, tuple[Decimal, Decimal, Decimal]]
    lines: dict[tuple[int, str], tuple[str, Decimal]]

    def sizes(self) -> dict[str, int]:
        return {name: len(part) for name, part in self._asdict().items()}


def number(value: Any) -> Decimal | None:
    """To four decimals; None for what is no number."""
    try:
        return Decimal(value or 0).quantize(Decimal("0.0001"), ROUND_HALF_UP)
    except InvalidOperation:
        return None


def is_id(value: Any) -> bool:
    return str(value).isdecimal() and 1 <= int(value) < 2**31


def in_file(path: Path) -> tuple[Books, Counter[tuple[str, str]]]:
    """What the file says, read in a way of its own, and the rows that cannot be loaded."""
    lists = json.loads(path.read_text(), parse_float=Decimal)
    refused: Counter[tuple[str, str]] = Counter()
    books = Books(set(), {}, {})
    for row in lists[CLIENT]:
        if row["client_id"] and row["name"]:
            books.clients.add(row["client_id"])
        else:
            refused[CLIENT, json.dumps(row)] += 1
    for row in lists[PROJECT]:
        amount = number(row["budget"])
        if is_id(row["project_id"]) and row["name"].strip() and amount is not None:
            books.budgets[int(row["project_id"])] = (amount, Decimal(0), Decimal(0))
        else:
            refused[PROJECT, json.dumps(row)] += 1
    found: dict[tuple[int, str], tuple[str, Decimal]] = {}
    for row in lists[BUDGET]:
        line = _line(row, books)
        if line is None:
            refused[BUDGET, json.dumps(row)] += 1
        else:
            found[int(row["project_id"]), row["challenge_id"]] = line
    for (account_id, challenge), (kind, amount) in found.items():
        if amount > 0:
            books.lines[account_id, challenge] = (kind, amount)
            budget, locked, consumed = books.budgets[account_id]
            held, spent = (amount, Decimal(0)) if kind == "locked" else (Decimal(0), amount)
            books.budgets[account_id] = (budget, locked + held, consumed + spent)
    return books, refused


def _line(row: Any, books: Books) -> tuple[str, Decimal] | None:
    """What a row reserves, 0 when nothing; None when it cannot be loaded. Consumed wins over locked."""
    if not isinstance(row, dict) or not is_id(row["project_id"]) or int(row["project_id"]) not in books.budgets:
        return None
    locked, consumed = number(row["locked_amount"]), number(row["consumed_amount"])
    if locked is None or consumed is None:
        return None
    return ("consumed", consumed) if consumed > 0 else ("locked", locked)


class Cutover:
    """An export, a database to load it into, and imports that are killed."""

    def __init__(self, app: Flask, export: Path) -> None:
        cli.register(app)
        self._app = app
        self._url = app.config["SETTINGS"].database_url
        self._export = export
        self._rejected = export.with_name("rejected.jsonl")
        self.expected, self._refused = in_file(export)

    def start(self, project: Path = ROOT) -> "Popen[str]":
        return flask(
            "import-legacy", str(self._export), cwd=project, DATABASE_URL=self._url, VAR_DIR=str(self._export.parent)
        )

    def seconds(self) -> list[float]:
        """How long each stage lasts when nothing happens."""
        process = self.start()
        begun = []
        for stage in STAGES:
            read_until(process, stage)
            begun.append(time.monotonic())
        assert finish(process)[0] == 0
        return [end - start for start, end in zip(begun, [*begun[1:], time.monotonic()], strict=True)]

    def kill(self, stage: str, seconds: float, project: Path = ROOT) -> str | None:
        """Kill an import so long after it began a stage; what it was doing then, or None when it had ended."""
        with self._others() as others:
            process = self.start(project)
            read_until(process, stage)
            # The moment is what the kill is about: there is nothing to wait for.
            time.sleep(seconds)
            if process.poll() is not None:
                finish(process)
                return None
            os.killpg(process.pid, signal.SIGSTOP)
            try:
                words = " ".join(others()).split()
            finally:
                os.killpg(process.pid, signal.SIGKILL)
            finish(process)
            until(lambda: others() == [], "the server to notice")
        if not words:
            return "reading"
        return "staging" if words[0] in STAGING else "merging"

    def left(self) -> list[str]:
        """What is there that is neither a whole kind nor nothing of it."""
        found, whole = self._books().sizes(), self.expected.sizes()
        return [f"{found[name]:,} of {whole[name]:,} {name}" for name in whole if found[name] not in {0, whole[name]}]

    def wrong_when_repeated(self) -> list[str]:
        """What is not as the file says after the import has run to its end, and once more."""
        wrong = []
        first = self._run("import-legacy", self._export, "--errors", self._rejected)
        if first.exit_code != 0 or self._books() != self.expected:
            wrong.append("the books are not those of the file")
        rejected = [json.loads(line) for line in self._rejected.read_text().splitlines()]
        if Counter((each["kind"], json.dumps(each["row"])) for each in rejected) != self._refused:
            wrong.append("other rows were rejected than are bad")
        if not all(each["reason"] for each in rejected):
            wrong.append("a row was rejected without a reason")
        before = self._versions()
        again = self._run("import-legacy", self._export)
        if again.exit_code != 0 or written(again.output) or self._versions() != before:
            wrong.append("a further run wrote something")
        if self._run("ledger", "verify").exit_code != 0:
            wrong.append("a total differs from its lines")
        return wrong

    def empty(self) -> None:
        with self._app.app_context(), db.engine.begin() as connection:
            # It refuses DELETE.
            connection.execute(text("TRUNCATE budget_movements"))
            for table in TABLES:
                connection.execute(text(f"DELETE FROM {table}"))

    def _run(self, *arguments: Any) -> Any:
        return self._app.test_cli_runner().invoke(args=[str(argument) for argument in arguments])

    def _rows(self, statement: str) -> Any:
        with self._app.app_context(), db.engine.connect() as connection:
            return connection.execute(text(statement)).all()

    def _books(self) -> Books:
        budgets = self._rows("SELECT billing_account_id, amount, locked, consumed FROM budgets")
        lines = self._rows("SELECT billing_account_id, external_id, kind, amount FROM budget_lines")
        return Books(
            {row.id for row in self._rows("SELECT id FROM clients")} - {UNKNOWN_CLIENT},
            {account_id: (amount, locked, consumed) for account_id, amount, locked, consumed in budgets},
            {(account_id, challenge): (kind, amount) for account_id, challenge, kind, amount in lines},
        )

    def _versions(self) -> list[Any]:
        return [self._rows(f"SELECT xmin::text, ctid::text FROM {table} ORDER BY ctid") for table in TABLES]

    @contextmanager
    def _others(self) -> Iterator[Callable[[], list[str]]]:
        """Tells the last statements of those who connect to the database from here on."""
        sessions = "SELECT pid, query FROM pg_stat_activity WHERE datname = current_database()"
        engine = create_engine(self._url, isolation_level="AUTOCOMMIT")
        with engine.connect() as watcher:
            known = {row.pid for row in watcher.execute(text(sessions))}
            yield lambda: [row.query for row in watcher.execute(text(sessions)) if row.pid not in known]
        engine.dispose()


def read_until(process: "Popen[str]", stage: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(stage):
            return
    pytest.fail(f"The import ended before it said {stage!r}")


def written(output: str) -> int:
    """How many rows the report says were created or updated."""
    rows = re.findall(r"time_oltp:\w+ *│ *[\d,]+ *│ *([\d,]+) *│ *([\d,]+) *│ *[\d,]+ *│", output)
    assert len(rows) == len(KINDS), output
    return sum(int(cell.replace(",", "")) for row in rows for cell in row)


@pytest.fixture
def cutover(app: Flask, tmp_path: Path, scale: Scale) -> Cutover:
    export = tmp_path / "export.json"
    legacy_export.write(export, rows=scale(*ROWS), seed=SEED)
    return Cutover(app, export)


def test_killed_imports_are_finished_by_the_next(
    cutover: Cutover, tmp_path: Path, scale: Scale, record: Record
) -> None:
    chance = random.Random(SEED)
    wanted = scale(20, 2)
    seconds = cutover.seconds()
    cutover.empty()
    hits: Counter[str] = Counter()
    wrong = []
    while hits.total() < wanted:
        # The last stages first, for the small cut: reading leaves nothing.
        stage = -1 - hits.total() % len(STAGES)
        # The beginning of a stage more often than its end: there it stages, which is soon done.
        doing = cutover.kill(STAGES[stage], chance.random() ** 2 * seconds[stage])
        if doing is not None:
            hits[doing] += 1
            problems = [*cutover.left(), *cutover.wrong_when_repeated()]
            wrong += [f"{doing}: {problem}" for problem in problems]
        cutover.empty()
    record(
        Finding(
            check="imports killed, then run again",
            done=f"{wanted} kills of an import of {scale(*ROWS):,} rows",
            wrong=len(wrong),
            control=f"committing batch by batch: {half_applied(cutover, tmp_path)} left by a kill",
            seed=SEED,
            also="; ".join([", ".join(f"{hits[name]} while {name}" for name in sorted(hits)), *wrong]),
        )
    )


def half_applied(cutover: Cutover, tmp_path: Path) -> str:
    """What the check reports of a kill when an import commits batch by batch."""
    project = copy_project(tmp_path / "batches")
    plant(COMMIT_PER_BATCH, project)
    assert cutover.kill(BATCH_KEPT, 0, project) is not None
    (half,) = cutover.left()
    return half
