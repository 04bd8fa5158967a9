"""Many callers at once on the same budgets, each with a connection of their own."""

import random
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.billing_accounts import audit
from tests.caller import ACCOUNTS, Amount, Caller, Open, data, error
from tests.cli.conftest import Run
from tests.cli.conftest import run as run  # noqa: PLC0414 - a fixture
from tests.concurrency.callers import at_once, statuses

# As many as the application keeps connections.


@pytest.fixture(autouse=True)
def _sound_books(app: Flask) -> Iterable[None]:
    """Whatever happened, every total equals its lines."""
    yield
    with app.app_context():
        assert list(audit.differences()) == []


def lock(caller: Caller, account_id: int, challenge: str, amount: Any) -> Callable[[], TestResponse]:
    return lambda: caller.patch(f"{ACCOUNTS}/{account_id}/lock-amount", {"challengeId": challenge, "amount": amount})


def consume(caller: Caller, account_id: int, challenge: str, amount: Any) -> Callable[[], TestResponse]:
    body = {"challengeId": challenge, "amount": amount}
    return lambda: caller.patch(f"{ACCOUNTS}/{account_id}/consume-amount", body)


def consume_many(caller: Caller, amounts: list[tuple[int, int]]) -> Callable[[], TestResponse]:
    consumes = [{"billingAccountId": account, "externalId": "e", "amount": amount} for account, amount in amounts]
    return lambda: caller.post(f"{ACCOUNTS}/consume-amounts", {"consumes": consumes})


def totals(caller: Caller, account_id: int) -> tuple[Amount, Amount]:
    account = data(caller.get(f"{ACCOUNTS}/{account_id}"))
    return account["lockedBudget"], account["consumedBudget"]


def test_exactly_as_many_locks_succeed_as_fit(admin: Caller, open_account: Open) -> None:
    account_id = open_account(budget=137 * 3 + 2)
    answers = at_once(lock(admin, account_id, f"c{number}", 3) for number in range(400))
    assert statuses(answers) == {200: 137, 400: 263}
    for answer in answers:
        if answer.status_code == 400:
            assert error(answer, 400, "insufficient_funds")["details"]["requested"] == 3
    assert totals(admin, account_id) == (411, 0)


def test_exactly_as_many_charges_succeed_as_fit(admin: Caller, open_account: Open) -> None:
    account_id = open_account(budget=100)
    body = {"externalId": "e1", "externalType": "ENGAGEMENT", "amount": 7}
    answers = at_once([lambda: admin.patch(f"{ACCOUNTS}/{account_id}/consume-amount", body)] * 40)
    assert statuses(answers) == {200: 14, 400: 26}
    assert totals(admin, account_id) == (0, 98)


def test_one_challenge_locked_by_many_holds_one_amount(admin: Caller, open_account: Open) -> None:
    account_id = open_account(budget=20)
    answers = at_once(lock(admin, account_id, "c1", 1 + number % 20) for number in range(80))
    assert statuses(answers) == {200: 80}, "each replaces the one before, so each fits"
    account = data(admin.get(f"{ACCOUNTS}/{account_id}"))
    assert [line["amount"] for line in account["lockedAmounts"]] == [account["lockedBudget"]]


def test_one_challenge_consumed_by_many_is_spent_once(admin: Caller, open_account: Open) -> None:
    account_id = open_account(budget=100)
    data(lock(admin, account_id, "c1", 60)())
    answers = at_once([consume(admin, account_id, "c1", 55), lock(admin, account_id, "c1", 50)] * 20)
    assert set(statuses(answers)) <= {200, 409}
    assert totals(admin, account_id) == (0, 55)


def test_a_storm_of_everything_never_overspends(admin: Caller, open_account: Open) -> None:
    account_id = open_account(budget=60)
    chance = random.Random(11)
    calls = []
    for _ in range(300):
        challenge, amount = f"c{chance.randrange(12)}", chance.choice([0, 1, 5, 9.5, 20])
        calls.append(lock(admin, account_id, challenge, amount))
        if chance.random() < 0.2:
            calls.append(consume(admin, account_id, challenge, chance.choice([1, 4, 12])))
    answers = at_once(calls)
    assert set(statuses(answers)) <= {200, 400, 409}
    assert sum(totals(admin, account_id)) <= 60


def test_charges_over_shuffled_accounts_are_all_or_nothing(admin: Caller, open_account: Open) -> None:
    accounts = [open_account(budget=50) for _ in range(6)]
    chance = random.Random(5)
    calls = [
        consume_many(admin, [(account, 1) for account in chance.sample(accounts, k=len(accounts))]) for _ in range(80)
    ]
    answers = at_once(calls)
    assert statuses(answers) == {200: 50, 400: 30}
    assert [totals(admin, account) for account in accounts] == [(0, 50)] * 6


def test_locks_and_shuffled_charges_never_wait_in_a_circle(admin: Caller, open_account: Open) -> None:
    accounts = [open_account(budget=1000) for _ in range(4)]
    chance = random.Random(7)
    calls = []
    for number in range(120):
        calls.append(consume_many(admin, [(account, 1) for account in chance.sample(accounts, k=4)]))
        calls.append(lock(admin, chance.choice(accounts), f"c{number % 5}", chance.randrange(1, 9)))
        calls.append(consume(admin, chance.choice(accounts), f"d{number % 5}", chance.randrange(1, 9)))
    assert statuses(at_once(calls)) == {200: 360}


def test_positions_of_movements_are_dense_whoever_writes_them(admin: Caller, open_account: Open) -> None:
    accounts = [open_account(budget=100_000) for _ in range(2)]
    chance = random.Random(13)
    calls = []
    for number in range(160):
        account = chance.choice(accounts)
        calls.append(lock(admin, account, f"c{number % 9}", chance.randrange(9)))
        calls.append(consume(admin, account, f"d{number % 9}", chance.randrange(1, 9)))
        calls.append(consume_many(admin, [(each, 1) for each in accounts]))
        calls.append(partial(admin.patch, f"{ACCOUNTS}/{account}", {"budget": 100_000 + number % 3}))
    assert statuses(at_once(calls, threads=64)) == {200: 640}
    for account in accounts:
        path = f"{ACCOUNTS}/{account}/movements?sortBy=position&perPage=1000"
        movements = data(admin.get(path))["results"]
        assert [each["position"] for each in movements] == list(range(1, len(movements) + 1))
        assert [each["at"] for each in movements] == sorted(each["at"] for each in movements)
        assert len(movements) > 300


def test_sixty_four_writers_leave_one_sound_chain(admin: Caller, open_account: Open, run: Run) -> None:
    account_id, other = open_account(budget=10_000), open_account(budget=10_000)
    path = f"{ACCOUNTS}/{account_id}"
    adjustment = {"amount": 1, "reason": "r"}
    carry = {"toBillingAccountId": other, "amount": 1, "reason": "r"}
    reversal = {"externalType": "ENGAGEMENT", "externalId": "e", "amount": 1, "reason": "r"}
    assert consume_many(admin, [(account_id, 100)])().status_code == 200
    calls: list[Callable[[], TestResponse]] = []
    for number in range(64):
        calls += [
            lock(admin, account_id, f"c{number}", 2),
            consume(admin, account_id, f"d{number}", 1),
            consume_many(admin, [(account_id, 1), (other, 1), (account_id, 2)]),
            partial(admin.post, f"{path}/budget-adjustments", adjustment),
            partial(admin.post, f"{path}/carry-over", carry),
            partial(admin.post, f"{path}/reversals", reversal),
        ]
    assert statuses(at_once(calls, threads=64)) == {200: 192, 201: 192}
    movements = data(admin.get(f"{path}/movements?sortBy=position&perPage=1000"))["results"]
    # The opening, the first charge, and of each round one of each, but two of the charges.
    assert [each["position"] for each in movements] == list(range(1, 3 + 7 * 64))
    assert totals(admin, account_id) == (128, 100 + 3 * 64)
    verified = run("audit", "verify")
    assert verified.exit_code == 0, verified.output
    assert f"movements of billing account: {len(movements) + 1 + 2 * 64:,} rows in 2 chains." in verified.output


def test_of_many_adjustments_none_is_lost(admin: Caller, open_account: Open) -> None:
    account_id = open_account(budget=100)
    adjust = partial(admin.post, f"{ACCOUNTS}/{account_id}/budget-adjustments")
    calls = [partial(adjust, {"amount": each, "reason": "r"}) for each in [7, -3] * 30]
    assert statuses(at_once(calls, threads=32)) == {201: 60}
    assert data(admin.get(f"{ACCOUNTS}/{account_id}"))["budget"] == 220


def test_carrying_over_in_both_directions_waits_in_no_circle(admin: Caller, open_account: Open) -> None:
    pair = [open_account(budget=1000) for _ in range(2)]
    calls: list[Callable[[], TestResponse]] = []
    for source, target in [pair, pair[::-1]] * 30:
        body = {"toBillingAccountId": target, "amount": 1, "reason": "r"}
        calls.append(partial(admin.post, f"{ACCOUNTS}/{source}/carry-over", body))
        calls.append(partial(admin.patch, f"{ACCOUNTS}/{target}", {"name": "x"}))
    assert statuses(at_once(calls, threads=16)) == {200: 60, 201: 60}
    assert [data(admin.get(f"{ACCOUNTS}/{each}"))["budget"] for each in pair] == [1000, 1000]


def test_what_remains_is_carried_over_once(admin: Caller, open_account: Open) -> None:
    source, target = open_account(budget=1000), open_account(budget=0)
    calls = [consume(admin, source, f"c{number}", 100) for number in range(12)]
    carry = partial(admin.post, f"{ACCOUNTS}/{source}/carry-over", {"toBillingAccountId": target, "reason": "r"})
    mixed: list[Callable[[], TestResponse]] = [*calls[:5], carry, carry, *calls[5:]]
    assert set(statuses(at_once(mixed, threads=14))) <= {200, 201, 400, 409}
    left, carried = (data(admin.get(f"{ACCOUNTS}/{each}")) for each in (source, target))
    assert left["budget"] + carried["budget"] == 1000
    assert left["totalBudgetRemaining"] >= 0


def test_many_reversals_take_back_no_more_than_was_consumed(admin: Caller, open_account: Open) -> None:
    account_id = open_account(budget=1000)
    assert consume(admin, account_id, "c1", 100)().status_code == 200
    body = {"externalType": "CHALLENGE", "externalId": "c1", "amount": 15, "reason": "r"}
    reverse = partial(admin.post, f"{ACCOUNTS}/{account_id}/reversals", body)
    assert statuses(at_once([reverse] * 20, threads=20)) == {201: 6, 400: 14}
    assert totals(admin, account_id) == (0, 10)


def test_a_budget_is_never_lowered_below_what_is_reserved_meanwhile(admin: Caller, open_account: Open) -> None:
    account_id = open_account(budget=100)
    calls = [lock(admin, account_id, f"c{number}", 10) for number in range(20)]
    lower = [lambda: admin.patch(f"{ACCOUNTS}/{account_id}", {"budget": 50})] * 10
    mixed = [*calls, *lower]
    random.Random(3).shuffle(mixed)
    assert set(statuses(at_once(mixed))) <= {200, 400, 409}
    account = data(admin.get(f"{ACCOUNTS}/{account_id}"))
    assert account["lockedBudget"] <= account["budget"]
