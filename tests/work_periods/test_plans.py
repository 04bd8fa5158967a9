"""How PostgreSQL finds the pages of long lists."""

from itertools import product
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from app.db.base import db
from app.db.paging import ListQuery
from app.work_periods.queries import BOOKINGS, PAYMENTS, PERIODS
from bench import accounts, work_periods
from tests.work_periods.conftest import UNKNOWN

LISTS = {"resource_bookings": BOOKINGS, "work_periods": PERIODS, "work_period_payments": PAYMENTS}
# One value each that few rows match.
SELECTIVE_FILTERS: dict[str, Any] = {
    "project_id": 7,
    "project_ids": [7, 8],
    "user_id": "user-7",
    "job_id": "job-7",
    "rate_type": "annual",
    "resource_booking_id": UNKNOWN,
    "resource_booking_ids": [UNKNOWN],
    "user_handle": "handle-7",
    "payment_status": "completed",
    "start_date": "2000-01-16",
    "end_date": "2000-01-22",
    "work_period_id": UNKNOWN,
    "work_period_ids": [UNKNOWN],
    "billing_account_id": 7,
}
STATUS = {"resource_bookings": "closed", "work_period_payments": "failed"}


def page_plan(query: ListQuery, sort_by: str, order: str, **filters: Any) -> str:
    page, _ = query.statements(frozenset(filters), sort_by, order, 20)
    # How many match is another question: counting every row reads an index as a whole.
    statement = page.text.split("SELECT " + query.columns)[0] + " SELECT FROM page"
    return "\n".join(row[0] for row in db.session.execute(text(f"EXPLAIN {statement}"), filters))


@pytest.fixture
def _many_rows(app: Flask) -> Any:
    with app.app_context():
        accounts.load(accounts=100)
        work_periods.load(bookings=5_000, payments_each=2, accounts=100)
        yield
        db.session.rollback()


@pytest.mark.usefixtures("_many_rows")
def test_no_page_reads_a_whole_table() -> None:
    scans = {}
    for table, query in LISTS.items():
        for sort_by, order in product(query.sorts, ("asc", "desc")):
            scans[table, sort_by, order] = page_plan(query, sort_by, order)
        for name in query.filters:
            value = STATUS[table] if name == "status" else SELECTIVE_FILTERS[name]
            found = page_plan(query, query.default_sort, query.default_order, **{name: value})
            scans[table, name, "filter"] = found
    assert len(scans) > 40
    for (table, *what), found in scans.items():
        assert f"Seq Scan on {table} " not in found, f"{table} {what}\n{found}"
