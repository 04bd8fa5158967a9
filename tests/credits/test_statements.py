"""What requests about credits cost the database: how many statements, and by which plans."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import text

from app import tenancy
from app.credits import queries
from app.db.base import db
from app.db.paging import ListQuery
from bench import credits
from tests.caller import Caller, data

USAGE = "/v1/billing/credits/usage"
ITEM = {"operation_type": "search", "credits_used": 1}
HOLD = {"operation_type": "search", "amount": 1}
FILTERS: dict[str, Any] = {
    "transaction_type": "adjustment",
    "operation_type": "operation-3",
    "start_date": datetime(2999, 1, 1, tzinfo=UTC),
    "end_date": datetime(2001, 1, 1, tzinfo=UTC),
}


def hold() -> dict[str, Any]:
    return {**HOLD, "reference": str(uuid4())}


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
        (3, lambda owner, _: owner.get("/v1/billing/credits/lots")),
        (3, lambda owner, _: owner.get("/v1/billing/credits/holds")),
        (5, lambda owner, _: owner.post("/v1/billing/credits/holds", hold())),
        (5, lambda owner, _: owner.post("/v1/billing/credits/holds/bulk", [hold() for _ in range(50)])),
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


USED_UP = text("""
    INSERT INTO credit_lots (account_id, source, credits, remaining, effective_at, transaction_type, position,
        actor, actor_kind, action, created_at)
    SELECT :account_id, 'grant', 5, 0, now(), 'grant', 1, '', 'command', 'test', now()
    FROM generate_series(1, 10000)
""")


ROWS_READ = text("""
    SELECT CAST(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) AS int) FROM pg_stat_user_tables
""")
# What a connection counted is shared when it next has nothing to do.
SHARE = text("SELECT pg_stat_force_next_flush()")


def rows_read(app: Flask) -> int:
    """How many rows of tables all statements so far read, of the one connection that the application has."""
    with app.app_context():
        for statement in (SHARE, ROWS_READ):
            found = db.session.execute(statement).scalar_one()
            db.session.commit()
    return int(found)


def test_used_up_lots_and_open_holds_are_not_read(
    app: Flask, customer: Caller, customer_id: int, admin: Caller, as_caller: Callable[..., Caller]
) -> None:
    machine = as_caller(scopes=("spend:credits",))

    def capture() -> None:
        made = data(customer.post("/v1/billing/credits/holds/", hold()), 201)
        data(customer.post(f"/v1/billing/credits/holds/{made['id']}/capture/", {"amount": 1}))

    def release() -> None:
        made = data(customer.post("/v1/billing/credits/holds/", hold()), 201)
        data(customer.post(f"/v1/billing/credits/holds/{made['id']}/release/", {}))

    calls: dict[str, Callable[[], object]] = {
        "usage": lambda: data(customer.post(USAGE, ITEM), 201),
        "usage of a machine": lambda: data(machine.post(USAGE, {**ITEM, "account_id": customer_id}), 201),
        "bulk usage": lambda: data(customer.post(f"{USAGE}/bulk/", [ITEM, ITEM])),
        "balance": lambda: data(customer.get("/v1/billing/credits/balance")),
        "hold and capture": capture,
        "hold and release": release,
    }

    def cost() -> dict[str, int]:
        found = {}
        for name, call in calls.items():
            # Often enough before that it is prepared and has a plan for all values.
            for _ in range(6):
                call()
            before = rows_read(app)
            call()
            found[name] = rows_read(app) - before
        return found

    grant = {"account_id": customer_id, "amount": 5000, "transaction_type": "grant", "description": "To be held"}
    data(admin.post("/v1/billing/credits/grant/", grant), 201)
    small = cost()
    with app.app_context():
        tenancy.set_account(customer_id)
        db.session.execute(USED_UP, {"account_id": customer_id})
        db.session.commit()
    data(customer.post("/v1/billing/credits/holds/bulk/", [hold() for _ in range(1000)]))
    with app.app_context():
        db.session.execute(text("ANALYZE credit_lots, credit_holds"))
        db.session.commit()
    large = cost()
    assert all(large[name] <= small[name] + 10 for name in calls), (small, large)
