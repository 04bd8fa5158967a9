"""Loads 100,000 billing accounts and writes the plan of every sort and filter of their list to docs/list-plans.md.

.venv/bin/python -m bench.list_plans
"""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask_migrate
from sqlalchemy import text

from app import create_app
from app.billing_accounts.queries import LIST
from app.clock import utc_now
from app.config import ROOT, Settings
from app.db.base import db
from app.db.paging import contains_pattern
from app.db.server import embedded
from bench import accounts

ACCOUNTS = 100_000
TARGET = ROOT / "docs" / "list-plans.md"
SHOWN_IN_FULL = ("sorted by remainingBudget desc", "filtered by name")


def plan(title: str, filters: dict[str, Any], sort_by: str, order: str) -> tuple[str, str]:
    """The title and the plan of the page statement, without its exact costs."""
    page, _ = LIST.statements(frozenset(filters), sort_by, order, 20)
    patterns = {f"{name}_pattern": contains_pattern(value) for name, value in filters.items() if isinstance(value, str)}
    values = {**filters, **patterns, "now": utc_now()}
    explain = f"EXPLAIN (ANALYZE, COSTS OFF, BUFFERS OFF, SUMMARY ON) {page.sql}"
    return title, "\n".join(db.session.connection().exec_driver_sql(explain, values).scalars())


def plans() -> Iterator[tuple[str, str]]:
    """Every sort in both directions, and every filter under the default order."""
    for sort_by in LIST.sorts:
        for order in ("asc", "desc"):
            yield plan(f"sorted by {_camel(sort_by)} {order}", {}, sort_by, order)
    for name, value in accounts.SELECTIVE_FILTERS.items():
        yield plan(f"filtered by {_camel(name)}", {name: value}, LIST.default_sort, LIST.default_order)


def _camel(name: str) -> str:
    return re.sub("_(.)", lambda match: match[1].upper(), name)


def _summary(found: str) -> str:
    """How the page, not the count, is found."""
    page = re.split("CTE page|InitPlan|->  CTE Scan", found)[1]
    indexes = re.findall(r"(?:using|on) (ix_\w+|pk_\w+)", page)
    return ", ".join(dict.fromkeys(indexes)) or "none"


def write(found: list[tuple[str, str]]) -> None:
    """Write the table and the plans shown in full."""
    rows = "\n".join(
        f"| {title} | {_summary(each)} | {'yes' if 'Seq Scan on billing_accounts' in each else 'no'} "
        f"| {re.findall(r'Execution Time: ([0-9.]+)', each)[0]} |"
        for title, each in found
    )
    whole = "\n\n".join(
        f"## {title[0].upper() + title[1:]}\n\n```text\n{each}\n```" for title, each in found if title in SHOWN_IN_FULL
    )
    TARGET.write_text(f"""# How the list of billing accounts is found

`.venv/bin/python -m bench.list_plans` loads {ACCOUNTS:,} billing accounts, runs the statement behind
`GET /v6/billing-accounts` with `perPage=20` for every sort and every filter under `EXPLAIN ANALYZE`, and writes this
page. One statement finds the page by an index, counts what matches, and joins budget and client to the 20 rows that
are shown.

| list | indexes that find the page | reads the whole table | milliseconds |
|---|---|---|---|
{rows}

The count of an unfiltered list is kept by triggers on the table and read from a few rows; a filtered list counts its
matching rows by the filter's index. A filter that most rows match is cheapest to answer by reading the table.

{whole}
""")


def main() -> None:
    """Load the data, explain, write."""
    with tempfile.TemporaryDirectory(prefix="billing-") as var_dir, embedded.running(Path(var_dir), durable=False):
        app = create_app(Settings.load({"VAR_DIR": var_dir}))
        with app.app_context():
            flask_migrate.upgrade()
            accounts.load(accounts=ACCOUNTS)
            db.session.commit()
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM (ANALYZE)"))
            write(list(plans()))
            db.session.remove()
            db.engine.dispose()
    print(f"Wrote {TARGET}")


if __name__ == "__main__":
    main()
