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
# Values that few rows match.
SELECTIVE_FILTERS: dict[str, Any] = {
    "project_id": [7, 8],
    "project_ids": [7, 8],
    "user_id": "user-7",
    "user_handle": "handle-7",
    "job_id": "job-7",
    "rate_type": ["annual", "monthly"],
    "resource_booking_id": [UNKNOWN, UNKNOWN],
    "resource_booking_ids": [UNKNOWN, UNKNOWN],
    "payment_status": ["completed", "partially-completed"],
    "start_date": "2000-01-16",
    "end_date": "2000-01-22",
    "work_period_id": [UNKNOWN, UNKNOWN],
    "work_period_ids": [UNKNOWN, UNKNOWN],
    "billing_account_id": [7, 8],
    "billing_account_ids": [7, 8],
    "created_at_from": "2100-01-01T00:00:00Z",
    "created_at_to": "2000-01-01T00:00:00Z",
    "completed_at_from": "2100-01-01T00:00:00Z",
    "completed_at_to": "2000-01-01T00:00:00Z",
}
STATUS = {"resource_bookings": ["closed", "cancelled"], "work_period_payments": ["failed", "in-progress"]}


def value_of(table: str, name: str) -> Any:
    """What a filter is tried with; one of its values for the variant that takes one."""
    values = {**SELECTIVE_FILTERS, "status": STATUS.get(table)}
    return values[name.removeprefix("one_")][0] if name.startswith("one_") else values[name]


def page_plan(query: ListQuery, sort_by: str, order: str, **filters: Any) -> str:
    page, _ = query.statements(frozenset(filters), sort_by, order, 20)
    # How many match is another question: counting every row reads an index as a whole.
    statement = page.sql.rpartition("\n SELECT ")[0].partition("\n SELECT ")[0] + " SELECT FROM page"
    return "\n".join(db.session.connection().exec_driver_sql(f"EXPLAIN {statement}", filters).scalars())


@pytest.fixture(scope="module")
def _many_rows(_migrated_app: Flask) -> Any:
    """In a transaction that is never committed, and that all tests of this module read in."""
    with _migrated_app.app_context():
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
            found = page_plan(query, query.default_sort, query.default_order, **{name: value_of(table, name)})
            scans[table, name, "filter"] = found
    assert len(scans) > 40
    for (table, *what), found in scans.items():
        assert f"Seq Scan on {table} " not in found, f"{table} {what}\n{found}"


@pytest.mark.parametrize("table", LISTS)
def test_how_many_rows_there_are_is_kept_not_counted(table: str) -> None:
    for statement in LISTS[table].statements(frozenset(), LISTS[table].default_sort, "desc", 20):
        assert "row_counts" in statement.sql
        assert "count(*)" not in statement.sql


@pytest.mark.usefixtures("_many_rows")
@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("one_status", "status"),
        ("one_work_period_ids", "work_period_id"),
        ("one_resource_booking_ids", "resource_booking_id"),
        ("one_project_ids", "project_id"),
        ("one_billing_account_ids", "billing_account_id"),
        ("user_id", "user_id"),
        ("user_handle", "user_handle"),
    ],
)
def test_the_newest_payments_of_a_filter_come_in_order_from_one_index(name: str, index: str, order: str) -> None:
    """However many match, a page reads no more of them than it shows."""
    # What is cheapest for a few rows is to read them all and sort.
    db.session.execute(text("SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off"))
    found = page_plan(PAYMENTS, "created_at", order, **{name: value_of("work_period_payments", name)})
    assert f"using ix_work_period_payments_{index}" in found
    assert "Sort" not in found
    assert "Filter" not in found


def test_one_value_is_asked_for_by_equality() -> None:
    assert "one_status" in PAYMENTS.filters
    page, _ = PAYMENTS.statements(frozenset({"one_status"}), "created_at", "desc", 20)
    assert "= CAST(%(one_status)s AS TEXT)" in page.sql
