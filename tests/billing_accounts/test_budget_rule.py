"""The budget rule: as SQL and in Python it decides alike, and so do the statement for one reference and the batch."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from flask import Flask
from sqlalchemy import text

from app.billing_accounts.ledger import batch, rule, single
from app.billing_accounts.ledger.batch import Budgets, Charge
from app.billing_accounts.ledger.rule import Request
from app.billing_accounts.ledger.single import Reference
from app.billing_accounts.ledger.standing import Line
from app.billing_accounts.models import ExternalType, Kind, Status
from app.clock import utc_now
from app.db.base import db
from app.errors import Reason, ServiceError

SEED = 20_250
NOW = datetime(2025, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
STEP = Decimal("0.0001")
NOTHING = Decimal(0)
DECIDED = text(f"""
    SELECT {rule.REFUSAL.sql} FROM unnest(
        CAST(:status AS text[]), CAST(:opens_at AS timestamptz[]), CAST(:closes_at AS timestamptz[]),
        CAST(:dates_enforced AS boolean[]), CAST(:asked_at AS timestamptz[]), CAST(:remaining AS numeric[]),
        CAST(:held_as AS text[]), CAST(:held AS numeric[]), CAST(:asked_as AS text[]), CAST(:asked AS numeric[])
    ) WITH ORDINALITY AS request ({", ".join(Request._fields)}, nth) ORDER BY nth
""")


class State(NamedTuple):
    """How an account stands, and what one reference has of it."""

    status: str
    start_date: datetime | None
    end_date: datetime | None
    amount: Decimal
    locked: Decimal
    consumed: Decimal
    held_as: Kind | None
    held: Decimal

    @property
    def remaining(self) -> Decimal:
        return self.amount - self.locked - self.consumed


def state(chance: random.Random, now: datetime) -> State:
    """A budget that is used in part, to its end or above, as imports may leave it."""
    held_as = chance.choice([None, Kind.LOCKED, Kind.CONSUMED])
    held = NOTHING if held_as is None else chance.randrange(1, 900_000) * STEP
    locked, consumed = (chance.choice([NOTHING, chance.randrange(900_000) * STEP]) for _ in range(2))
    locked += held if held_as == Kind.LOCKED else NOTHING
    consumed += held if held_as == Kind.CONSUMED else NOTHING
    left = chance.choice([NOTHING, STEP, -STEP, chance.randrange(-900_000, 900_000) * STEP])
    start_date = chance.choice([None, now - DAY, now, now + DAY])
    ends = (day for day in (now - DAY, now, now + DAY) if not start_date or day >= start_date)
    end_date = chance.choice([None, *ends])
    status = chance.choice([Status.ACTIVE, Status.ACTIVE, Status.INACTIVE])
    amount = max(locked + consumed + left, NOTHING)
    return State(status, start_date, end_date, amount, locked, consumed, held_as, held)


def asked(chance: random.Random, state: State) -> Decimal:
    """An amount about what the reference has, about what it could have, or any."""
    limit = state.held + max(state.remaining, NOTHING)
    around = chance.choice([state.held, limit]) + chance.choice([-STEP, NOTHING, STEP])
    return max(STEP, chance.choice([around, around, chance.randrange(1, 2_000_000) * STEP]))


def request(chance: random.Random) -> Request:
    stands = state(chance, NOW)
    return Request(
        status=stands.status,
        opens_at=stands.start_date or rule.ALWAYS_OPEN,
        closes_at=stands.end_date or rule.NEVER_CLOSED,
        remaining=stands.remaining,
        held_as=stands.held_as,
        held=stands.held,
        asked_as=chance.choice(list(Kind)),
        asked=asked(chance, stands),
        asked_at=NOW,
        dates_enforced=chance.choice([True, False]),
    )


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    chance = random.Random(SEED)
    return [request(chance) for _ in range(6_000)]


def test_sql_and_python_decide_alike(app: Flask, requests: list[Request]) -> None:
    columns = dict(zip(Request._fields, map(list, zip(*requests, strict=True)), strict=True))
    with app.app_context():
        in_sql = db.session.execute(DECIDED, columns).scalars().all()
    in_python = [rule.REFUSAL.decide(each) for each in requests]
    assert in_sql == in_python
    every = {None, "already_consumed", "account_inactive", "account_not_current", "insufficient_funds"}
    assert set(in_python) == every
    assert min(in_python.count(each) for each in every) > 100


def test_what_does_not_raise_the_sum_passes_and_nothing_exceeds_the_budget(requests: list[Request]) -> None:
    for each in requests:
        refusal, more = rule.REFUSAL.decide(each), each.asked - each.held
        is_outside = each.dates_enforced and not each.opens_at <= each.asked_at <= each.closes_at
        if each.held_as == Kind.CONSUMED and each.asked_as == Kind.LOCKED:
            assert refusal == Reason.ALREADY_CONSUMED, each
        elif more <= 0:
            assert refusal is None, each
        else:
            is_open = each.status == Status.ACTIVE and not is_outside
            assert (refusal is None) == (is_open and more <= each.remaining), each
            assert (refusal == Reason.ACCOUNT_INACTIVE) == (each.status == Status.INACTIVE), each
            assert (refusal == Reason.INSUFFICIENT_FUNDS) == (is_open and more > each.remaining), each


SET_ACCOUNT = text("""
    UPDATE billing_accounts SET status = :status, start_date = :start_date, end_date = :end_date WHERE id = :account_id
""")
SET_BUDGET = text("""
    UPDATE budgets SET amount = :amount, locked = :locked, consumed = :consumed WHERE billing_account_id = :account_id
""")
SET_LINE = text("""
    INSERT INTO budget_lines
        (billing_account_id, kind, external_type, external_id, amount, date, created_at, consumed_at)
    SELECT :account_id, :held_as, :external_type, 'c', :held, :now, :now,
        CASE :held_as WHEN 'consumed' THEN CAST(:now AS timestamptz) END
    WHERE :held_as IS NOT NULL
""")
TOTALS = text("SELECT amount, locked, consumed FROM budgets WHERE billing_account_id = :account_id")
LINES = text("""
    SELECT kind, external_id, amount FROM budget_lines WHERE billing_account_id = :account_id ORDER BY kind, amount
""")


@contextmanager
def standing(account_id: int, stands: State, external_type: ExternalType) -> Iterator[None]:
    """The account so inside the block, its reference being of this type."""
    values = {**stands._asdict(), "account_id": account_id, "now": NOW, "external_type": external_type}
    with db.session.begin_nested() as setting:
        for statement in (SET_ACCOUNT, SET_BUDGET, SET_LINE):
            db.session.execute(statement, values)
        yield
        setting.rollback()


def outcome(account_id: int, act: Callable[[], Any]) -> tuple[Any, ...]:
    """What an operation raised, and what it left; then it is undone."""
    refusal: tuple[Any, ...] | None = None
    with db.session.begin_nested() as attempt:
        try:
            act()
        except ServiceError as failure:
            details = {name: value for name, value in (failure.details or {}).items() if name != "index"}
            refusal = (type(failure), failure.reason, failure.message, details)
        left = [db.session.execute(each, {"account_id": account_id}).all() for each in (TOTALS, LINES)]
        attempt.rollback()
    return refusal, *left


def in_batch(account_id: int, stands: State, asked_as: Kind, amount: Decimal) -> None:
    budgets = Budgets(ExternalType.WORK_PERIOD_PAYMENT, [account_id])
    before = None if stands.held_as is None else Line(account_id, stands.held_as, stands.held)
    budgets.move("c", before, Line(account_id, asked_as, amount))
    budgets.write()


@pytest.fixture(params=[False, True], ids=["dates ignored", "dates enforced"])
def dates_enforced(app_with: Callable[..., Flask], request: pytest.FixtureRequest) -> Iterator[bool]:
    """In an application context."""
    with app_with(account_dates_enforced=request.param).app_context():
        yield request.param
        db.session.rollback()


def test_one_statement_and_the_batch_do_the_same(dates_enforced: bool, account_id: int) -> None:
    chance = random.Random(SEED)
    seen: list[Any] = []
    for _ in range(300):
        stands, asked_as = state(chance, utc_now() + timedelta(hours=1)), chance.choice(list(Kind))
        amount = asked(chance, stands)
        challenge, engagement = (Reference(kind, "c") for kind in (ExternalType.CHALLENGE, ExternalType.ENGAGEMENT))
        with standing(account_id, stands, ExternalType.WORK_PERIOD_PAYMENT):
            paid = outcome(account_id, lambda: in_batch(account_id, stands, asked_as, amount))  # noqa: B023 - called at once
        with standing(account_id, stands, ExternalType.CHALLENGE):
            one = single.lock if asked_as == Kind.LOCKED else single.consume
            alone = outcome(account_id, lambda: one(account_id, challenge, amount))  # noqa: B023
            assert paid == alone, stands
            charged = outcome(account_id, lambda: single.consume(account_id, engagement, amount))  # noqa: B023
            charge = Charge(account_id, "c", amount)
            assert outcome(account_id, lambda: batch.consume_all([charge])) == charged, stands  # noqa: B023
        seen += [None if each is None else each[1] for each in (alone[0], charged[0])]
    outside = {Reason.ACCOUNT_NOT_CURRENT} if dates_enforced else set()
    assert set(seen) == {None, Reason.ALREADY_CONSUMED, Reason.ACCOUNT_INACTIVE, Reason.INSUFFICIENT_FUNDS} | outside


@pytest.mark.usefixtures("dates_enforced")
def test_an_engagement_gets_a_line_for_each_charge_of_a_call(account_id: int) -> None:
    batch.consume_all([Charge(account_id, "e", Decimal(amount)) for amount in (1, 1, 2)])
    lines = db.session.execute(LINES, {"account_id": account_id}).all()
    assert sorted(line.amount for line in lines) == [1, 1, 2]
