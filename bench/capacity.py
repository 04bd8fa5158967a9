"""Measures what each operation costs, in processor time, log and disk, and writes the table of docs/scaling.md.

.venv/bin/python -m bench.capacity
"""

import argparse
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import flask_migrate
import psutil
import psycopg2
from sqlalchemy import make_url, text

from app import create_app
from app.config import ROOT, Settings
from app.db.base import db
from app.db.server import embedded
from bench import accounts, bulk_payments, customers, processor, report, service, work_periods
from bench.bulk_payments import PAYMENTS, Api
from bench.processor import Spent

TARGET = ROOT / "docs" / "scaling.md"
CALLERS = 4
BULK = 500
ACCOUNTS, USAGE = "/v6/billing-accounts", "/v1/billing/credits/usage"
TABLES = (
    "billing_accounts",
    "budgets",
    "budget_lines",
    "budget_movements",
    "credit_transactions",
    "idempotency_keys",
    "work_period_payments",
)
_START, _END = "<!-- capacity -->", "<!-- end of capacity -->"
# What one caller does once, told how often it was done before. The number says how many items that is.
Operation = tuple[int, Callable[[Api, int], object]]


@dataclass(frozen=True)
class Usage:
    """What is used so far: processor time, and bytes of log."""

    processor: Spent
    log: int


class Meter:
    """Reads what a running service and its database use."""

    def __init__(self, var_dir: Path) -> None:
        self._processor = processor.Meter(psutil.Process().children(), [processor.server_of(var_dir)])
        self._dsn = make_url(embedded.url(var_dir)).set(drivername="postgresql", username="postgres").render_as_string()

    def read(self) -> Usage:
        """Everything used until now."""
        return Usage(self._processor.read(), int(self.query("SELECT pg_current_wal_insert_lsn() - '0/0'")))

    def query(self, statement: str) -> Any:
        """The one value a statement finds, asked by the server's owner outside of a transaction."""
        with closing(psycopg2.connect(self._dsn)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                row = cursor.fetchone() if cursor.description else None
                return row and row[0]


def main() -> None:
    """Measure every operation, then the tables, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=800, help="how often each caller does an operation")
    parser.add_argument("--print", action="store_true", help="write nothing")
    options = parser.parse_args()
    with service.directory() as var_dir, embedded.running(var_dir):
        ids = _load(var_dir)
        with service.running(var_dir, workers=2) as target:
            meter = Meter(var_dir)
            # What the load left to do would be counted with whatever comes next.
            meter.query("VACUUM ANALYZE")
            costs, sizes = list(_costs(target, meter, ids, options.times)), list(_sizes(meter))
            print(target.flask("ledger", "verify"), flush=True)
    done = CALLERS * options.times
    lines = [f"{done:,} of each by {CALLERS} callers, 2 workers; {report.machine()}.", "", *costs, "", *sizes]
    print("\n".join(lines))
    if not options.print:
        before, _, rest = TARGET.read_text().partition(_START)
        TARGET.write_text("\n".join([f"{before}{_START}", "", *lines, "", f"{_END}{rest.partition(_END)[2]}"]))


def _load(var_dir: Path) -> list[int]:
    """Accounts, periods with payments, customers with credits; the ids of the customers."""
    app = create_app(Settings.load({"VAR_DIR": str(var_dir), "LOG_LEVEL": "ERROR"}))
    with app.app_context():
        flask_migrate.upgrade()
        accounts.load(accounts=10_000, lines=250_000, budget=90_000_000_000)
        db.session.execute(text("UPDATE billing_accounts SET status = 'ACTIVE'"))
        work_periods.load(bookings=5_000, payments_each=2, accounts=10_000)
        ids = customers.load(accounts=100, transactions=1_000)
        db.session.commit()
        db.session.remove()
        db.engine.dispose()
    return ids


def _costs(target: service.Running, meter: Meter, ids: list[int], times: int) -> Iterator[str]:
    yield "| | ms of the service | ms of PostgreSQL | bytes of log | after a checkpoint | a core of PostgreSQL does |"
    yield "|---|---:|---:|---:|---:|---:|"
    admin, owner = target.flask("token", "--role", "administrator"), target.flask("token", "--user", "member-7")
    machine = target.flask("token", "--scope", "spend:credits")
    for token, operations in ((admin, _budget_operations()), (owner, _READS), (machine, _spending(ids))):
        apis = [Api(target.url, token) for _ in range(CALLERS)]
        for name, (items, operation) in operations.items():
            calls = max(times // items, 1) * CALLERS
            # The first time a page changes after a checkpoint, the log takes all of it.
            meter.query("CHECKPOINT")
            _, first = _spend(meter, apis, operation, calls)
            used, then = _spend(meter, apis, operation, calls)
            done = calls * items
            ms = [1000 * each / done for each in used]
            yield (
                f"| {name} | {ms[0]:.2f} | {ms[1]:.2f} | {then / done:,.0f} | {first / done:,.0f}"
                f" | {1000 / ms[1]:,.0f}/s |"
            )
            print(name, flush=True)


_NUMBERS = count()


def _spend(
    meter: Meter, apis: list[Api], operation: Callable[[Api, int], object], calls: int
) -> tuple[tuple[float, float], int]:
    """Do an operation so often, by all callers at once: the seconds used by service and database, the bytes of log."""
    before = meter.read()
    with ThreadPoolExecutor(len(apis)) as pool:
        list(pool.map(lambda api: [operation(api, next(_NUMBERS)) for _ in range(calls // len(apis))], apis))
    after = meter.read()
    return after.processor.since(before.processor), after.log - before.log


def _budget_operations() -> dict[str, Operation]:
    random = Random(7)

    def one() -> str:
        return f"{ACCOUNTS}/{random.randint(1, 10_000)}"

    def lock(api: Api, number: int, **headers: str) -> object:
        return api.call("PATCH", f"{one()}/lock-amount", {"challengeId": f"new-{number}", "amount": 2}, **headers)

    def engage(api: Api, number: int) -> object:
        body = {"externalType": "ENGAGEMENT", "externalId": f"e-{number}", "amount": 1}
        return api.call("PATCH", f"{one()}/consume-amount", body)

    def pay(api: Api, _number: int) -> object:
        found = bulk_payments.periods(api, 1, BULK)
        return api.call("POST", f"{PAYMENTS}/bulk", [{"workPeriodId": each, "days": 1} for each in found])

    return {
        "list of 20 accounts": (1, lambda api, _: api.call("GET", ACCOUNTS)),
        "detail with 25 lines": (1, lambda api, _: api.call("GET", one())),
        "lock": (1, lock),
        "lock with a key": (1, lambda api, number: lock(api, number, **{"Idempotency-Key": f"k-{number}"})),
        "consume": (1, engage),
        f"payment, {BULK} in a call, with its period": (BULK, pay),
    }


_READS: dict[str, Operation] = {
    "balance": (1, lambda api, _: api.call("GET", "/v1/billing/credits/balance/")),
    "transactions, a page of 20": (1, lambda api, _: api.call("GET", "/v1/billing/transactions/")),
}


def _spending(ids: list[int]) -> dict[str, Operation]:
    random = Random(7)

    def item() -> dict[str, Any]:
        return {"operation_type": "search", "credits_used": 1, "account_id": random.choice(ids)}

    return {
        "usage": (1, lambda api, _: api.call("POST", f"{USAGE}/", item())),
        f"usage, {BULK} in a call": (
            BULK,
            lambda api, _: api.call("POST", f"{USAGE}/bulk/", [item() for _ in range(BULK)]),
        ),
    }


def _sizes(meter: Meter) -> Iterator[str]:
    yield "| a row of | bytes of table | bytes of indexes |"
    yield "|---|---:|---:|"
    for table in TABLES:
        meter.query(f"VACUUM {table}")
        rows = meter.query(f"SELECT count(*) FROM {table}")
        heap, indexes = (int(meter.query(f"SELECT {size}('{table}')")) for size in ("pg_table_size", "pg_indexes_size"))
        yield f"| `{table}` | {heap / rows:,.0f} | {indexes / rows:,.0f} |"


if __name__ == "__main__":
    main()
