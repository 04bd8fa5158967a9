"""Workers, the master and the database are killed under load: what was acknowledged stays, and once."""

import os
import random
import signal
import socket
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest
from sqlalchemy import make_url

from app.config import Settings
from app.db.server import embedded
from bench.findings import Finding
from tests.conftest import Scale
from tests.processes import Service, command, finish, interrupt, until
from tests.prove.conftest import Record
from tests.prove.writers import ROWS, Row, Writer, compare, open_books

SEED = 20
WRITERS = 4
WORKERS = 2
# The longest a request may take, whatever is broken, on a slow machine.
ANSWER_SECONDS = 15


class Crashing:
    """A service under load on a durable database, and the ways to break it."""

    def __init__(self, var_dir: Path) -> None:
        self.var_dir = var_dir
        self.service = Service(var_dir, WEB_CONCURRENCY=str(WORKERS))
        self.chance = random.Random(SEED)
        self.recoveries: dict[str, list[float]] = defaultdict(list)
        # Answers that nobody should ever get, and requests that an absent database left without one.
        self.strange = 0
        self.kinds = (self.worker, self.master, self.database, self.worker)
        self.writers: list[Writer] = []
        self._books = open_books(self.service, Settings.load({"VAR_DIR": str(var_dir)}))

    def under_load(self, crashes: list[Callable[[], tuple[float, float]]]) -> None:
        """Let writers write and make each crash at some moment; wait each time until all are served again.

        A crash says when it struck and since when the service could be back.
        """
        self.writers = [Writer(self._books, f"{self.chance.random()}") for _ in range(WRITERS)]
        for writer in self.writers:
            writer.start()
        for crash in crashes:
            enough = self._acknowledged() + self.chance.randrange(5, 60)
            until(lambda: self._acknowledged() >= enough, "the load")  # noqa: B023 - it is called here
            seen = [len(writer.answers) for writer in self.writers]
            struck, back = crash()
            served = partial(self._served_after, back)
            until(lambda: len(served()) == len(self.writers), "all to be served again")  # noqa: B023
            self.recoveries[crash.__name__].append(max(served()) - struck)
            for writer, start in zip(self.writers, seen, strict=True):
                self._judge(crash.__name__, writer, start)
        for writer in self.writers:
            writer.end()

    def _served_after(self, moment: float) -> list[float]:
        """When the writers were first served after that moment, of those who were."""
        found = [writer.served_after(moment) for writer in self.writers]
        return [served for served in found if served is not None]

    def _acknowledged(self) -> int:
        return sum(write.acknowledged for writer in self.writers for write in writer.writes)

    def _judge(self, name: str, writer: Writer, start: int) -> None:
        for answer in writer.answers[start:]:
            broken = answer.status is None and name != "database"
            slow = answer.seconds > ANSWER_SECONDS
            self.strange += slow or not (answer.good or answer.says_to_try_again or broken)

    def worker(self) -> tuple[float, float]:
        """Kill a worker."""
        master = psutil.Process(self.service.process.pid)
        killed = self.chance.choice(master.children())
        struck = time.monotonic()
        killed.kill()
        until(lambda: killed not in (now := master.children()) and len(now) == WORKERS, "a new worker")
        return struck, time.monotonic()

    def master(self) -> tuple[float, float]:
        """Kill the master; start the service again, as a supervisor does."""
        struck = time.monotonic()
        finish(self.service.process, signal.SIGKILL)
        until(self._port_is_free, "the orphaned workers to notice")
        self.service = Service(self.var_dir, self.service.port, WEB_CONCURRENCY=str(WORKERS))
        return struck, time.monotonic()

    def _port_is_free(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.service.port)) != 0

    def database(self) -> tuple[float, float]:
        """Stop PostgreSQL at once; the service starts it again."""
        stopped = int((self.var_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])
        struck = time.monotonic()
        # What `pg_ctl stop -m immediate` does, which would not run as root.
        os.kill(stopped, signal.SIGQUIT)
        until(lambda: not psutil.pid_exists(stopped), "PostgreSQL to stop")
        self.strange += self.service.call("GET", "/health/live")[0] != 200
        until(lambda: embedded.is_running(self.var_dir), "PostgreSQL to be started again")
        return struck, time.monotonic()

    def query(self, statement: str, user: str = embedded.ROLE) -> list[tuple[Any, ...]]:
        """The rows that a statement yields."""
        url = make_url(embedded.url(self.var_dir)).set(drivername="postgresql", username=user)
        with closing(psycopg2.connect(url.render_as_string())) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []

    def found(self) -> Counter[Row]:
        """The rows that the writers left."""
        return Counter(Row(*row) for row in self.query(ROWS))


@pytest.fixture
def crashing(var_dir: Path) -> Crashing:
    return Crashing(var_dir)


def test_crashes_lose_nothing_acknowledged(crashing: Crashing, scale: Scale, record: Record) -> None:
    crashes = scale(100, 3)
    crashing.under_load([crashing.kinds[number % 4] for number in range(crashes)])
    writes = [write for writer in crashing.writers for write in writer.writes]
    answers = [answer for writer in crashing.writers for answer in writer.answers]
    compared = compare(writes, crashing.found())
    recoveries = [
        f"{name} {statistics.median(each):.1f}, {max(each):.1f}" for name, each in crashing.recoveries.items()
    ]
    code, out, _ = command("ledger", "verify", VAR_DIR=str(crashing.var_dir))
    assert (code, out.splitlines()[-1]) == (0, "Every stored total equals its rows.")
    code, out, _ = command("audit", "verify", VAR_DIR=str(crashing.var_dir))
    assert (code, out.splitlines()[-1]) == (0, "Every chain is as it was written.")
    control = lost_without_durability(crashing)
    _, _, err = interrupt(crashing.service.process)
    assert "Traceback" not in err
    record(
        Finding(
            check="crashes under load: worker, master and database in turn",
            done=f"{crashes} crashes, {sum(write.acknowledged for write in writes)} acknowledged writes,"
            f" {sum(not answer.good for answer in answers)} requests refused or cut off",
            wrong=sum(compared) + crashing.strange,
            control=f"commits that do not wait for the disk: {control} acknowledged writes missing",
            seed=SEED,
            also=f"seconds to recover (p50, max): {'; '.join(recoveries)}",
        )
    )


def lost_without_durability(crashing: Crashing) -> int:
    """How many acknowledged writes are missing after a stop of a database that does not wait for its disk."""
    for setting in ("synchronous_commit = off", "wal_writer_delay = '10s'"):
        crashing.query(f"ALTER SYSTEM SET {setting}", user="postgres")
    crashing.query("SELECT pg_reload_conf()", user="postgres")
    until(lambda: crashing.query("SHOW synchronous_commit") == [("off",)], "the setting to be read")
    crashing.under_load([crashing.database])
    writes = [write for writer in crashing.writers for write in writer.writes]
    missing = compare(writes, crashing.found()).missing
    assert missing > 0
    return missing
