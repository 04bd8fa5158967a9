"""What some callers do to others, and what time does to memory."""

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from flask import Flask

from app import THREADS_PER_WORKER
from app.config import Settings
from bench.findings import Finding
from tests import proxy
from tests.caller import ACCOUNTS, Open
from tests.conftest import SECRET, Scale
from tests.edge.wire import Target
from tests.processes import Service, interrupt, until
from tests.prove.callers import Busy, Request, busy, slow
from tests.prove.conftest import Record

WORKERS = 2
# Three times as many as there are threads.
SLOW_CONNECTIONS = 3 * WORKERS * THREADS_PER_WORKER
NOISY_CALLERS = 8
WARM_REQUESTS = 200
# What the memory of all workers together may grow by while they are watched.
GROWTH_MEGABYTES = 10
CONTROL_SECONDS = 2
# Something kept of every request.
WITHOUT_PROTECTION = """
import wsgi
kept, answer = [], wsgi.app.wsgi_app
wsgi.app.wsgi_app = lambda environ, start: kept.append(b"x" * 200_000) or answer(environ, start)
"""


def started(settings: Settings, *, workers: int, altered_by: str = "") -> Iterator[Service]:
    """A service on the database of the tests."""
    with tempfile.TemporaryDirectory(prefix="billing-") as place:
        # A worker that is replaced meanwhile would begin anew what is watched.
        environ = {"DATABASE_URL": settings.database_url, "AUTH_SECRET": SECRET, "WORKER_MAX_REQUESTS": "0"}
        service = Service(Path(place), WEB_CONCURRENCY=str(workers), altered_by=altered_by, **environ)
        yield service
        _, _, err = interrupt(service.process)
        assert "Traceback" not in err, err


@pytest.fixture(scope="module")
def service(_migrated_app: Flask, settings: Settings) -> Iterator[Service]:
    yield from started(settings, workers=WORKERS)


@pytest.fixture(scope="module")
def front(service: Service) -> Iterator[Target]:
    """The service behind the proxy that is shipped."""
    with (
        tempfile.TemporaryDirectory(prefix="billing-nginx-") as place,
        proxy.running(Path(place), service.port) as nginx,
    ):
        yield Target(nginx.port, service.token)


@pytest.fixture(scope="module")
def unprotected(_migrated_app: Flask, settings: Settings) -> Iterator[Service]:
    # One worker: of two, one may happen to get nearly all slow connections and leave the other's threads free.
    yield from started(settings, workers=1, altered_by=WITHOUT_PROTECTION)


@pytest.fixture
def requests(open_account: Open) -> list[Request]:
    """Reads, writes and refusals that leave no more rows however often they are repeated."""
    account = f"{ACCOUNTS}/{open_account()}"
    return [
        Request("GET", ACCOUNTS),
        Request("PATCH", f"{account}/lock-amount", {"challengeId": "c1", "amount": 5}),
        Request("GET", account),
        Request("PATCH", f"{account}/lock-amount", {"challengeId": "c2", "amount": -1}),
        Request("GET", f"{ACCOUNTS}/999999"),
        Request("PATCH", account, {"description": "x" * 5000}),
    ]


class Watched(NamedTuple):
    """How memory went while a service was busy."""

    growth: float
    megabytes_per_hour: float
    requests: int


def call_for(seconds: float, caller: Busy) -> Busy:
    with busy([caller]):
        time.sleep(seconds)
    return caller


def watch(service: Service, requests: list[Request], seconds: float) -> Watched:
    """Keep the service busy, and fit a line to what its workers hold in memory."""
    callers = [Busy(service, requests) for _ in range(WORKERS * 2)]
    moments, megabytes = [], []
    with busy(callers):
        until(lambda: sum(len(caller.seconds) for caller in callers) >= WARM_REQUESTS, "the service to be warm")
        workers = psutil.Process(service.process.pid).children()
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            moments.append(now)
            megabytes.append(sum(worker.memory_info().rss for worker in workers) / 1e6)
            time.sleep(min(1, seconds / 50))
    slope = statistics.linear_regression(moments, megabytes).slope
    answered = sum(len(caller.seconds) - caller.unanswered for caller in callers)
    return Watched(slope * seconds, slope * 3600, answered)


def test_slow_clients_keep_nobody_waiting(
    front: Target, unprotected: Service, requests: list[Request], scale: Scale, record: Record
) -> None:
    seconds = scale(20, 1)
    alone = call_for(seconds, Busy(front, requests))
    with slow(front, SLOW_CONNECTIONS):
        beside = call_for(seconds, Busy(front, requests))
    with slow(unprotected, SLOW_CONNECTIONS):
        control = call_for(0.1, Busy(unprotected, requests, patience=2))
    assert control.unanswered > 0
    record(
        Finding(
            check="clients that send a header byte by byte, through the proxy",
            done=f"{len(beside.seconds)} requests of another beside {SLOW_CONNECTIONS} such connections",
            wrong=alone.unanswered + beside.unanswered,
            control=f"without the proxy: {control.unanswered} of {len(control.seconds)} not answered",
            also=f"p99 {alone.p99:.0f} ms alone, {beside.p99:.0f} ms beside them",
        )
    )


def test_a_noisy_caller_leaves_answers_for_others(
    service: Service, requests: list[Request], scale: Scale, record: Record
) -> None:
    seconds = scale(20, 1)
    alone = call_for(seconds, Busy(service, requests))
    noisy = [Busy(service, [Request("GET", f"{ACCOUNTS}?perPage=10000"), *requests]) for _ in range(NOISY_CALLERS)]
    with busy(noisy):
        beside = call_for(seconds, Busy(service, requests))
    workers = psutil.Process(service.process.pid).children()
    for worker in workers:
        worker.suspend()
    control = call_for(0.1, Busy(service, requests, patience=0.5))
    for worker in workers:
        worker.resume()
    assert control.unanswered > 0
    record(
        Finding(
            check="one caller beside a noisy one",
            done=f"{len(beside.seconds)} requests beside {sum(len(each.seconds) for each in noisy)}",
            wrong=alone.unanswered + beside.unanswered,
            control=f"workers suspended: {control.unanswered} of {len(control.seconds)} not answered",
            also=f"p99 {alone.p99:.0f} ms alone, {beside.p99:.0f} ms beside it",
        )
    )


def test_memory_does_not_grow(
    service: Service,
    unprotected: Service,
    requests: list[Request],
    scale: Scale,
    record: Record,
    request: pytest.FixtureRequest,
) -> None:
    minutes = request.config.getoption("--soak-minutes", default=None)
    seconds = 60 * minutes if minutes else scale(180, CONTROL_SECONDS)
    found = watch(service, requests, seconds)
    control = watch(unprotected, requests, CONTROL_SECONDS)
    assert control.growth > GROWTH_MEGABYTES
    record(
        Finding(
            check="memory of the workers under steady load",
            done=f"{seconds} s, {found.requests} requests",
            wrong=int(found.growth > GROWTH_MEGABYTES),
            control=f"200 kB kept of every request: {control.growth:.0f} MB in {CONTROL_SECONDS} s",
            also=f"{found.megabytes_per_hour:+.1f} MB/h by least squares, {found.growth:+.1f} MB in all",
        )
    )
