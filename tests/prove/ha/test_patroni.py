"""Under Patroni, the primary is lost in every way while callers write; the service is never restarted."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from app.config import Settings
from bench.findings import Finding, Page
from tests.conftest import SECRET, Scale
from tests.processes import Service, command, interrupt, until
from tests.prove.conftest import Record
from tests.prove.ha.cluster import Cluster
from tests.prove.ha.network import Cable, Machine
from tests.prove.writers import ROWS, Books, Row, Write, Writer, compare, open_books

SEED = 25
WRITERS = 4
# The longest a request may take while servers change. A primary that is cut off from its standbys keeps a write waiting
# until it stops: after its lease, one round and one attempt to renew it (`ttl`, `loop_wait` and `retry_timeout`).
ANSWER_SECONDS = 20 + 5 + 5
# Longer than the primary could go on without etcd if nothing but its lease counted: `ttl`, and a round of Patroni's.
LONGER_THAN_A_LEASE = 30


class Site:
    """The cluster, the service on it, and all that callers ever wrote."""

    def __init__(self, stack: ExitStack, place: Path) -> None:
        self.cluster = Cluster(stack, place)
        self.environ = {"DATABASE_URL": self.cluster.url("billing"), "AUTH_SECRET": SECRET}
        owner = {"DATABASE_OWNER_URL": self.cluster.url("billing_owner")}
        code, _, err = command("db", "upgrade", **owner, **self.environ)
        assert code == 0, err
        self.service = Service(place / "var", None, "--no-migrate", **self.environ)
        stack.callback(interrupt, self.service.process)
        self.books: Books = open_books(self.service, Settings.load(self.environ))
        self.writes: list[Write] = []

    @property
    def workers(self) -> list[int]:
        """The worker processes of the service."""
        return sorted(each.pid for each in psutil.Process(self.service.process.pid).children())

    def books_differ(self) -> list[str]:
        """The commands that find something wrong on the primary."""
        words = ("ledger", "verify"), ("audit", "verify")
        return [" ".join(each) for each in words if command(*each, **self.environ)[0] != 0]


@pytest.fixture(scope="module")
def site(stack: ExitStack, place: Path) -> Site:
    return Site(stack, place)


class Load:
    """Callers that write until the load ends, and when they were acknowledged."""

    def __init__(self, site: Site, seed: str) -> None:
        self._site = site
        self.writers = [Writer(site.books, f"{SEED}/{seed}/{number}") for number in range(WRITERS)]
        for writer in self.writers:
            writer.start()

    def await_more(self, number: int) -> None:
        enough = self.acknowledged + number
        until(lambda: self.acknowledged >= enough, "the load")

    def await_all(self, since: float) -> float:
        """Wait until every caller has written what it began after a moment; the seconds from that moment."""

        def served() -> list[float | None]:
            return [each.served_after(since, write=True) for each in self.writers]

        until(lambda: None not in served(), "all to write again")
        return max(moment for moment in served() if moment is not None) - since

    def end(self) -> None:
        for writer in self.writers:
            writer.end()
        self._site.writes += [write for writer in self.writers for write in writer.writes]

    @property
    def acknowledged(self) -> int:
        return sum(write.acknowledged for writer in self.writers for write in writer.writes)

    def gap(self) -> float:
        """The longest that nobody was acknowledged a write, in seconds."""
        moments = sorted(
            answer.begun + answer.seconds
            for writer in self.writers
            for answer in writer.answers
            if answer.good and answer.method != "GET"
        )
        return max(later - earlier for earlier, later in pairwise(moments))

    def strange(self) -> int:
        """How many answers were neither good nor told to try again, or came too late."""
        answers = [answer for writer in self.writers for answer in writer.answers]
        return sum(not (each.good or each.says_to_try_again) or each.seconds > ANSWER_SECONDS for each in answers)

    def slowest(self) -> float:
        return max(answer.seconds for writer in self.writers for answer in writer.answers)

    def refused(self) -> int:
        return sum(not answer.good for writer in self.writers for answer in writer.answers)


# Does something to the primary, returns once it is done or another is the primary, and says how to undo it.
Fault = Callable[[Site, Machine], Callable[[], object]]


def switch_over(site: Site, primary: Machine) -> Callable[[], object]:
    site.cluster.control("switchover", "billing", "--leader", primary.name, "--force")
    return lambda: None


def kill_postmaster(site: Site, primary: Machine) -> Callable[[], object]:
    os.kill(site.cluster.postmaster(primary), signal.SIGKILL)
    return lambda: None


def kill_machine(site: Site, primary: Machine) -> Callable[[], object]:
    primary.kill()
    until(lambda: site.cluster.is_led(besides=primary), "another primary")
    return lambda: site.cluster.start(primary)


def isolate(site: Site, primary: Machine) -> Callable[[], object]:
    primary.cut(Cable.PEERS)
    until(lambda: site.cluster.is_led(besides=primary), "another primary")
    return lambda: primary.mend(Cable.PEERS)


def unplug(site: Site, primary: Machine) -> Callable[[], object]:
    for cable in Cable:
        primary.cut(cable)
    until(lambda: site.cluster.is_led(besides=primary), "another primary")

    def mend() -> None:
        for cable in Cable:
            primary.mend(cable)

    return mend


def silence_etcd(site: Site, primary: Machine) -> Callable[[], object]:
    others = [site.cluster.etcd(machine) for machine in site.cluster.machines if machine != primary]
    for process in others:
        process.suspend()
    begun = time.monotonic()
    until(lambda: time.monotonic() - begun > LONGER_THAN_A_LEASE, "the lease to end")

    def resume() -> None:
        for process in others:
            process.resume()

    return resume


class Scenario(NamedTuple):
    name: str
    fault: Fault
    # Whether another machine must have the primary then.
    moves: bool


SCENARIOS = (
    Scenario("a planned switchover", switch_over, moves=True),
    Scenario("the first process of the primary killed", kill_postmaster, moves=False),
    Scenario("the machine of the primary killed: PostgreSQL, Patroni and etcd", kill_machine, moves=True),
    Scenario("the primary cut off from everybody", unplug, moves=True),
    Scenario("etcd without a majority for 30 seconds", silence_etcd, moves=False),
    # The last one: what it loses with its protection taken out would be missing ever after.
    Scenario("the primary cut off from the other machines, not from its callers", isolate, moves=True),
)


def run(site: Site, scenario: Scenario, number: int) -> tuple[Load, float]:
    """Let it happen under load, and everything be well again: the load, and the seconds until all could write."""
    primary, load = site.cluster.leader(), Load(site, f"{scenario.name}/{number}")
    load.await_more(40)
    struck = time.monotonic()
    mend = scenario.fault(site, primary)
    seconds = load.await_all(struck)
    load.await_more(20)
    mend()
    site.cluster.await_health()
    assert (site.cluster.leader() != primary) or not scenario.moves
    load.await_more(20)
    load.end()
    return load, seconds


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.fault.__name__)
def test_a_lost_primary_loses_nothing_acknowledged(
    site: Site, scale: Scale, record: Record, scenario: Scenario
) -> None:
    workers, rewinds = site.workers, site.cluster.rewinds()
    rounds = [run(site, scenario, number) for number in range(scale(2, 1))]
    loads = [load for load, _ in rounds]
    compared = compare(site.writes, Counter(Row(*row) for row in site.cluster.query(ROWS)))
    restarted = len(set(workers) ^ set(site.workers))
    control = acknowledged_and_lost(site) if scenario.fault is isolate else None
    record(
        Finding(
            check=f"Patroni: {scenario.name}",
            done=f"{len(rounds)} times, {sum(load.acknowledged for load in loads)} acknowledged writes,"
            f" {sum(load.refused() for load in loads)} requests told to try again",
            wrong=sum(compared) + restarted + len(site.books_differ()) + sum(load.strange() for load in loads),
            control="" if control is None else f"`synchronous_mode: off`: {control} acknowledged writes missing",
            seed=SEED,
            also=f"seconds without an acknowledged write: {', '.join(f'{load.gap():.1f}' for load in loads)};"
            f" until all had written again: {', '.join(f'{seconds:.1f}' for _, seconds in rounds)};"
            f" slowest answer: {max(load.slowest() for load in loads):.1f};"
            f" rejoined with pg_rewind: {site.cluster.rewinds() - rewinds}",
            page=Page.SCALING,
        )
    )


def acknowledged_and_lost(site: Site) -> int:
    """How many acknowledged writes an isolated primary loses if it waits for no standby."""
    site.cluster.synchronise(None)
    run(site, SCENARIOS[-1], -1)
    missing = compare(site.writes, Counter(Row(*row) for row in site.cluster.query(ROWS))).missing
    assert missing > 0
    return missing
