"""What requests about credits cost the database: how many statements, and by which plans."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from app import tenancy
from app.credits import queries
from app.db.base import db
from app.db.paging import ListQuery
from bench import credits
from tests.caller import Caller, data

USAGE = "/v1/billing/credits/usage"
ITEM = {"operation_type": "search", "credits_used": 1}
FILTERS: dict[str, Any] = {
    "transaction_type": "adjustment",
    "operation_type": "operation-3",
    "start_date": datetime(2999, 1, 1, tzinfo=UTC),
    "end_date": datetime(2001, 1, 1, tzinfo=UTC),
}


def plan(query: ListQuery, values: dict[str, Any]) -> str:
    page, _ = query.statements(frozenset(values), query.default_sort, query.default_order, 20)
    return "\n".join(db.session.connection().exec_driver_sql(f"EXPLAIN {page.sql}", values).scalars())


LISTS = {"transactions": queries.TRANSACTIONS, "usage": queries.USAGE}
CASES = [(kind, name) for kind, query in LISTS.items() for name in (None, *(query.filters.keys() & FILTERS))]


@pytest.mark.parametrize(("kind", "name"), sorted(CASES, key=str))
def test_nothing_reads_all_transactions(
    app: Flask, customer_id: int, as_caller: Callable[..., Caller], kind: str, name: str | None
) -> None:
    other_id = data(as_caller(user="other").post("/v1/account", {"name": "Other"}), 201)["id"]
    with app.app_context():
        for account_id in (customer_id, other_id):
            credits.load(account_id, rows=10_000)
        tenancy.set_account(customer_id)
        found = plan(LISTS[kind], {"account_id": customer_id, **({} if name is None else {name: FILTERS[name]})})
        db.session.rollback()
    assert "Seq Scan on credit_transactions" not in found, found


@pytest.mark.parametrize(
    ("needed", "call"),
    [
        (3, lambda owner, _: owner.get("/v1/billing/credits/balance")),
        (3, lambda owner, _: owner.get("/v1/billing/transactions")),
        (3, lambda owner, _: owner.get(USAGE)),
        (4, lambda owner, _: owner.get("/v1/account/usage/analytics?days=365")),
        (3, lambda owner, _: owner.get("/v1/billing/invoices")),
        (3, lambda owner, _: owner.get("/v1/billing/payments")),
        (2, lambda owner, _: owner.post(USAGE, ITEM)),
        (3, lambda owner, _: owner.post(USAGE, ITEM, Idempotency_Key=str(uuid4()))),
        (3, lambda owner, _: owner.post(f"{USAGE}/bulk", [ITEM] * 50)),
        (4, lambda owner, _: owner.post(f"{USAGE}/bulk", [{**ITEM, "key": str(uuid4())} for _ in range(50)])),
        (1, lambda _, machine: machine(USAGE, ITEM)),
    ],
)
def test_a_request_sends_the_messages_it_needs(
    customer: Caller,
    customer_id: int,
    as_caller: Callable[..., Caller],
    messages: list[Any],
    needed: int,
    call: Callable[..., Any],
) -> None:
    spender = as_caller(scopes=("spend:credits",))
    # The first time it may be prepared.
    call(customer, lambda path, item: spender.post(path, {**item, "account_id": customer_id}))
    messages.clear()
    answer = call(customer, lambda path, item: spender.post(path, {**item, "account_id": customer_id}))
    assert answer.status_code in {200, 201}
    assert len(messages) == needed, messages
