"""Callers that write all the time, keep account of what they were answered, and compare it with the database."""

import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from threading import Event, Thread
from typing import Any, NamedTuple
from uuid import uuid4

from app.config import Settings
from cli.token import mint
from tests.caller import ACCOUNTS
from tests.factories.bookings import BOOKING, BOOKINGS, PAYMENTS, PERIODS
from tests.processes import Service

USAGE = "/v1/billing/credits/usage/"
# Far above what the writers can spend.
PLENTY = 1_000_000_000
# Longer than any answer may take, whatever is broken.
TIMEOUT_SECONDS = 30
RETRY_SECONDS = 0.02
# How often a caller that was not answered well leaves it at that.
GIVES_UP = 0.1
# The rows that writes leave: effects, and the movements and entries that no effect is without, nor they without it.
ROWS = """
    SELECT set_config('billing.account_id', '*', false);
    SELECT billing_account_id::text, kind, external_id, amount::bigint FROM budget_lines
    WHERE external_type <> 'WORK_PERIOD_PAYMENT'
    UNION ALL
    SELECT account_id::text, transaction_type, operation_type, -amount FROM credit_transactions
    WHERE transaction_type = 'deduction'
    UNION ALL
    SELECT billing_account_id::text, 'movement ' || kind, external_id, greatest(locked_delta, consumed_delta)::bigint
    FROM budget_movements WHERE external_id IS NOT NULL AND external_type <> 'WORK_PERIOD_PAYMENT'
    UNION ALL
    SELECT 'payments', kind, '', (amount * 100)::bigint FROM (
        SELECT 'payment' AS kind, amount FROM work_period_payments
        UNION ALL
        SELECT 'line', amount FROM budget_lines WHERE external_type = 'WORK_PERIOD_PAYMENT'
        UNION ALL
        SELECT 'movement', locked_delta FROM budget_movements WHERE external_type = 'WORK_PERIOD_PAYMENT'
    ) AS paid
    UNION ALL
    SELECT 'clients', 'client', name, 0 FROM clients WHERE name <> 'Acme'
    UNION ALL
    SELECT 'clients', action, after ->> 'name', 0 FROM audit_entries
    WHERE object_type = 'client' AND after ->> 'name' <> 'Acme'
"""


class Row(NamedTuple):
    """A row that a write is to leave: where, as what, for what, and how much."""

    account: str
    kind: str
    reference: str
    amount: int


@dataclass
class Write:
    """A write with a key of its own, and the rows it is to leave, all of them once."""

    method: str
    path: str
    body: Any
    rows: frozenset[Row]
    # Sent until it is acknowledged; others are given up now and then, and may or may not have been done.
    insistent: bool = False
    key: str = field(default_factory=lambda: str(uuid4()))
    acknowledged: bool = False


class Answer(NamedTuple):
    """How a request was answered; no status means that the connection broke."""

    method: str
    begun: float
    seconds: float
    status: int | None
    retry_after: str | None

    @property
    def good(self) -> bool:
        return self.status in {HTTPStatus.OK, HTTPStatus.CREATED}

    @property
    def says_to_try_again(self) -> bool:
        return self.status == HTTPStatus.SERVICE_UNAVAILABLE and (self.retry_after or "").isdigit()


@dataclass(frozen=True)
class Books:
    """What the writers write to."""

    port: int
    token: str
    billing_accounts: tuple[int, int]
    customer: int
    work_period: str
    # What tells payments from each other: their amounts, in cents.
    cents: Iterator[int] = field(default_factory=lambda: itertools.count(1))


def open_books(service: Service, settings: Settings) -> Books:
    """Have the service open what is written to, with enough of everything."""

    def made(path: str, body: dict[str, object]) -> dict[str, Any]:
        status, created = service.call("POST", path, body)
        assert status == HTTPStatus.CREATED, created
        return dict(created)

    administrator, service.token = service.token, mint(settings, roles=(), user="owner")
    customer = made("/v1/account/", {"name": "Harbour Studio"})["id"]
    service.token = administrator
    grant = {"account_id": customer, "amount": PLENTY, "description": "Plenty", "transaction_type": "grant"}
    made("/v1/billing/credits/grant/", grant)
    client = made("/v6/clients", {"name": "Acme"})["id"]
    account = {"name": "Acme", "budget": PLENTY, "markup": 0, "clientId": client}
    accounts = made(ACCOUNTS, account)["id"], made(ACCOUNTS, account)["id"]
    booking = made(BOOKINGS, {**BOOKING, "billingAccountId": accounts[0]})["id"]
    period = service.get(f"{PERIODS}?resourceBookingId={booking}")["results"][0]["id"]
    return Books(service.port, mint(settings, scopes=("spend:credits",)), accounts, customer, period)


class Writer(Thread):
    """One caller: writes, reads in between, and sends what was not answered again."""

    def __init__(self, books: Books, seed: str) -> None:
        super().__init__(daemon=True)
        self.writes: list[Write] = []
        self.answers: list[Answer] = []
        self._books = books
        self._chance = random.Random(seed)
        self._ending = Event()
        self._connection = HTTPConnection("127.0.0.1", books.port, timeout=TIMEOUT_SECONDS)

    def run(self) -> None:
        while not self._ending.is_set():
            for write in self._next():
                self.writes.append(write)
                self._acknowledge(write)
            self._ask("GET", self._chance.choice([f"{ACCOUNTS}/{self._account()}", ACCOUNTS]))
        self._connection.close()

    def end(self) -> None:
        """Let the present write be acknowledged, then end."""
        self._ending.set()
        self.join(TIMEOUT_SECONDS)
        assert not self.is_alive(), "a request was never answered"

    def served_after(self, moment: float, *, write: bool = False) -> float | None:
        """When a request (a write, if that is asked) begun after that moment was first answered well."""
        found = None
        for answer in reversed(self.answers):
            if answer.begun <= moment:
                break
            if answer.good and not (write and answer.method == "GET"):
                found = answer.begun + answer.seconds
        return found

    def _next(self) -> Iterable[Write]:
        account, reference, amount = self._account(), str(uuid4()), self._chance.randrange(1, 9)
        kind = self._chance.choice(["lock", "settle", "charge", "spend", "pay", "open"])
        if kind == "charge":
            consumes = [
                {"billingAccountId": each, "externalId": reference, "amount": amount}
                for each in self._books.billing_accounts
            ]
            rows = {
                Row(str(each), kind, reference, amount)
                for each in self._books.billing_accounts
                for kind in ("consumed", "movement consumed")
            }
            yield Write("POST", f"{ACCOUNTS}/consume-amounts", {"consumes": consumes}, frozenset(rows))
        elif kind == "spend":
            body = {"operation_type": reference, "credits_used": amount, "account_id": self._books.customer}
            row = Row(str(self._books.customer), "deduction", reference, amount)
            yield Write("POST", USAGE, body, frozenset({row}))
        elif kind == "pay":
            cents = next(self._books.cents)
            body = {"workPeriodId": self._books.work_period, "days": 0, "amount": cents / 100}
            paid = frozenset(Row("payments", each, "", cents) for each in ("payment", "line", "movement"))
            yield Write("POST", PAYMENTS, body, paid)
        elif kind == "open":
            entry = frozenset(Row("clients", each, reference, 0) for each in ("client", "createClient"))
            yield Write("POST", "/v6/clients", {"name": reference}, entry)
        else:
            body = {"challengeId": reference, "amount": amount}
            locked = Row(str(account), "locked", reference, amount)
            moved = locked._replace(kind="movement locked")
            settles = kind == "settle"
            yield Write(
                "PATCH", f"{ACCOUNTS}/{account}/lock-amount", body, frozenset({locked, moved}), insistent=settles
            )
            if settles:
                # The line of the lock becomes the one that is consumed.
                self.writes.pop()
                consumed = {locked._replace(kind=each) for each in ("consumed", "movement consumed")}
                path = f"{ACCOUNTS}/{account}/consume-amount"
                yield Write("PATCH", path, body, frozenset({moved, *consumed}), insistent=True)

    def _acknowledge(self, write: Write) -> None:
        given_up = False
        while not write.acknowledged and not given_up:
            write.acknowledged = self._ask(write.method, write.path, write.body, write.key).good
            given_up = not write.insistent and self._chance.random() < GIVES_UP

    def _ask(self, method: str, path: str, body: Any = None, key: str | None = None) -> Answer:
        headers = {"Authorization": f"Bearer {self._books.token}", "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        begun = time.monotonic()
        try:
            self._connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = self._connection.getresponse()
            response.read()
            status, retry_after = response.status, response.headers["Retry-After"]
        except (OSError, HTTPException):
            self._connection.close()
            status, retry_after = None, None
        answer = Answer(method, begun, time.monotonic() - begun, status, retry_after)
        self.answers.append(answer)
        if not answer.good:
            self._ending.wait(RETRY_SECONDS)
        return answer

    def _account(self) -> int:
        return self._chance.choice(self._books.billing_accounts)


class Comparison(NamedTuple):
    """What is wrong between what callers were told and what the database holds."""

    missing: int
    halves: int
    twice: int
    unasked: int


def compare(writes: Iterable[Write], found: Counter[Row]) -> Comparison:
    """Compare writes with the rows that were found."""
    missing = halves = 0
    asked: set[Row] = set()
    for write in writes:
        there = [row for row in write.rows if row in found]
        missing += write.acknowledged and len(there) < len(write.rows)
        halves += 0 < len(there) < len(write.rows)
        asked |= write.rows
    twice = sum(number > 1 for number in found.values())
    return Comparison(missing, halves, twice, len(found.keys() - asked))
