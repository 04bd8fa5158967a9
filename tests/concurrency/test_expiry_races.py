"""Locks that expire while others lock and consume, each with a connection of its own."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app import clock
from app.billing_accounts import audit
from app.billing_accounts.ledger import single
from app.billing_accounts.ledger.single import Reference
from app.billing_accounts.models import ExternalType
from app.db.base import db
from tests.caller import ACCOUNTS, Caller, Open, data, error
from tests.concurrency.callers import at_once, statuses

START = datetime(2025, 6, 1, tzinfo=UTC)
END = START + timedelta(seconds=10)
JUST_BEFORE = END - timedelta(milliseconds=1)
Call = Callable[[], TestResponse]


@pytest.fixture(autouse=True)
def _inside_the_application(app: Flask) -> Iterator[None]:
    """Whatever happens, the books are sound."""
    with app.app_context():
        yield
        assert list(audit.differences()) == []
        db.session.rollback()


def at(moment: datetime, caller: Caller, path: str, operation: str, amount: Any, **values: Any) -> Call:
    """A call by a worker whose clock shows this."""

    def call() -> TestResponse:
        with clock.at(moment):
            return caller.patch(f"{path}/{operation}-amount", {"challengeId": "c1", "amount": amount, **values})

    return call


def movements(caller: Caller, path: str) -> list[Any]:
    with clock.at(END):
        found: list[Any] = data(caller.get(f"{path}/movements?sortBy=position&perPage=1000"))["results"]
    return found


@pytest.fixture
def open_expiring(admin: Caller, open_account: Open) -> Callable[[], str]:
    """Opens accounts with a budget of 100, of which 60 are locked for c1 until the end."""

    def make() -> str:
        with clock.at(START):
            path = f"{ACCOUNTS}/{open_account(budget=100)}"
        data(at(START, admin, path, "lock", 60, expiresIn=10)())
        return path

    return make


@pytest.mark.parametrize("run", range(5))
def test_lock_consume_and_expiry_at_one_instant(admin: Caller, open_expiring: Callable[[], str], run: int) -> None:
    path = open_expiring()
    calls: list[Call] = []
    for number in range(8):
        moment = JUST_BEFORE if (number + run) % 3 == 0 else END
        calls.append(at(moment, admin, path, "consume", 60))
        calls.append(at(moment, admin, path, "lock", 50, challengeId=f"o{number}"))
    answers = at_once(calls)
    assert statuses(answers).keys() <= {200, 400}
    found = movements(admin, path)
    expired = [each for each in found if each["kind"] == "expired"]
    consumed = next((each for each in found if each["kind"] == "consumed"), None)
    # Either the lock was consumed or it expired; never both, never neither.
    took_the_lock = consumed is not None and consumed["lockedDelta"] == -60
    assert len(expired) == (not took_the_lock)
    assert all(each["lockedAfter"] + each["consumedAfter"] <= 100 for each in found)
    # What fitted beside it: its 60 and nothing of 50, or one of 50 and not the 60.
    assert (found[-1]["lockedAfter"], found[-1]["consumedAfter"]) in {(0, 60), (50, 0), (100, 0)}
    times = [each["at"] for each in found]
    assert times == sorted(times)


def test_many_writes_post_each_expiry_once(admin: Caller, open_expiring: Callable[[], str]) -> None:
    path = open_expiring()
    answers = at_once([at(END, admin, path, "lock", 1, challengeId=f"o{number}") for number in range(100)])
    assert statuses(answers) == {200: 100}
    kinds = [each["kind"] for each in movements(admin, path)]
    assert (kinds[:3], kinds.count("expired"), len(kinds)) == (["opened", "locked", "expired"], 1, 103)


def test_calls_over_accounts_where_something_is_due_wait_in_no_circle(
    admin: Caller, open_expiring: Callable[[], str]
) -> None:
    for _ in range(5):
        accounts = [int(open_expiring().rpartition("/")[2]) for _ in range(2)]

        def charge(order: list[int]) -> TestResponse:
            consumes = [{"billingAccountId": each, "externalId": "e", "amount": 1} for each in order]
            with clock.at(END):
                return admin.post(f"{ACCOUNTS}/consume-amounts", {"consumes": consumes})

        orders = [accounts, accounts[::-1]] * 8
        answers = at_once([partial(charge, order) for order in orders])
        assert statuses(answers) == {200: 16}


def test_what_waits_for_a_consume_finds_no_lock_to_expire(
    admin: Caller, open_expiring: Callable[[], str], until_waiting: Callable[[int], None]
) -> None:
    path = open_expiring()
    with ThreadPoolExecutor(1) as pool:
        with clock.at(JUST_BEFORE):
            single.consume(int(path.rpartition("/")[2]), Reference(ExternalType.CHALLENGE, "c1"), Decimal(60))
        second = pool.submit(at(END, admin, path, "lock", 50, challengeId="c2"))
        until_waiting(1)
        db.session.commit()
        assert error(second.result(), 400, "insufficient_funds")["details"]["available"] == 40
    assert [each["kind"] for each in movements(admin, path)] == ["opened", "locked", "consumed"]


def test_what_waits_for_an_expiry_is_late_whatever_its_clock_shows(
    admin: Caller, open_expiring: Callable[[], str], until_waiting: Callable[[int], None]
) -> None:
    path = open_expiring()
    with ThreadPoolExecutor(1) as pool:
        with clock.at(END):
            single.lock(int(path.rpartition("/")[2]), Reference(ExternalType.CHALLENGE, "c2"), Decimal(50))
        second = pool.submit(at(JUST_BEFORE, admin, path, "consume", 60))
        until_waiting(1)
        db.session.commit()
        assert error(second.result(), 400, "insufficient_funds")["details"]["available"] == 50
    assert [each["kind"] for each in movements(admin, path)] == ["opened", "locked", "expired", "locked"]
