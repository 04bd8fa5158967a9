"""What would come of our constraints and statements if the big tables were cut by account, over several servers."""

import re
from typing import Any

import flask_migrate
import pytest
from flask import Flask

from app.billing_accounts import queries as accounts
from app.billing_accounts.ledger import general, single
from app.credits import lot_queries
from app.credits import queries as credits
from app.credits.ledger import balances
from app.credits.ledger import single as credit
from app.db.base import db
from app.db.fast.prepared import AnyPrepared
from app.db.paging import ListQuery
from app.idempotency import store
from bench import layout

PARTS = re.compile(rf" on ((?:{'|'.join(layout.SHARD_KEYS)})_\d+)\b")
CUSTOMER = {"account_id": 5}
CAUSE = {"actor": b"someone", "actor_kind": "person", "action": "x", "reason": None, "request_id": None}
LINE = {"account_id": 5, "amount": 1, "now": "2025-01-01", "external_type": "CHALLENGE"}
LOCK = {
    **LINE,
    "external_id": "c4",
    "external_name": None,
    "dates_enforced": True,
    "expires_at": None,
    "expires_in": None,
    **CAUSE,
}
SPENDING = {
    **CUSTOMER,
    "credits_used": 1,
    "operation_type": "search",
    "description": None,
    "user_id": "",
    "key_id": None,
    "usage_key": None,
    "key_owner": None,
    **CAUSE,
    "now": "2025-01-01",
}
LOCKING = {"account_ids": [CUSTOMER["account_id"]], "lot_ids": [7], "entries": 1, "now": "2025-01-01"}
KEY = {"caller": "someone", "key": "k"}
# On each server, these meet the rows of one account only.
ONE_PART = {
    "lock": (single.LOCK, LOCK),
    "consume": (single.CONSUME, LOCK),
    "unlock": (single.UNLOCK, LOCK),
    "lock that expires": (general.LOCK, LOCK),
    "consume of two lines": (general.CONSUME, LOCK),
    "consume in part": (general.CONSUME_PART, LOCK),
    "unlock of one that expires": (general.UNLOCK, LOCK),
    "detail": (accounts.DETAIL, {"account_id": 5, "now": "2025-01-01"}),
    "detail without due locks": (accounts.DETAIL_WITHOUT_DUE, {"account_id": 5, "now": "2025-01-01"}),
    "balance": (credits.BALANCE, {**CUSTOMER, "now": "2025-01-01", "month": "2025-01-01"}),
    "analytics": (credits.DAILY_TOTALS, {**CUSTOMER, "first": "2025-01-01", "last": "2025-02-01"}),
    "single spending": (credit.SPEND, SPENDING),
    "lock of a balance": (balances.LOCK, LOCKING),
    "stored answer": (store._STORED, {**KEY, "expired": "2025-01-01"}),  # noqa: SLF001
    "storing an answer": (store._STORE, {**KEY, "status": 200, "body": b"", "etag": None, "account_id": 5}),  # noqa: SLF001
}
PAGES: dict[str, tuple[ListQuery, Any]] = {
    "entries": (accounts.ENTRIES, {"account_id": 5, "now": "2025-01-01"}),
    "transactions": (credits.TRANSACTIONS, CUSTOMER),
    "usage": (credits.USAGE, CUSTOMER),
    "lots": (lot_queries.LOTS, CUSTOMER),
}
LOST = {
    ("budget_lines", "PRIMARY KEY (id)"),
    ("credit_notes", "PRIMARY KEY (id)"),
    ("credit_notes", "UNIQUE (credit_note_number)"),
    ("credit_notes", "FOREIGN KEY (invoice_id) REFERENCES invoices(id)"),
    ("invoices", "PRIMARY KEY (id)"),
    ("invoices", "UNIQUE (invoice_number)"),
    ("payments", "PRIMARY KEY (id)"),
    ("payments", "UNIQUE (gateway_key)"),
    ("payments", "UNIQUE (gateway_reference)"),
    ("payments", "UNIQUE (invoice_id)"),
    ("payments", "FOREIGN KEY (invoice_id) REFERENCES invoices(id)"),
    ("refunds", "PRIMARY KEY (id)"),
    ("refunds", "UNIQUE (gateway_key)"),
    ("refunds", "FOREIGN KEY (payment_id) REFERENCES payments(id)"),
    ("disputes", "PRIMARY KEY (id)"),
    ("disputes", "FOREIGN KEY (payment_id) REFERENCES payments(id)"),
}


@pytest.fixture
def lost(empty_app: Flask) -> list[layout.Lost]:  # noqa: ARG001 - its database and context
    """The layout made, and what it cost."""
    flask_migrate.upgrade()
    with db.engine.begin() as connection:
        return layout.distribute(connection, layout.SHARD_KEYS, partitions=4)


def parts(statement: AnyPrepared, values: dict[str, Any]) -> dict[str, set[str]]:
    """The parts that a statement, or several, meet, by table."""
    found: dict[str, set[str]] = {}
    for each in statement.parts:
        plan = "\n".join(db.session.connection().exec_driver_sql(f"EXPLAIN {each}", values).scalars())
        for part in PARTS.findall(plan):
            found.setdefault(part.rpartition("_")[0], set()).add(part)
    return found


def test_keys_without_the_account_are_lost_and_no_others(lost: list[layout.Lost]) -> None:
    assert {(each.table, each.was) for each in lost} == LOST
    assert "nothing" not in {each.now for each in lost}


def test_what_is_done_for_one_account_meets_one_part(lost: list[layout.Lost]) -> None:
    assert lost
    pages = {
        name: (
            query.statements(
                frozenset(values.keys() & query.filters.keys()), query.default_sort, query.default_order, 20
            )[0],
            values,
        )
        for name, (query, values) in PAGES.items()
    }
    for name, (statement, values) in {**ONE_PART, **pages}.items():
        met = parts(statement, values)
        assert met, name
        assert {table: len(found) for table, found in met.items()} == dict.fromkeys(met, 1), (name, met)


def test_a_list_of_all_accounts_meets_every_part(lost: list[layout.Lost]) -> None:
    """So would every list that is not of one account: it is what the cut costs."""
    assert lost
    page, _ = accounts.LIST.statements(frozenset(), "remaining_budget", "asc", 20)
    assert len(parts(page, {"now": "2025-01-01"})["budgets"]) == 4
