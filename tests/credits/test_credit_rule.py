"""The credit rules: as SQL and in Python they decide alike, and so do the statement for one deduction and the batch."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time
from sqlalchemy import text

from app import tenancy
from app.credits.ledger import batch, rule, single
from app.credits.ledger.batch import Entry
from app.credits.ledger.rule import Course, Debit
from app.credits.models import LotSource, LotStatus, TransactionType
from app.customers.models import AccountStatus
from app.db.base import db
from app.errors import ServiceError

SEED = 20_251
NOW = datetime(2031, 3, 10, tzinfo=UTC)
DECIDED = text(f"""
    SELECT {rule.REFUSAL.sql}, {rule.REFUSAL_UNLESS_CLOSED.sql}, {rule.DECISION.sql}, {rule.COST_USD.sql} FROM unnest(
        CAST(:amount AS bigint[]), CAST(:credits AS bigint[]), CAST(:held AS bigint[]), CAST(:frozen AS bigint[]),
        CAST(:debt AS bigint[]), CAST(:in_first_lot AS bigint[]),
        CAST(:is_due AS boolean[]), CAST(:is_known AS boolean[]), CAST(:is_capped AS boolean[]),
        CAST(:status AS text[]), CAST(:usd_per_credit AS numeric[])
    ) WITH ORDINALITY AS debit ({", ".join(Debit._fields)}, nth) ORDER BY nth
""")
CALLED = text(f"""
    SELECT {rule.STATUS.sql} FROM unnest(
        CAST(:is_pending AS boolean[]), CAST(:remaining AS bigint[]), CAST(:expired AS bigint[]),
        CAST(:voided AS bigint[])
    ) WITH ORDINALITY AS course ({", ".join(Course._fields)}, nth) ORDER BY nth
""")


def debit(chance: random.Random) -> Debit:
    """Credits about what is available, about what the first lot has, or any."""
    credits = chance.choice([0, chance.randrange(1_000), chance.randrange(2**31)])
    held = chance.choice([0, credits, chance.randrange(credits + 1)])
    frozen = chance.choice([0, 0, credits - held, chance.randrange(credits - held + 1)])
    available = credits - held - frozen
    first = chance.choice([0, available, chance.randrange(available + 1)])
    around = chance.choice([available, available, credits, first]) + chance.choice([-1, 0, 1])
    amount = max(1, chance.choice([around, around, chance.randrange(1, 2_000)]))
    is_due, is_known, is_capped = (chance.random() < 0.07 for _ in range(3))
    return Debit(
        amount,
        credits,
        held,
        frozen,
        chance.choice([*[0] * 9, 1, chance.randrange(2**31)]),
        first,
        is_due,
        is_known,
        is_capped,
        chance.choices(list(AccountStatus), (14, 1, 1))[0].value,
        chance.randrange(10**9) * Decimal("0.000001"),
    )


def columns(facts: list[Any]) -> dict[str, list[Any]]:
    return dict(zip(facts[0]._fields, map(list, zip(*facts, strict=True)), strict=True))


def test_sql_and_python_decide_alike(app: Flask) -> None:
    chance = random.Random(SEED)
    debits = [debit(chance) for _ in range(6_000)]
    rules = (rule.REFUSAL, rule.REFUSAL_UNLESS_CLOSED, rule.DECISION, rule.COST_USD)
    in_python = [tuple(each.decide(asked) for each in rules) for asked in debits]
    with app.app_context():
        assert [tuple(row) for row in db.session.execute(DECIDED, columns(debits))] == in_python
    decisions = [decision for _, _, decision, _ in in_python]
    assert min(decisions.count(each) for each in (None, "insufficient_credits", rule.BY_THE_BATCH)) > 300
    assert min(decisions.count(each) for each in ("account_suspended", "account_closed", "account_in_debt")) > 100


def test_sql_and_python_call_lots_alike(app: Flask) -> None:
    courses = [
        Course(is_pending, *counts)
        for is_pending in (True, False)
        for counts in [(a, b, c) for a in (0, 3) for b in (0, 2) for c in (0, 1)]
    ]
    in_python = [rule.STATUS.decide(each) for each in courses]
    with app.app_context():
        assert list(db.session.execute(CALLED, columns(courses)).scalars()) == in_python
    assert set(in_python) == set(LotStatus)


def test_no_more_is_spent_than_is_available_and_one_lot_only_pays_what_it_has() -> None:
    chance = random.Random(SEED)
    for asked in (debit(chance) for _ in range(6_000)):
        refusal, decision = rule.REFUSAL.decide(asked), rule.DECISION.decide(asked)
        fits = asked.amount <= asked.credits - asked.held - asked.frozen
        assert (refusal is None) == (asked.status == "active" and fits and not asked.debt), asked
        if decision is None:
            assert refusal is None
            assert (asked.is_due, asked.is_known, asked.is_capped) == (False, False, False)
            assert asked.amount <= asked.in_first_lot, asked


FORGET = text("DELETE FROM credit_lots WHERE account_id = :account_id")
ADD_LOT = text("""
    INSERT INTO credit_lots (account_id, source, credits, remaining, held, frozen, priority, effective_at,
        expires_at, transaction_type, position, actor, actor_kind, action, created_at)
    VALUES (:account_id, :source, :credits, :credits, :held, :frozen, :priority, :effective_at, :expires_at, 'grant',
        :position, '', 'command', 'test', :effective_at)
""")
SET_BALANCE = text("""
    UPDATE credit_balances SET transactions = 5, moved_at = :moved_at, due_at = :due_at,
        credits = (SELECT coalesce(sum(remaining), 0) FROM credit_lots WHERE account_id = :account_id),
        held = (SELECT coalesce(sum(held), 0) FROM credit_lots WHERE account_id = :account_id), debt = :debt,
        frozen = (
            SELECT coalesce(sum(least(frozen, remaining - held)), 0) FROM credit_lots WHERE account_id = :account_id
        )
    WHERE account_id = :account_id
""")
GRANT_MONTHS = text("""
    INSERT INTO plan_grants (account_id, month, credits, created_at)
    SELECT :account_id, month, 0, now()
    FROM generate_series(CAST('2020-01-01' AS date), '2031-03-01', interval '1 month') AS month ON CONFLICT DO NOTHING
""")
LEFT = (
    text(
        "SELECT credits, held, frozen, debt, transactions, moved_at FROM credit_balances WHERE account_id = :account_id"
    ),
    text("""
        SELECT position, amount, transaction_type, description, operation_type, cost_usd, balance_after, usage_key,
            usage_key_owner, lot_ids, lot_credits, actor_kind, action, created_at
        FROM credit_transactions WHERE account_id = :account_id ORDER BY position
    """),
    text("SELECT id, remaining, held, frozen, expired FROM credit_lots WHERE account_id = :account_id ORDER BY id"),
    text("SELECT transaction_type, total, count FROM credit_daily_totals WHERE account_id = :account_id ORDER BY 1"),
)


def set_state(chance: random.Random, account_id: int) -> int:
    """Give the account some lots, of which some may have expired; how much is available."""
    values = {"account_id": account_id}
    db.session.execute(FORGET, values)
    expiries = []
    free = 0
    for position in range(chance.randrange(5)):
        credits = chance.randrange(1, 60)
        held = chance.choice([0, 0, credits, chance.randrange(credits + 1)])
        frozen = chance.choice([0, 0, 0, credits, chance.randrange(credits + 1)])
        expires_at = chance.choice([None, None, NOW + timedelta(days=chance.choice([-1, 1, 1, 2]))])
        lot = {
            "source": chance.choice([LotSource.GRANT, LotSource.PURCHASE]),
            "credits": credits,
            "held": held,
            "frozen": frozen,
            "priority": chance.choice([100, 100, 5]),
            "effective_at": NOW - timedelta(days=chance.randrange(5, 8)),
            "expires_at": expires_at,
            "position": position + 1,
        }
        db.session.execute(ADD_LOT, {**values, **lot})
        free += max(0, credits - held - frozen)
        expiries += [expires_at] if expires_at is not None and credits > held else []
    db.session.execute(GRANT_MONTHS, values)
    debt = chance.choice([*[0] * 9, 7])
    due_at = min([*expiries, datetime(2031, 4, 1, tzinfo=UTC)])
    db.session.execute(SET_BALANCE, {**values, "moved_at": NOW - timedelta(days=4), "due_at": due_at, "debt": debt})
    return free


def outcome(account_id: int, act: Callable[[], Any]) -> tuple[Any, ...]:
    """What an operation raised, and what it left; then it is undone."""
    refusal: tuple[Any, ...] | None = None
    with db.session.begin_nested() as attempt:
        try:
            act()
        except ServiceError as failure:
            refusal = (type(failure), failure.reason, failure.message, failure.details)
        left = [db.session.execute(each, {"account_id": account_id}).all() for each in LEFT]
        attempt.rollback()
    return refusal, *left


def test_one_statement_and_the_batch_do_the_same(app: Flask, customer_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(SEED)
    alone = refused = 0
    fallen_back: list[Entry] = []

    def note(entry: Entry, **values: Any) -> Any:
        fallen_back.append(entry)
        return post_one(entry, **values)

    post_one = batch.post_one
    monkeypatch.setattr(batch, "post_one", note)
    with app.app_context(), freeze_time(NOW):
        tenancy.set_account(customer_id)
        for _ in range(300):
            with db.session.begin_nested() as setting:
                free = set_state(chance, customer_id)
                used = max(1, free + chance.choice([-1, 0, 1, -free, -free // 2, -free // 2]))
                entry = Entry(customer_id, used, TransactionType.DEDUCTION, "text", "search")
                by_batch = outcome(customer_id, lambda: batch.post_one(entry))  # noqa: B023 - called at once
                fallen_back.clear()
                one = outcome(customer_id, lambda: single.spend(entry))  # noqa: B023
                assert one == by_batch, entry
                setting.rollback()
            alone += not fallen_back and one[0] is None
            refused += one[0] is not None
        db.session.rollback()
    assert 60 < alone < 240
    assert 20 < refused < 200
