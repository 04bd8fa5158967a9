"""The primary is killed under load and its synchronous standby promoted: what was acknowledged is there."""

import random
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from app.config import Settings
from app.db.server import embedded
from bench.findings import Finding, Page
from tests.conftest import SECRET, Scale
from tests.processes import Service, command, interrupt, until
from tests.prove.conftest import Record
from tests.prove.writers import ROWS, Row, Writer, compare, open_books
from tests.servers import Server, follow

SEED = 25
WRITERS = 4
WORKERS = 2
# The longest a request may take while servers change, on a slow machine.
ANSWER_SECONDS = 15


class Cluster:
    """A primary, a synchronous standby and an asynchronous one that is read from, and the service on them."""

    def __init__(self, stack: ExitStack, place: Path) -> None:
        self._stack = stack
        self._homes = place / "one", place / "two"
        self.primary = Server(stack, self._homes[0])
        self.primary.query(f"ALTER DATABASE {embedded.DATABASE} SET synchronous_commit = on")
        self.standby = self._follow(self._homes[1])
        hosts = ",".join(str(embedded.socket_dir(home)) for home in self._homes)
        self.replica = self._follow(place / "replica")
        self.synchronise()
        self.environ = {
            "DATABASE_URL": f"postgresql://{embedded.ROLE}@/{embedded.DATABASE}?host={hosts}",
            "DATABASE_REPLICA_URL": self.replica.url,
            "AUTH_SECRET": SECRET,
        }
        self.service = Service(place / "var", WEB_CONCURRENCY=str(WORKERS), **self.environ)
        self._books = open_books(self.service, Settings.load(self.environ))
        self.chance = random.Random(SEED)
        self.writers: list[Writer] = []
        self.strange = 0

    def _follow(self, home: Path) -> Server:
        return follow(self._stack, self.primary, home, [each for each in self._homes if each != self.primary.directory])

    def synchronise(self) -> None:
        """Let the primary acknowledge only what the standby has on its disk too."""
        self.primary.query(f"ALTER SYSTEM SET synchronous_standby_names = '{self.standby.directory.name}'")
        self.primary.query("SELECT pg_reload_conf()")
        synchronous = "SELECT application_name FROM pg_stat_replication WHERE sync_state = 'sync'"
        until(lambda: self.primary.query(synchronous) == [(self.standby.directory.name,)], "the standby to be in step")

    def part(self) -> None:
        """Let the standby follow no more, and the primary acknowledge all the same: what a standby is not for."""
        self.primary.query("ALTER SYSTEM SET synchronous_standby_names = ''")
        self.primary.query("SELECT pg_reload_conf()")
        self.standby.query("ALTER SYSTEM SET primary_conninfo = ''")
        self.standby.query("SELECT pg_reload_conf()")
        followers = "SELECT application_name FROM pg_stat_replication"
        until(lambda: (self.standby.directory.name,) not in self.primary.query(followers), "the standby to be alone")
        self.await_load(20)

    def rebuild(self) -> None:
        """Make the server that was killed a standby of the one that took over."""
        home = next(each for each in self._homes if each != self.primary.directory)
        shutil.rmtree(home)
        self.standby = self._follow(home)
        self.synchronise()

    def rebuild_replica(self) -> None:
        """Make the replica anew: it may have heard of writes that the server which took over has not."""
        self.replica.kill()
        shutil.rmtree(self.replica.directory)
        self.replica = self._follow(self.replica.directory)

    def begin_load(self) -> None:
        self.writers = [Writer(self._books, f"{self.chance.random()}") for _ in range(WRITERS)]
        for writer in self.writers:
            writer.start()

    def await_load(self, more: int) -> None:
        """Wait until so many more writes are acknowledged."""
        enough = self.acknowledged + more
        until(lambda: self.acknowledged >= enough, "the load")

    def fail_over(self) -> tuple[float, float]:
        """Kill the primary and promote the standby: the seconds until it is the primary, and until all can write."""
        seen = [len(writer.answers) for writer in self.writers]
        self.primary.kill()
        struck = time.monotonic()
        self.standby.promote()
        promoted = time.monotonic()
        self.primary = self.standby

        def served() -> list[float | None]:
            return [each.served_after(struck, write=True) for each in self.writers]

        until(lambda: None not in served(), "all to write again")
        for writer, start in zip(self.writers, seen, strict=True):
            for answer in writer.answers[start:]:
                self.strange += not (answer.good or answer.says_to_try_again) or answer.seconds > ANSWER_SECONDS
        return promoted - struck, max(moment for moment in served() if moment is not None) - struck

    def end_load(self) -> None:
        for writer in self.writers:
            writer.end()

    def missing(self) -> tuple[int, int]:
        """How many acknowledged writes the primary lacks, and what else is wrong with its rows."""
        found = Counter(Row(*row) for row in self.primary.query(ROWS))
        compared = compare([write for writer in self.writers for write in writer.writes], found)
        return compared.missing, compared.halves + compared.twice

    @property
    def acknowledged(self) -> int:
        return sum(write.acknowledged for writer in self.writers for write in writer.writes)


def test_a_failover_loses_nothing_acknowledged(scale: Scale, record: Record) -> None:
    with tempfile.TemporaryDirectory(prefix="billing-") as place, ExitStack() as stack:
        cluster = Cluster(stack, Path(place))
        cluster.begin_load()
        took = []
        for number in range(scale(5, 1)):
            if number > 0:
                cluster.rebuild()
                cluster.rebuild_replica()
            cluster.await_load(cluster.chance.randrange(20, 60))
            took.append(cluster.fail_over())
        cluster.end_load()
        acknowledged, (missing, others) = cluster.acknowledged, cluster.missing()
        refused = sum(not answer.good for writer in cluster.writers for answer in writer.answers)
        code, out, _ = command("ledger", "verify", **cluster.environ)
        assert (code, out.splitlines()[-1]) == (0, "Every stored total equals its rows.")
        strange = cluster.strange
        control = lost_without_synchrony(cluster)
        _, _, err = interrupt(cluster.service.process)
        assert "Traceback" not in err
    promoting, serving = zip(*took, strict=True)
    record(
        Finding(
            check="failover: the primary killed under load, its synchronous standby promoted",
            done=f"{len(took)} failovers, {acknowledged} acknowledged writes, {refused} requests told to try again",
            wrong=missing + others + strange,
            control=f"a standby that does not follow in step: {control} acknowledged writes missing",
            seed=SEED,
            also=f"seconds to promote (p50, max): {span(promoting)}; until all could write again: {span(serving)}",
            page=Page.SCALING,
        )
    )


def lost_without_synchrony(cluster: Cluster) -> int:
    """How many acknowledged writes are missing after a failover to a standby that nobody waited for."""
    cluster.rebuild()
    cluster.begin_load()
    cluster.part()
    cluster.fail_over()
    cluster.end_load()
    missing, _ = cluster.missing()
    assert missing > 0
    return missing


def span(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):.1f}, {max(seconds):.1f}"
