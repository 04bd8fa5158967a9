"""What requests cost the database: how many statements, and by which plans."""

from collections.abc import Callable, Iterator
from itertools import chain, product
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from app.audit import cause
from app.billing_accounts import queries
from app.billing_accounts.book_queries import BALANCE, MOVEMENTS, STATEMENT
from app.billing_accounts.ledger import expiry, general, single
from app.billing_accounts.queries import LIST
from app.db.base import db
from app.db.paging import contains_pattern
from bench import accounts
from tests.caller import Caller, data
from tests.factories.accounts import create_account

ACCOUNTS = "/v6/billing-accounts"
BIG_TABLES = ("billing_accounts", "budgets", "budget_lines", "budget_movements", "billing_account_access")


def plan(statement: Any, **values: Any) -> str:
    connection = db.session.connection()
    parts = [connection.exec_driver_sql(f"EXPLAIN {part}", values).scalars() for part in statement.parts]
    return "\n".join(chain.from_iterable(parts))


def plans() -> Iterator[tuple[str, str]]:
    """What is asked for, and how PostgreSQL would find it."""
    for sort_by, order in product(LIST.sorts, ("asc", "desc")):
        page, _ = LIST.statements(frozenset(), sort_by, order, 20)
        yield f"{sort_by} {order}", plan(page, now="2025-01-01")
    for name, value in accounts.SELECTIVE_FILTERS.items():
        page, _ = LIST.statements(frozenset({name}), LIST.default_sort, LIST.default_order, 20)
        values = {name: value, f"{name}_pattern": contains_pattern(str(value))}
        yield name, plan(page, now="2025-01-01", **values)
    details = [detail for name, detail in vars(queries).items() if "DETAIL" in name]
    assert len(details) == 6
    for detail in details:
        yield "detail", plan(detail, account_id=5, granted_to="user-7", now="2025-01-01")
    reference = {"external_type": "CHALLENGE", "external_id": "c4", "external_name": None}
    asked = {"amount": 1, "dates_enforced": True, "expires_at": None, "expires_in": None}
    line = {"account_id": 5, "now": "2025-01-01", **asked, **reference, **cause.current()}
    for name in ("LOCK", "CONSUME", "UNLOCK"):
        yield name, plan(getattr(single, name), **line)
        yield f"general {name}", plan(getattr(general, name), **line)
    yield "CONSUME_PART", plan(general.CONSUME_PART, **line)
    yield "expiry", plan(expiry.POST, account_ids=[5], **line)
    page, _ = MOVEMENTS.statements(frozenset(), "position", "desc", 20)
    seen = {"account_id": 5, "granted_to": None, "now": "2025-01-01"}
    yield "movements", plan(page, **seen)
    yield "balance", plan(BALANCE, as_of="2025-01-01", **seen)
    yield "statement", plan(STATEMENT, since="2025-01-01", until="2025-02-01", **seen)


def test_nothing_reads_a_whole_table(app: Flask) -> None:
    assert accounts.SELECTIVE_FILTERS.keys() == LIST.filters.keys()
    with app.app_context():
        accounts.load(accounts=20_000, lines=40_000)
        found = dict(plans())
        db.session.rollback()
    assert len(found) > 20
    assert "using ix_budget_movements_at" in found["balance"]
    assert "Sort" not in found["balance"]
    for name, each in found.items():
        assert [table for table in BIG_TABLES if f"Seq Scan on {table} " in each] == [], f"{name}\n{each}"


LOCK = {"challengeId": "c1", "amount": 5}
CONSUME = {"challengeId": "c1", "amount": 4}


@pytest.mark.parametrize(
    ("needed", "call"),
    [
        (1, lambda caller: caller.get("/v6/clients")),
        (1, lambda caller: caller.get("/v6/clients/demo")),
        (1, lambda caller: caller.get(ACCOUNTS)),
        (1, lambda caller: caller.get(f"{ACCOUNTS}?name=a&sortBy=remainingBudget")),
        (1, lambda caller: caller.get(f"{ACCOUNTS}/1")),
        (2, lambda caller: caller.get(f"{ACCOUNTS}/1/entries")),
        (2, lambda caller: caller.get(f"{ACCOUNTS}/1/users")),
        (2, lambda caller: caller.get(f"{ACCOUNTS}/1/movements")),
        (1, lambda caller: caller.get(f"{ACCOUNTS}/1/balance")),
        (1, lambda caller: caller.get(f"{ACCOUNTS}/1/statement?from=2025-01-01&to=2025-01-31")),
        (1, lambda caller: caller.patch(f"{ACCOUNTS}/1/lock-amount", LOCK)),
        (2, lambda caller: caller.patch(f"{ACCOUNTS}/1/lock-amount", LOCK, Idempotency_Key=str(uuid4()))),
        (1, lambda caller: caller.patch(f"{ACCOUNTS}/1/consume-amount", CONSUME)),
        (5, lambda caller: caller.patch(f"{ACCOUNTS}/1", {"name": "b", "budget": 90})),
    ],
)
def test_a_request_sends_the_messages_it_needs(
    admin: Caller, messages: list[Any], needed: int, call: Callable[[Caller], Any]
) -> None:
    data(admin.post("/v6/clients", {"name": "Acme"}), 201)
    client_id = data(admin.get("/v6/clients"))["results"][0]["id"]
    create_account(admin, client_id)
    # The first time it may be prepared.
    call(admin)
    messages.clear()
    answer = call(admin)
    assert answer.status_code in {200, 404}
    assert len(messages) == needed, messages
