"""Callers who write on one machine and read on another, while their replica lags, hangs and dies."""

import json
import random
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from threading import Event, Thread
from urllib.request import urlopen

from app.db.server import embedded
from bench.findings import Finding, Page
from tests.conftest import SECRET, Scale
from tests.processes import Service, interrupt, until
from tests.prove.conftest import Record
from tests.servers import Server, follow

SEED = 26
CALLERS = 4
# Reads of one's own write before the next one.
READS = 4
# The longest an answer may take while the replica is broken, on a slow machine.
ANSWER_SECONDS = 15
# With it a service takes a replica for as far on as the primary, whatever that says.
BLIND = "from app.db.replica import wal\nwal.has_replayed = lambda *_: True\n"
_READS = re.compile(r'^billing_replica_reads_total{server="replica"} (\S+)$', re.MULTILINE)


class Caller(Thread):
    """Writes its own client on any machine, reads it on any, and counts the reads that lack its last write."""

    def __init__(self, services: list[Service], seed: str) -> None:
        super().__init__(daemon=True)
        self.stale = self.failed = 0
        self.writes = 0
        self.seconds: list[float] = []
        self._chance = random.Random(seed)
        self._headers = {"Authorization": f"Bearer {services[0].token}", "Content-Type": "application/json"}
        self._ports = [service.port for service in services]
        self._ending = Event()

    def run(self) -> None:
        path = f"/v6/clients/{self._call('POST', '/v6/clients', '0')[1]}"
        while not self._ending.is_set():
            self.writes += 1
            self._call("PATCH", path, str(self.writes))
            for _ in range(READS):
                begun = time.monotonic()
                name, _ = self._call("GET", path)
                self.seconds.append(time.monotonic() - begun)
                self.stale += name != str(self.writes)

    def end(self) -> None:
        self._ending.set()
        self.join()

    def _call(self, method: str, path: str, name: str | None = None) -> tuple[str, str]:
        """The name and id of the client that is answered."""
        # Not a kept one: the service closes those that are not used while their caller waits elsewhere.
        with closing(HTTPConnection("127.0.0.1", self._chance.choice(self._ports), timeout=60)) as line:
            line.request(method, path, None if name is None else json.dumps({"name": name}), self._headers)
            response = line.getresponse()
            body = json.load(response)
        if response.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            self.failed += 1
            return "", ""
        return body["data"]["name"], body["data"]["id"]


class Machines:
    """Two machines with the service, one with the primary and one with a replica."""

    def __init__(self, stack: ExitStack, place: Path) -> None:
        self.primary = Server(stack, place / "primary")
        self.primary.query(f"ALTER DATABASE {embedded.DATABASE} SET synchronous_commit = on")
        self.replica = follow(stack, self.primary, place / "replica")
        self._place = place

    @contextmanager
    def services(self, *names: str, altered_by: str = "") -> Iterator[list[Service]]:
        environ = {
            "DATABASE_URL": self.primary.url,
            "DATABASE_REPLICA_URL": self.replica.url,
            "AUTH_SECRET": SECRET,
        }
        found = [Service(self._place / name, altered_by=altered_by, **environ) for name in names]
        yield found
        for service in found:
            _, _, err = interrupt(service.process)
            assert "Traceback" not in err, err

    def lag(self) -> Callable[[], object]:
        """Let the replica apply nothing."""
        self.replica.query("SELECT pg_wal_replay_pause()")
        return lambda: self.replica.query("SELECT pg_wal_replay_resume()")

    def hang(self) -> Callable[[], object]:
        """Let the replica answer nothing."""
        self.replica.freeze()
        return self.replica.thaw

    def die(self) -> Callable[[], object]:
        """Let the replica be gone."""
        self.replica.kill()
        return self.replica.start


def reads_from_replica(services: list[Service]) -> int:
    """How many reads the replica has answered."""
    found = 0
    for service in services:
        with urlopen(f"http://127.0.0.1:{service.port}/metrics", timeout=30) as answer:
            counts = _READS.findall(answer.read().decode())
        found += sum(int(float(count)) for count in counts)
    return found


@contextmanager
def calling(services: list[Service], callers: int) -> Iterator[list[Caller]]:
    found = [Caller(services, f"{SEED}/{number}") for number in range(callers)]
    for caller in found:
        caller.start()
    yield found
    for caller in found:
        caller.end()


def await_writes(callers: list[Caller], more: int) -> None:
    before = [caller.writes for caller in callers]
    until(
        lambda: all(caller.writes >= start + more for caller, start in zip(callers, before, strict=True)),
        "the callers to go on",
    )


def test_callers_read_what_they_wrote_on_every_machine(scale: Scale, record: Record) -> None:
    with tempfile.TemporaryDirectory(prefix="billing-") as place, ExitStack() as stack:
        machines = Machines(stack, Path(place))
        enough, rounds = scale(40, 5), scale(5, 1)
        with machines.services("here", "there") as services, calling(services, CALLERS) as callers:
            until(lambda: reads_from_replica(services) > 0, "the replica to be read from")
            for breaking in [machines.lag, machines.hang, machines.die] * rounds:
                await_writes(callers, enough)
                mend = breaking()
                await_writes(callers, 5)
                mend()
                before = reads_from_replica(services)
                until(lambda: reads_from_replica(services) > before, "the replica to be read from again")  # noqa: B023
            from_replica = reads_from_replica(services)
        with machines.services("blind", altered_by=BLIND) as services, calling(services, 1) as blind:
            until(lambda: reads_from_replica(services) > 0, "the replica to be read from")
            mend = machines.lag()
            await_writes(blind, 5)
            mend()
    assert blind[0].stale > 0
    seconds = sorted(each for caller in callers for each in caller.seconds)
    slow = sum(each > ANSWER_SECONDS for each in seconds)
    record(
        Finding(
            check="reads of one's own writes over two machines, while the replica lags, hangs and dies",
            done=f"{sum(caller.writes for caller in callers)} writes, {len(seconds)} reads,"
            f" {from_replica / len(seconds):.0%} of them by the replica, which broke {3 * rounds} times",
            wrong=sum(caller.stale + caller.failed for caller in callers) + slow,
            control=f"a replica not asked first: {blind[0].stale} of {len(blind[0].seconds)} reads lack the last one",
            seed=SEED,
            also=f"a read took {1000 * statistics.median(seconds):.0f} ms (p50), {seconds[-1]:.1f} s at most",
            page=Page.SCALING,
        )
    )
