"""Many callers against a budget that fits exactly some of them."""

import random
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, NamedTuple

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.billing_accounts import audit as budget_audit
from app.billing_accounts.ledger import batch, single
from app.credits import audit as credit_audit
from app.credits.ledger import balances
from app.credits.ledger import single as credit_single
from app.work_periods import audit as payment_audit
from bench.findings import Finding
from tests.caller import ACCOUNTS, Caller, Open, data
from tests.conftest import Scale
from tests.factories.bookings import BOOKINGS, create_booking, periods_of
from tests.factories.customers import open_customer
from tests.prove.conftest import Record
from tests.prove.crowd import Call, at_once, without_lock

CALLERS = 64
SEED = 20_251
AMOUNT = 3
MOST_CONTROL_ROUNDS = 40
# Weeks with a payment each, so that callers meet at the budget and not before.
WEEKS = {"startDate": "2024-01-01", "endDate": "2025-03-21"}


class Round(NamedTuple):
    """Calls of which exactly so many fit."""

    calls: list[Call]
    fits: int


class World:
    """Makes rounds of each kind."""

    def __init__(self, admin: Caller, machine: Caller, open_account: Open, sign_in: Callable[..., Caller]) -> None:
        self._admin, self._machine, self._sign_in = admin, machine, sign_in
        self._open_account = open_account
        self._chance = random.Random(SEED)
        self._numbers = count()
        self._periods: list[str] = []
        self._booking = ""

    def locks(self) -> Round:
        fits, account = self._account()
        return Round([self._reserve(account, "lock", n, "CHALLENGE") for n in range(CALLERS)], fits)

    def consumes(self) -> Round:
        fits, account = self._account()
        return Round([self._reserve(account, "consume", n, "ENGAGEMENT") for n in range(CALLERS)], fits)

    def batch_consumes(self) -> Round:
        """Every call charges three accounts, in an order of its own; the smallest budget decides."""
        budgets = dict(self._account()[::-1] for _ in range(3))
        return Round([self._batch(list(budgets)) for _ in range(CALLERS)], min(budgets.values()))

    def payments(self) -> Round:
        fits, account = self._account()
        if not self._booking:
            booking = create_booking(self._admin, account, memberRate=5, **WEEKS)
            self._booking = f"{BOOKINGS}/{booking['id']}"
            self._periods = periods_of(self._admin, booking["id"])
        data(self._admin.patch(self._booking, {"billingAccountId": account}))
        return Round([self._pay(period) for period in self._periods[:CALLERS]], fits)

    def credits(self) -> Round:
        fits, item = self._spending()
        return Round([lambda: self._machine.post("/v1/billing/credits/usage/", item)] * CALLERS, fits)

    def credits_in_bulk(self) -> Round:
        fits, item = self._spending()
        return Round([lambda: self._machine.post("/v1/billing/credits/usage/bulk/", [item])] * CALLERS, fits)

    def _account(self) -> tuple[int, int]:
        fits = self._chance.randrange(1, CALLERS)
        return fits, self._open_account(budget=AMOUNT * fits + self._chance.randrange(AMOUNT))

    def _spending(self) -> tuple[int, dict[str, Any]]:
        user = self._sign_in(user=f"customer-{next(self._numbers)}")
        account_id = open_customer(user, "Prove")["id"]
        used = self._chance.randrange(2, 34)
        return 100 // used, {"operation_type": "search", "credits_used": used, "account_id": account_id}

    def _reserve(self, account: int, operation: str, number: int, external_type: str) -> Call:
        body = {"externalType": external_type, "externalId": f"c{number}", "amount": AMOUNT}
        return lambda: self._admin.patch(f"{ACCOUNTS}/{account}/{operation}-amount", body)

    def _batch(self, accounts: list[int]) -> Call:
        charges = [
            {"billingAccountId": account, "externalId": "e", "amount": AMOUNT}
            for account in self._chance.sample(accounts, len(accounts))
        ]
        return lambda: self._admin.post(f"{ACCOUNTS}/consume-amounts", {"consumes": charges})

    def _pay(self, period: str) -> Call:
        body = {"workPeriodId": period, "days": 0, "amount": AMOUNT}
        return lambda: self._admin.post("/v6/work-period-payments", body)


LOCK_OF = {
    "locks": (single, "LOCK"),
    "consumes": (single, "CONSUME"),
    "batch_consumes": (batch, "LOCK"),
    "payments": (batch, "LOCK"),
    "credits": (credit_single, "SPEND"),
    "credits_in_bulk": (balances, "LOCK"),
}


@pytest.fixture
def world(admin: Caller, open_account: Open, as_caller: Callable[..., Caller]) -> World:
    return World(admin, as_caller(scopes=("spend:credits",)), open_account, as_caller)


def status(answer: TestResponse) -> int:
    """The status of the answer, or of the one item that was sent in bulk."""
    found = data(answer) if answer.status_code == 200 else None
    if isinstance(found, list) and "error" in found[0]:
        return int(found[0]["error"]["code"])
    return answer.status_code


def wrong_answers(each: Round) -> int:
    """How many calls more or less succeeded than fit, and how many were answered with neither success nor refusal."""
    statuses = [status(answer) for answer in at_once(each.calls, CALLERS)]
    granted = sum(status in {200, 201} for status in statuses)
    refused = sum(status in {400, 402} for status in statuses)
    return abs(granted - each.fits) + len(statuses) - granted - refused


def differences() -> Iterator[Any]:
    for audit in (budget_audit, payment_audit, credit_audit):
        yield from audit.differences()


@pytest.mark.parametrize("kind", LOCK_OF)
def test_exactly_as_many_succeed_as_fit(app: Flask, world: World, scale: Scale, record: Record, kind: str) -> None:
    rounds = scale(200, 2)
    make: Callable[[], Round] = getattr(world, kind)
    wrong = sum(wrong_answers(make()) for _ in range(rounds))
    with app.app_context():
        wrong += len(list(differences()))
    control = _rounds_until_wrong(make, kind)
    name = kind.replace("_", " ")
    record(
        Finding(
            f"overspend, {name}",
            f"{rounds} rounds of {CALLERS} callers",
            wrong,
            f"rows not locked: wrong in round {control}",
            SEED,
        )
    )


def _rounds_until_wrong(make: Callable[[], Round], kind: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        without_lock(patch, *LOCK_OF[kind])
        for number in range(1, MOST_CONTROL_ROUNDS + 1):
            if wrong_answers(make()):
                return number
    pytest.fail("nothing went wrong without the lock: the check proves nothing")
