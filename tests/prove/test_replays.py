"""Writes with keys over a bad line: answers are lost, twins are in flight, and the service fails in between."""

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Any

import pytest
from flask import Flask, request
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from app.db.base import db
from app.web import idempotency
from bench.findings import Finding
from tests.caller import ACCOUNTS, Caller, Open
from tests.conftest import Scale
from tests.prove.conftest import Record

CALLERS = 8
SEED = 30_117
LOST, TWINS, REUSED, FAULTS = 0.3, 0.1, 0.05, 0.05
MOST_ATTEMPTS = 20
# The header of a request that is to fail.
MARK = "X-Test-Fault"

_LINES = "SELECT external_id, count(*) FROM budget_lines GROUP BY 1"


@dataclass
class Line:
    """What became of the writes, as their callers saw it."""

    sent: int = 0
    replayed: int = 0
    faults: int = 0
    wrong: int = 0


class BadLine:
    """Sends writes, loses answers, and keeps asking until it has one."""

    def __init__(self, caller: Caller, accounts: list[int]) -> None:
        self._caller = caller
        self._accounts = accounts
        self._lock = Lock()
        self.seen = Line()

    def write(self, number: int) -> None:
        """One write with its repetitions, from a seed of its own."""
        chance = random.Random(SEED + number)
        first = self._send(number, chance)
        while chance.random() < LOST:
            self._expect(self._send(number, chance).get_data() == first.get_data())
        if chance.random() < TWINS:
            with ThreadPoolExecutor(2) as pool:
                twins = [pool.submit(self._send, number, random.Random(number)) for _ in range(2)]
            self._expect(all(twin.result().get_data() == first.get_data() for twin in twins))
        if chance.random() < REUSED:
            self._expect(self._call(number, amount=2).status_code == 422)

    def _send(self, number: int, chance: random.Random) -> TestResponse:
        """The answer to a write, which is sent again as long as the service fails."""
        for _ in range(MOST_ATTEMPTS):
            answer = self._call(number, fail=chance.random() < FAULTS)
            if answer.status_code != 503:
                self._expect(answer.status_code == 200)
                return answer
        raise AssertionError(f"write {number} never succeeded")

    def _call(self, number: int, *, amount: int = 1, fail: bool = False) -> TestResponse:
        account = self._accounts[number % len(self._accounts)]
        body = {"externalType": "ENGAGEMENT", "externalId": f"write-{number}", "amount": amount}
        headers = {"Idempotency_Key": f"key-{number}", **({MARK: "fail"} if fail else {})}
        answer = self._caller.patch(f"{ACCOUNTS}/{account}/consume-amount", body, **headers)
        with self._lock:
            self.seen.sent += 1
            self.seen.replayed += idempotency.REPLAYED_HEADER in answer.headers
            self.seen.faults += answer.status_code == 503
        return answer

    def _expect(self, fact: bool) -> None:
        with self._lock:
            self.seen.wrong += not fact


@pytest.fixture
def faults(app: Flask) -> Iterator[None]:
    """Lets a request that is marked so fail once its effect is written and its answer is not."""

    def fail_between(_connection: Any) -> None:
        if request.headers.get(MARK) == "fail":
            raise OperationalError("COMMIT", {}, Exception("the connection was lost"))

    with app.app_context():
        engine = db.engine
    event.listen(engine, "commit", fail_between)
    yield
    event.remove(engine, "commit", fail_between)


def _run(caller: Caller, accounts: list[int], numbers: range) -> Line:
    line = BadLine(caller, accounts)
    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(line.write, numbers))
    return line.seen


def _effects(app: Flask) -> Counter[str]:
    with app.app_context():
        return Counter(dict(db.session.execute(text(_LINES)).all()))


@pytest.mark.usefixtures("faults")
def test_every_write_has_one_effect_and_one_answer(
    app: Flask, admin: Caller, open_account: Open, scale: Scale, record: Record
) -> None:
    writes = scale(10_000, 100)
    accounts = [open_account(budget=1_000_000) for _ in range(20)]
    seen = _run(admin, accounts, range(writes))
    effects = _effects(app)
    duplicate = sum(count - 1 for count in effects.values())
    lost = writes - len(effects)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(idempotency, "has_key", lambda: False)
        _run(admin, accounts, range(writes, writes + 50))
    control = sum(_effects(app).values()) - sum(effects.values()) - 50
    assert seen.faults > 0
    assert seen.replayed > 0
    assert control > 0, "nothing happened twice without keys: the check proves nothing"
    done = f"{writes:,} writes, {seen.sent:,} requests: {seen.replayed:,} replayed, {seen.faults:,} failed between"
    also = f"duplicate {duplicate}, lost {lost}, answers that differ {seen.wrong}"
    record(Finding("replay", done, duplicate + lost + seen.wrong, f"{control} duplicates in 50 writes", SEED, also))
