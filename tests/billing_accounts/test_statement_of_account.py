"""Balances at an instant and statements over a period."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Event, Thread
from typing import Any

import pytest
from flask import Flask

from app import clock
from app.billing_accounts.ledger import budgets, single
from app.billing_accounts.ledger.single import Reference
from app.billing_accounts.models import ExternalType
from app.db.transaction import transaction
from app.web.json import format_time
from tests.caller import ACCOUNTS, Caller, Open, data, error

START = datetime(2025, 1, 1, tzinfo=UTC)
NAMES = ("budget", "lockedBudget", "consumedBudget")


def challenge(name: str) -> Reference:
    return Reference(ExternalType.CHALLENGE, name)


def totals(balance: Any) -> tuple[Any, ...]:
    return tuple(balance[name] for name in NAMES)


@pytest.fixture
def told(app: Flask, open_account: Open) -> tuple[int, list[tuple[datetime, tuple[Any, ...]]]]:
    """An account opened in 2025, 300 movements later, and what its budget was after each."""
    chance, at = random.Random(4), START
    with clock.at(at):
        account_id = open_account(budget=1000)
    states: list[tuple[datetime, tuple[Any, ...]]] = [(at, (Decimal(1000), Decimal(0), Decimal(0)))]
    locked: dict[str, Decimal] = {}
    consumed, budget = Decimal(0), Decimal(1000)
    for number in range(300):
        # Often several in a millisecond.
        at += timedelta(milliseconds=chance.choice([0, 0, 1, 90_000_000]))
        with app.app_context(), clock.at(at), transaction():
            name = f"c{chance.randrange(4)}"
            if number % 10 == 0:
                budget = Decimal(1000 + number)
                budgets.set_budget(account_id, budget)
            elif name in locked and chance.random() < 0.5:
                single.unlock(account_id, challenge(name))
                del locked[name]
            elif chance.random() < 0.2:
                single.consume(account_id, Reference(ExternalType.ENGAGEMENT, "e"), Decimal(1))
                consumed += 1
            else:
                locked[name] = Decimal(number + 1) / 4
                single.lock(account_id, challenge(name), locked[name])
        states.append((at, (budget, sum(locked.values(), Decimal(0)), consumed)))
    return account_id, states


def state_at(states: list[tuple[datetime, tuple[Any, ...]]], instant: datetime) -> tuple[Any, ...] | None:
    return next((state for at, state in reversed(states) if at <= instant), None)


class TestBalance:
    def test_now(self, admin: Caller, account_id: int) -> None:
        data(admin.patch(f"{ACCOUNTS}/{account_id}/lock-amount", {"challengeId": "c", "amount": 30}))
        balance = data(admin.get(f"{ACCOUNTS}/{account_id}/balance"))
        as_of = balance.pop("asOf")
        assert balance == {
            "position": 2,
            "budget": 100,
            "lockedBudget": 30,
            "consumedBudget": 0,
            "totalBudgetRemaining": 70,
        }
        assert data(admin.get(f"{ACCOUNTS}/{account_id}/balance?asOf={as_of}"))["position"] == 2

    def test_a_thousand_random_instants_are_the_sums_up_to_them(
        self, admin: Caller, told: tuple[int, list[Any]]
    ) -> None:
        account_id, states = told
        chance = random.Random(9)
        for _ in range(1000):
            instant = chance.choice(states)[0] + timedelta(milliseconds=chance.choice([-1, 0, 1, 10_000_000]))
            answer = admin.send("GET", f"{ACCOUNTS}/{account_id}/balance?asOf={format_time(instant)}")
            expected = state_at(states, instant)
            if expected is None:
                error(answer, 409, "not_open_yet")
            else:
                assert totals(data(answer)) == expected, instant

    def test_before_the_opening_there_was_none(self, admin: Caller, account_id: int) -> None:
        error(admin.get(f"{ACCOUNTS}/{account_id}/balance?asOf=2001-01-01"), 409, "not_open_yet")

    @pytest.mark.parametrize("instant", ["2999-01-01", "2999-01-01T00:00:00Z", "soon", ""])
    def test_the_future_is_refused(self, admin: Caller, account_id: int, instant: str) -> None:
        error(admin.get(f"{ACCOUNTS}/{account_id}/balance?asOf={instant}"), 400, "invalid_input")

    def test_it_takes_one_round_trip(self, admin: Caller, account_id: int, messages: list[Any]) -> None:
        path = f"{ACCOUNTS}/{account_id}/balance?asOf=2001-01-01"
        admin.get(path)
        messages.clear()
        admin.get(path)
        assert len(messages) == 1

    def test_a_movement_never_is_older_than_the_one_before(self, app: Flask, admin: Caller, account_id: int) -> None:
        with app.app_context(), clock.at(START), transaction():
            single.lock(account_id, challenge("c"), Decimal(1))
        first, second = data(admin.get(f"{ACCOUNTS}/{account_id}/movements?sortBy=position"))["results"]
        assert first["at"] == second["at"]


class TestStatement:
    def test_a_period_of_days(self, admin: Caller, told: tuple[int, list[Any]]) -> None:
        account_id, states = told
        path = f"{ACCOUNTS}/{account_id}/statement"
        statement = data(admin.get(f"{path}?from=2025-01-10&to=2025-01-31"))
        assert (statement["from"], statement["to"]) == ("2025-01-10T00:00:00.000Z", "2025-02-01T00:00:00.000Z")
        first, end = (datetime(2025, month, day, tzinfo=UTC) for month, day in ((1, 10), (2, 1)))
        just = timedelta(milliseconds=1)
        assert totals(statement["opening"]) == state_at(states, first - just)
        assert totals(statement["closing"]) == state_at(states, end - just)
        assert statement["movements"]
        listed = f"{ACCOUNTS}/{account_id}/movements?sortBy=position&perPage=1000&atFrom=2025-01-10&atTo=2025-01-31"
        assert statement["movements"] == data(admin.get(listed))["results"]
        require_sound(statement)

    def test_random_periods_add_up(self, admin: Caller, told: tuple[int, list[Any]]) -> None:
        account_id, states = told
        chance = random.Random(3)
        for _ in range(40):
            ends = (chance.choice(states)[0] + timedelta(milliseconds=chance.choice([0, 1])) for _ in range(2))
            since, until = sorted(ends)
            query = f"from={format_time(since)}&to={format_time(until)}"
            require_sound(data(admin.get(f"{ACCOUNTS}/{account_id}/statement?{query}")))

    def test_it_may_begin_before_the_opening_and_end_in_the_future(self, admin: Caller, account_id: int) -> None:
        statement = data(admin.get(f"{ACCOUNTS}/{account_id}/statement?from=2001-01-01&to=2999-01-01"))
        assert totals(statement["opening"]) == (0, 0, 0)
        assert totals(statement["closing"]) == (100, 0, 0)
        assert statement["byKind"] == [
            {"kind": "opened", "count": 1, "budgetDelta": 100, "lockedDelta": 0, "consumedDelta": 0}
        ]
        assert [each["externalType"] for each in statement["byExternalType"]] == [None]

    def test_a_period_without_movements(self, admin: Caller, account_id: int) -> None:
        statement = data(admin.get(f"{ACCOUNTS}/{account_id}/statement?from=2001-01-01&to=2001-01-01"))
        assert (statement["movements"], statement["byKind"], statement["byExternalType"]) == ([], [], [])

    def test_offsets_make_local_months(self, admin: Caller, open_account: Open) -> None:
        with clock.at(datetime(2025, 5, 31, 23, 30, tzinfo=UTC)):
            account_id = open_account()
        path = f"{ACCOUNTS}/{account_id}/statement"
        june = "from=2025-06-01T00:00:00%2B02:00&to=2025-07-01T00:00:00%2B02:00"
        assert len(data(admin.get(f"{path}?{june}"))["movements"]) == 1
        assert len(data(admin.get(f"{path}?from=2025-06-01&to=2025-06-30"))["movements"]) == 0
        assert len(data(admin.get(f"{path}?from=2025-05-31&to=2025-05-31"))["movements"]) == 1

    @pytest.mark.parametrize(
        "query", ["", "from=2025-01-01", "to=2025-01-01", "from=2025-01-02T00:00:01Z&to=2025-01-01", "from=x&to=y"]
    )
    def test_what_is_no_period_is_refused(self, admin: Caller, account_id: int, query: str) -> None:
        error(admin.get(f"{ACCOUNTS}/{account_id}/statement?{query}"), 400, "invalid_input")

    def test_it_is_of_one_snapshot_while_others_write(self, app: Flask, admin: Caller, account_id: int) -> None:
        written, stop = Event(), Event()

        def write() -> None:
            number = 0
            while not stop.is_set():
                number += 1
                with app.app_context(), transaction():
                    single.lock(account_id, challenge(f"c{number % 3}"), Decimal(1 + number % 7))
                written.set()

        writer = Thread(target=write)
        writer.start()
        try:
            assert written.wait(30)
            path = f"{ACCOUNTS}/{account_id}/statement?from=2001-01-01&to=2999-01-01"
            seen = [data(admin.send("GET", path)) for _ in range(40)]
        finally:
            stop.set()
            writer.join()
        for statement in seen:
            require_sound(statement)
        assert len({len(each["movements"]) for each in seen}) > 1, "nobody wrote meanwhile"


def require_sound(statement: Any) -> None:
    """Opening and movements make closing, step by step, and so do the sums."""
    found, before = statement["movements"], totals(statement["opening"])
    for movement in found:
        deltas = tuple(movement[f"{name}Delta"] for name in ("budget", "locked", "consumed"))
        before = tuple(one + other for one, other in zip(before, deltas, strict=True))
        assert before == tuple(movement[f"{name}After"] for name in ("budget", "locked", "consumed"))
    assert before == totals(statement["closing"])
    for side in ("opening", "closing"):
        balance = statement[side]
        remaining = balance["budget"] - balance["lockedBudget"] - balance["consumedBudget"]
        assert balance["totalBudgetRemaining"] == remaining
    for sums, name in (("byKind", "kind"), ("byExternalType", "externalType")):
        assert sum(each["count"] for each in statement[sums]) == len(found)
        for each in statement[sums]:
            of_it = [movement for movement in found if movement[name] == each[name]]
            for delta in ("budgetDelta", "lockedDelta", "consumedDelta"):
                assert each[delta] == sum(movement[delta] for movement in of_it)
