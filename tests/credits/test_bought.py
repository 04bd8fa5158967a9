"""What is left of purchases, against a model that keeps every lot of credits by itself."""

import random
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from flask import Flask

from app import tenancy
from app.credits import audit, queries
from app.credits.ledger import batch, bought, single
from app.credits.ledger.batch import Entry
from app.credits.models import TransactionType
from app.db.base import db
from app.db.transaction import transaction


class Lot(NamedTuple):
    """Credits that arrived together; those that were given are of no purchase."""

    purchase: int | None
    credits: int


class Model:
    """Lots in the order in which they are spent: given ones first, then older ones."""

    def __init__(self, given: int) -> None:
        self.lots = [Lot(None, given)]

    def arrive(self, purchase: int | None, credits: int) -> None:
        before = [lot for lot in self.lots if lot.purchase is None or lot.purchase != purchase]
        same = sum(lot.credits for lot in self.lots if lot.purchase is not None and lot.purchase == purchase)
        lots = [*before, Lot(purchase, same + credits)]
        self.lots = [lot for lot in lots if lot.purchase is None] + [lot for lot in lots if lot.purchase is not None]

    def spend(self, credits: int) -> None:
        for place, lot in enumerate(self.lots):
            taken = min(credits, lot.credits)
            self.lots[place] = lot._replace(credits=lot.credits - taken)
            credits -= taken
        assert credits == 0

    def take(self, purchase: int, credits: int) -> None:
        place = next(n for n, lot in enumerate(self.lots) if lot.purchase == purchase)
        self.lots[place] = Lot(purchase, self.lots[place].credits - credits)

    def left(self, purchase: int) -> int:
        return sum(lot.credits for lot in self.lots if lot.purchase == purchase)

    @property
    def credits(self) -> int:
        return sum(lot.credits for lot in self.lots)


def post(account_id: int, amount: int, kind: TransactionType, purchase: int | None = None) -> Any:
    operation = "x" if kind == TransactionType.DEDUCTION else None
    return batch.post_one(Entry(account_id, amount, kind, "", operation, None, purchase))


class History:
    """Random steps, taken by the service and by the model alike."""

    def __init__(self, account_id: int, seed: int) -> None:
        self.account_id, self.chance, self.model = account_id, random.Random(seed), Model(100)
        self.purchases: list[int] = []
        self.taken: dict[int, int] = {}

    def step(self) -> None:
        self.chance.choice(
            [self.buy, self.give, self.spend, self.spend_singly, self.adjust, self.take, self.give_back]
        )()

    def buy(self) -> None:
        amount = self.chance.randrange(1, 200)
        position = post(self.account_id, amount, TransactionType.PURCHASE)["position"]
        self.purchases.append(position)
        self.model.arrive(position, amount)

    def give(self) -> None:
        amount, kind = self.chance.randrange(1, 200), self.chance.choice(["grant", "refund", "adjustment"])
        post(self.account_id, amount, TransactionType(kind))
        self.model.arrive(None, amount)

    def spend(self, kind: TransactionType = TransactionType.DEDUCTION) -> None:
        if amount := min(self.chance.randrange(1, 200), self.model.credits):
            post(self.account_id, -amount, kind)
            self.model.spend(amount)

    def adjust(self) -> None:
        self.spend(TransactionType.ADJUSTMENT)

    def spend_singly(self) -> None:
        if amount := min(self.chance.randrange(1, 200), self.model.credits):
            single.spend(self.account_id, amount, "x", "")
            self.model.spend(amount)

    def take(self) -> None:
        purchase = self.chance.choice(self.purchases) if self.purchases else 0
        if amount := min(self.chance.randrange(1, 200), self.model.left(purchase)):
            post(self.account_id, -amount, TransactionType.REFUND, purchase)
            self.model.take(purchase, amount)
            self.taken[purchase] = self.taken.get(purchase, 0) + amount

    def give_back(self) -> None:
        if self.taken:
            purchase, amount = self.taken.popitem()
            post(self.account_id, amount, TransactionType.REFUND, purchase)
            self.model.arrive(purchase, amount)


@pytest.mark.parametrize("seed", range(6))
def test_credits_left_of_purchases_follow_the_model(app: Flask, customer_id: int, seed: int) -> None:
    history = History(customer_id, seed)
    with app.app_context():
        for _ in range(120):
            with transaction():
                tenancy.set_account(customer_id)
                history.step()
            with transaction():
                tenancy.set_account(customer_id)
                credits = db.session.execute(queries.CREDITS, {"account_id": customer_id}).scalar_one()
                assert credits == history.model.credits
                for purchase in history.purchases:
                    assert bought.unspent(customer_id, purchase) == history.model.left(purchase)
        assert list(audit.differences()) == []


def test_credits_left_of_purchases_follow_bulk_spending(app: Flask, customer_id: int) -> None:
    entries = [
        Entry(customer_id, 50, TransactionType.PURCHASE, ""),
        Entry(customer_id, -120, TransactionType.DEDUCTION, "", "x"),
        Entry(customer_id, 40, TransactionType.GRANT, ""),
        Entry(customer_id, -60, TransactionType.DEDUCTION, "", "x"),
    ]
    with app.app_context():
        with transaction():
            tenancy.set_account(customer_id)
            first, *_ = batch.post(entries)
        assert isinstance(first, dict)
        with transaction():
            tenancy.set_account(customer_id)
            assert bought.unspent(customer_id, first["position"]) == 10
        assert list(audit.differences()) == []


def test_verification_recomputes_credits_left_of_purchases(
    app: Flask, customer_id: int, tampered: Callable[[str], None]
) -> None:
    with app.app_context():
        with transaction():
            tenancy.set_account(customer_id)
            post(customer_id, 50, TransactionType.PURCHASE)
            post(customer_id, 50, TransactionType.GRANT)
        tampered("bought_after = bought_after - 1 WHERE position = 2")
        assert [each.subject for each in audit.differences()] == [f"account {customer_id}, transaction 2"]
        tampered("bought_after = bought_after - 1 WHERE position = 3")
        assert [each.subject for each in audit.differences()] == [
            f"account {customer_id}, transaction 2",
            f"account {customer_id}, transaction 3",
            f"account {customer_id}",
        ]


@pytest.fixture
def tampered(app: Flask) -> Callable[[str], None]:
    """Changes transactions, which the database refuses to others than their owner."""

    def act(change: str) -> None:
        with app.app_context(), db.engine.begin() as connection:
            for statement in (
                "SELECT set_config('billing.account_id', '*', true)",
                "ALTER TABLE credit_transactions DISABLE TRIGGER append_only",
                f"UPDATE credit_transactions SET {change}",
                "ALTER TABLE credit_transactions ENABLE TRIGGER append_only",
            ):
                connection.exec_driver_sql(statement)

    return act
