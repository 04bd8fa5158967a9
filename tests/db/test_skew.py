"""A worker whose clock is off that of the database writes nothing and is not ready."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app.db.server import skew
from app.db.server.skew import LOOK_EVERY_SECONDS, MOST_SECONDS, Clocks
from tests.caller import Caller, data, error

READY = "/health/ready"
CLIENT = {"name": "Acme"}


class Clock:
    """A clock that somebody sets."""

    def __init__(self, read: Callable[[], float]) -> None:
        self._read = read
        self.ahead = 0.0

    def __call__(self) -> float:
        return self._read() + self.ahead


@pytest.fixture
def worker(app_with: Callable[..., Flask], token: Callable[..., str], clocks: tuple[Clock, Clock]) -> Caller:
    """A worker with such clocks, and an administrator who calls it."""
    app = app_with()
    app.extensions[skew.EXTENSION] = Clocks(*clocks)
    return Caller(app, token())


@pytest.fixture
def clocks() -> tuple[Clock, Clock]:
    return Clock(time.time), Clock(time.monotonic)


@pytest.mark.parametrize("seconds", [MOST_SECONDS + 1, -MOST_SECONDS - 1, 3600])
def test_a_worker_that_starts_with_a_wrong_clock_writes_nothing(
    worker: Caller, clocks: tuple[Clock, Clock], seconds: float
) -> None:
    clocks[0].ahead = seconds
    answer = worker.post("/v6/clients", CLIENT)
    error(answer, 503, "clock_skew")
    assert int(answer.headers["Retry-After"]) > 0
    error(worker.get(READY), 503, "clock_skew")
    assert data(worker.get("/v6/clients"))["count"] == 0


@pytest.mark.parametrize("seconds", [0, MOST_SECONDS - 1, 1 - MOST_SECONDS])
def test_a_clock_that_is_about_right_will_do(worker: Caller, clocks: tuple[Clock, Clock], seconds: float) -> None:
    clocks[0].ahead = seconds
    data(worker.post("/v6/clients", CLIENT), 201)
    data(worker.get(READY))


def test_a_clock_that_is_set_wrong_is_noticed_by_the_next_write(worker: Caller, clocks: tuple[Clock, Clock]) -> None:
    data(worker.post("/v6/clients", CLIENT), 201)
    clocks[0].ahead = -300
    error(worker.post("/v6/clients", CLIENT), 503, "clock_skew")
    clocks[0].ahead = 0
    data(worker.post("/v6/clients", CLIENT), 201)


def test_the_clock_of_the_database_is_looked_at_once_a_minute(
    worker: Caller, clocks: tuple[Clock, Clock], messages: list[Any]
) -> None:
    def write() -> int:
        messages.clear()
        data(worker.post("/v6/clients", CLIENT), 201)
        return len([each for each in messages if b"clock_timestamp" in bytes(str(each), "utf8")])

    assert [write() for _ in range(3)] == [1, 0, 0]
    for clock in clocks:
        clock.ahead = LOOK_EVERY_SECONDS + 1
    # Both went on alike, while the database's did not: the look says that ours is off.
    error(worker.post("/v6/clients", CLIENT), 503, "clock_skew")


def test_a_worker_that_slept_looks_again(worker: Caller, clocks: tuple[Clock, Clock]) -> None:
    data(worker.post("/v6/clients", CLIENT), 201)
    # While the machine sleeps, no seconds are counted.
    clocks[1].ahead = -600
    data(worker.post("/v6/clients", CLIENT), 201)
