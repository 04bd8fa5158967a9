"""Payments for work periods: created and changed one by one or by the hundred, always set-wise."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row

from app.auth.actor import Actor
from app.db.base import db
from app.db.paging import Page
from app.work_periods import queries
from app.work_periods.batch import Batch, Item, Outcome, no_payment


def search(arguments: Mapping[str, Any]) -> Page:
    """One page of the payments that match."""
    return queries.PAYMENTS.page(arguments)


def get(payment_id: str) -> Row[Any]:
    """The payment. Raises NotFound."""
    payment = db.session.execute(queries.PAYMENT, {"payment_id": payment_id}).one_or_none()
    if payment is None:
        raise no_payment(payment_id)
    return payment


def create_many(actor: Actor, items: Sequence[Item]) -> list[Outcome]:
    """A payment for each item (`work_period_id`, `days`, `amount`), or why there is none."""
    batch = Batch(actor, queries.LOCK_PERIODS, period_ids=sorted({item["work_period_id"] for item in items}))
    batch.lock_budgets(batch.account_ids)
    outcomes = batch.create(items)
    batch.write()
    return outcomes


def update_many(actor: Actor, items: Sequence[Item]) -> list[Outcome]:
    """The changed payment for each item (`id`, `if_match` and the fields to change), or why it was not changed."""
    payment_ids = sorted({item["id"] for item in items})
    batch = Batch(actor, queries.LOCK_PERIODS_OF_PAYMENTS, payment_ids=payment_ids)
    wanted = {item["billing_account_id"] for item in items if "billing_account_id" in item}
    batch.lock_budgets(batch.read_payments(payment_ids) | wanted)
    outcomes = batch.update(items)
    batch.write()
    return outcomes
