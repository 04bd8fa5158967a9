"""The credit rule: as SQL and in Python it decides alike, and so do the statement for one deduction and the batch."""

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from app import tenancy
from app.credits.ledger import batch, rule, single
from app.credits.ledger.batch import Entry
from app.credits.ledger.rule import Posting
from app.credits.models import TransactionType
from app.db.base import db
from app.errors import ServiceError

SEED = 20_251
DECIDED = text(f"""
    SELECT {rule.REFUSAL.sql}, {rule.BOUGHT_AFTER.sql}, {rule.COST_USD.sql} FROM unnest(
        CAST(:transaction_type AS text[]), CAST(:amount AS bigint[]), CAST(:of_purchase AS boolean[]),
        CAST(:credits AS bigint[]), CAST(:bought AS bigint[]), CAST(:usd_per_credit AS numeric[])
    ) WITH ORDINALITY AS posting ({", ".join(Posting._fields)}, nth) ORDER BY nth
""")


def posting(chance: random.Random) -> Posting:
    """A transaction about what was given, about all there is, or any."""
    kind = chance.choice(list(TransactionType))
    credits = chance.choice([0, chance.randrange(1_000), chance.randrange(2**31)])
    bought = chance.choice([0, credits, chance.randrange(credits + 1)])
    around = chance.choice([credits, bought, credits - bought]) + chance.choice([-1, 0, 1])
    amount = chance.choice([around, around, chance.randrange(1, 2_000)]) or 1
    if kind == TransactionType.DEDUCTION:
        amount = -abs(amount)
    elif kind in {TransactionType.GRANT, TransactionType.PURCHASE}:
        amount = abs(amount)
    else:
        amount *= chance.choice([-1, 1])
    of_purchase = kind == TransactionType.PURCHASE or (kind == TransactionType.REFUND and chance.random() < 0.5)
    return Posting(kind, amount, of_purchase, credits, bought, chance.randrange(10**9) * Decimal("0.000001"))


@pytest.fixture(scope="module")
def postings() -> list[Posting]:
    chance = random.Random(SEED)
    return [posting(chance) for _ in range(6_000)]


def test_sql_and_python_decide_alike(app: Flask, postings: list[Posting]) -> None:
    columns = dict(zip(Posting._fields, map(list, zip(*postings, strict=True)), strict=True))
    rules = (rule.REFUSAL, rule.BOUGHT_AFTER, rule.COST_USD)
    in_python = [tuple(each.decide(asked) for each in rules) for asked in postings]
    with app.app_context():
        assert [tuple(row) for row in db.session.execute(DECIDED, columns)] == in_python
    refusals = [refusal for refusal, *_ in in_python]
    assert min(refusals.count(each) for each in (None, "insufficient_credits")) > 500


def test_nothing_is_owed_and_what_was_given_goes_first(postings: list[Posting]) -> None:
    for each in postings:
        refusal, bought = rule.REFUSAL.decide(each), rule.BOUGHT_AFTER.decide(each)
        assert (refusal is None) == (each.credits + each.amount >= 0), each
        if refusal is not None:
            continue
        if each.of_purchase:
            assert bought == each.bought + each.amount, each
        else:
            given = each.credits - each.bought
            assert each.bought - bought == max(0, -each.amount - given), each


SET_BALANCE = text("""
    UPDATE credit_balances SET credits = :credits, bought = :bought, transactions = :transactions
    WHERE account_id = :account_id
""")
SET_PRICE = text("UPDATE plans SET usd_per_credit = :usd_per_credit")
LEFT = (
    text("SELECT credits, bought, transactions FROM credit_balances WHERE account_id = :account_id"),
    text("""
        SELECT position, amount, transaction_type, description, operation_type, cost_usd, balance_after, bought_after,
            usage_key, usage_key_owner, purchase_position, actor_kind, action
        FROM credit_transactions WHERE account_id = :account_id ORDER BY position
    """),
    text("SELECT transaction_type, total, count FROM credit_daily_totals WHERE account_id = :account_id ORDER BY 1"),
)


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


def test_one_statement_and_the_batch_do_the_same(app: Flask, customer_id: int) -> None:
    chance = random.Random(SEED)
    refused = 0
    with app.app_context():
        tenancy.set_account(customer_id)
        for _ in range(300):
            asked = posting(chance)
            used = abs(asked.amount)
            with db.session.begin_nested() as setting:
                values = {**asked._asdict(), "account_id": customer_id, "transactions": chance.randrange(1, 9)}
                db.session.execute(SET_BALANCE, values)
                db.session.execute(SET_PRICE, values)
                entry = Entry(customer_id, -used, TransactionType.DEDUCTION, "text", "search")
                alone = outcome(
                    customer_id,
                    lambda: single.spend(customer_id, used, "search", "text"),  # noqa: B023 - called at once
                )
                assert outcome(customer_id, lambda: batch.post_one(entry)) == alone, asked  # noqa: B023
                setting.rollback()
            refused += alone[0] is not None
        db.session.rollback()
    assert 30 < refused < 270
