"""Concurrent operations on one account must look as if they had run one after another.

Each operation is recorded with the moments it began and ended and its answer. A search then looks for an order that
keeps to those moments and in which a plain model gives the same answers. An operation whose answer was lost may have
happened or not.
"""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from time import monotonic
from typing import Any

import pytest

from app.billing_accounts.ledger import single
from bench.findings import Finding
from tests.caller import ACCOUNTS, Caller, Open
from tests.conftest import Scale
from tests.prove.conftest import Record
from tests.prove.crowd import without_lock

CALLERS = 8
OPERATIONS_EACH = 4
SEED = 90_210
BUDGET = 20
CHALLENGES = ("a", "b", "c")
UNKNOWN_SHARE = 0.1
# What the model knows: the line of each challenge, as kind and amount.
State = tuple[tuple[str, int] | None, ...]
EMPTY: State = (None,) * len(CHALLENGES)
MOST_CONTROL_HISTORIES = 60


@dataclass(frozen=True)
class Operation:
    """One operation, when it ran, and its answer: a status, for a read what was reserved, or None when it was lost."""

    kind: str
    challenge: int
    amount: int
    began: float
    ended: float
    answer: Any


def apply(state: State, operation: Operation) -> tuple[State, Any]:
    """The state after an operation, and what it is answered."""
    held = state[operation.challenge]
    reserved = {kind: sum(line[1] for line in state if line and line[0] == kind) for kind in ("lock", "consume")}
    if operation.kind == "read":
        return state, (reserved["lock"], reserved["consume"])
    if held and held[0] == "consume" and operation.kind == "lock":
        return state, 409
    before = held[1] if held else 0
    if operation.amount > before and sum(reserved.values()) - before + operation.amount > BUDGET:
        return state, 400
    line = (operation.kind, operation.amount) if operation.amount else None
    return (*state[: operation.challenge], line, *state[operation.challenge + 1 :]), 200


def has_serial_order(history: Sequence[Operation]) -> bool:
    """Whether some order of the operations explains all answers."""
    failed: set[tuple[frozenset[int], State]] = set()

    def search(left: frozenset[int], state: State) -> bool:
        if all(history[index].answer is None for index in left):
            return True
        if (left, state) in failed:
            return False
        # Whatever began after another had ended comes after it.
        first_end = min(history[index].ended for index in left)
        for index in left:
            operation = history[index]
            if operation.began > first_end:
                continue
            after, answer = apply(state, operation)
            if operation.answer in {None, answer} and search(left - {index}, after):
                return True
            if operation.answer is None and search(left - {index}, state):
                return True
        failed.add((left, state))
        return False

    return search(frozenset(range(len(history))), EMPTY)


class Recorder:
    """Runs operations and writes down what happened."""

    def __init__(self, caller: Caller, account: int) -> None:
        self._caller = caller
        self._path = f"{ACCOUNTS}/{account}"

    def history(self, seed: int) -> list[Operation]:
        """Several callers at once, each with some operations one after another."""
        start = Barrier(CALLERS)

        def work(caller: int) -> list[Operation]:
            chance = random.Random(f"{seed}-{caller}")
            start.wait()
            return [self._run(chance) for _ in range(OPERATIONS_EACH)]

        with ThreadPoolExecutor(CALLERS) as pool:
            return [operation for done in pool.map(work, range(CALLERS)) for operation in done]

    def _run(self, chance: random.Random) -> Operation:
        kind = chance.choice(["lock", "lock", "lock", "consume", "read"])
        challenge, amount = chance.randrange(len(CHALLENGES)), chance.choice([0, 4, 7, 9, 12])
        if kind == "consume":
            amount = max(amount, 1)
        began = monotonic()
        answer = self._read() if kind == "read" else self._reserve(kind, CHALLENGES[challenge], amount)
        ended = monotonic()
        if chance.random() < UNKNOWN_SHARE:
            # Nobody heard the answer: it may take effect at any time after it was sent.
            return Operation(kind, challenge, amount, began, float("inf"), None)
        return Operation(kind, challenge, amount, began, ended, answer)

    def _read(self) -> tuple[int, int]:
        account = self._caller.get(self._path).get_json()["data"]
        return account["lockedBudget"], account["consumedBudget"]

    def _reserve(self, kind: str, challenge: str, amount: int) -> int:
        body = {"challengeId": challenge, "amount": amount}
        return self._caller.patch(f"{self._path}/{kind}-amount", body).status_code


@pytest.fixture
def run(admin: Caller, open_account: Open) -> Callable[[int], list[Operation]]:
    """Records a history on an account of its own."""
    return lambda seed: Recorder(admin, open_account(budget=BUDGET)).history(seed)


def test_every_history_has_a_serial_order(run: Callable[[int], list[Operation]], scale: Scale, record: Record) -> None:
    histories = scale(400, 10)
    wrong = sum(not has_serial_order(run(SEED + number)) for number in range(histories))
    with pytest.MonkeyPatch.context() as patch:
        for statement in ("LOCK", "CONSUME"):
            without_lock(patch, single, statement)
        found = next((n for n in range(1, MOST_CONTROL_HISTORIES) if not has_serial_order(run(SEED - n))), None)
    assert found is not None, "no violation without the lock: the check proves nothing"
    done = f"{histories} histories of {CALLERS * OPERATIONS_EACH} operations by {CALLERS} callers"
    record(Finding("serial order", done, wrong, f"budget not locked: violated in history {found}", SEED))


def read(answer: tuple[int, int], began: float, ended: float) -> Operation:
    return Operation("read", 0, 0, began, ended, answer)


def test_the_search_knows_orders_from_violations() -> None:
    lock = Operation("lock", 0, 4, 0, 2, 200)
    assert has_serial_order([lock, read((4, 0), 1, 3), read((0, 0), 1, 3)]), "both may be, while the lock runs"
    assert not has_serial_order([lock, read((0, 0), 3, 4)]), "what was acknowledged is seen"
    assert not has_serial_order([lock, read((4, 0), 0, 1), read((0, 0), 1.5, 3)]), "what was seen stays"
    lost = Operation("lock", 0, 4, 0, float("inf"), None)
    assert has_serial_order([lost, read((0, 0), 5, 6), read((4, 0), 7, 8)]), "a lost one may happen late"
