"""Measures what partitions of the big tables would cost and save: the figures of decision 0008.

.venv/bin/python -m bench.partitions
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from random import Random

import flask_migrate
from flask import Flask
from sqlalchemy import text

from app import create_app
from app.clock import utc_now
from app.config import Settings
from app.db.base import db
from app.db.server import embedded
from app.idempotency import store
from bench import accounts, customers, database_cost, layout, service
from bench.database_cost import Cost
from cli.token import mint
from tests.caller import ACCOUNTS, Caller, data

TIMES = 500
CUSTOMERS = 100
TABLES = ("budget_lines", "credit_transactions", "idempotency_keys")
_KEYS = """
    INSERT INTO idempotency_keys (caller, key, request_hash, status, body, created_at)
    SELECT 'bench', 'key-' || gen_random_uuid(), sha256(CAST(CAST(n AS text) AS bytea)), 200,
        convert_to(repeat('x', 300), 'UTF8'), CAST(:created_at AS timestamptz) + n * interval '1 millisecond'
    FROM generate_series(1, :keys) AS n
"""
# As a table would be whose days are dropped whole. Nothing keeps a key unique over two days.
_BY_DAY = """
    CREATE TABLE keys_by_day (LIKE idempotency_keys) PARTITION BY RANGE (created_at);
    CREATE TABLE keys_expired PARTITION OF keys_by_day FOR VALUES FROM (MINVALUE) TO ('{today}');
    CREATE TABLE keys_fresh PARTITION OF keys_by_day FOR VALUES FROM ('{today}') TO (MAXVALUE);
    ALTER TABLE keys_by_day ADD PRIMARY KEY (caller, key, created_at);
    INSERT INTO keys_by_day SELECT * FROM idempotency_keys
"""


def main() -> None:
    """Measure one layout after the other and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000, help="rows in each of the big tables")
    options = parser.parse_args()
    columns = {}
    for partitions in (1, 16, 64):
        columns[partitions] = dict(_measure(partitions, options.lines))
    print("| | one table | 16 parts | 64 parts |\n|---|---:|---:|---:|")
    for name in columns[1]:
        print(f"| {name} | {' | '.join(column.get(name, '') for column in columns.values())} |")


def _measure(partitions: int, rows: int) -> Iterator[tuple[str, str]]:
    with _service(partitions) as app:
        # A request must not find the context of another: it would take that one's caller for its own.
        with app.app_context():
            ids = _load(rows)
            sizes = {table: _index_size(table) for table in TABLES}
        admin = Caller(app, mint(app.config["SETTINGS"]))
        owner = Caller(app, mint(app.config["SETTINGS"], user="member-7"))
        machine = Caller(app, mint(app.config["SETTINGS"], scopes=("spend:credits",)))
        for name, operation in _operations(admin, owner, machine, ids).items():
            yield name, _words(database_cost.of(app, operation, times=TIMES))
        for table, size in sizes.items():
            yield f"indexes of {table}, {rows:,} rows", f"{size / 1e6:,.0f} MB"
        with app.app_context():
            yield from _pruning(app, rows)


@contextmanager
def _service(partitions: int) -> Iterator[Flask]:
    with service.directory() as var_dir, embedded.running(var_dir, durable=False):
        app = create_app(Settings.load({"VAR_DIR": str(var_dir), "LOG_LEVEL": "ERROR"}))
        with app.app_context():
            flask_migrate.upgrade()
            if partitions > 1:
                with db.engine.begin() as connection:
                    layout.distribute(connection, layout.SHARD_KEYS, partitions=partitions)
        yield app
        with app.app_context():
            db.engine.dispose()


def _load(rows: int) -> list[str]:
    """Fill the big tables; the ids of the customers."""
    accounts.load(accounts=10_000, lines=rows)
    db.session.execute(text("UPDATE budgets SET amount = 90000000000"))
    db.session.execute(text("UPDATE billing_accounts SET status = 'ACTIVE'"))
    ids = customers.load(accounts=CUSTOMERS, transactions=rows // CUSTOMERS)
    for days in (2, 0):
        created_at = utc_now() - timedelta(days=days)
        db.session.execute(text(_KEYS), {"keys": rows // 2, "created_at": created_at})
    db.session.commit()
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE)"))
    db.session.remove()
    db.engine.dispose()
    return ids


def _operations(admin: Caller, owner: Caller, machine: Caller, ids: list[str]) -> dict[str, Callable[[int], object]]:
    random = Random(7)
    item = {"operation_type": "search", "credits_used": 1}

    def lock(number: int, **headers: str) -> None:
        path = f"{ACCOUNTS}/{random.randint(10, 9_999)}/lock-amount"
        data(admin.patch(path, {"challengeId": f"new-{number}", "amount": 1}, **headers))

    def lock_with_key(number: int) -> None:
        lock(number, Idempotency_Key=f"k{number}-{random.random()}")

    def spend(_number: int) -> None:
        data(machine.post("/v1/billing/credits/usage", {**item, "account_id": random.choice(ids)}), 201)

    return {
        "lock": lock,
        "lock with a key": lock_with_key,
        "detail, 100 lines": lambda _: data(admin.get(f"{ACCOUNTS}/{random.randint(10, 9_999)}")),
        "usage": spend,
        "transactions, first page": lambda _: data(owner.get("/v1/billing/transactions")),
    }


def _pruning(app: Flask, rows: int) -> Iterator[tuple[str, str]]:
    """What expired keys cost to get rid of, for each key."""
    expired = rows // 2
    today = (utc_now() - timedelta(days=1)).isoformat()
    with db.engine.begin() as connection:
        connection.exec_driver_sql(_BY_DAY.format(today=today))
    for name, operation in {
        "prune: deletes": lambda _: store.prune(),
        "prune: VACUUM after": partial(_alone, "VACUUM idempotency_keys"),
        "prune: a day dropped": partial(_alone, "DROP TABLE keys_expired"),
    }.items():
        cost = database_cost.of(app, operation, times=1)
        yield f"{name}, each key", _words(Cost(cost.cpu / expired, cost.wal / expired))


def _alone(statement: str, _number: int) -> None:
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(statement)


def _index_size(table: str) -> int:
    sizes = text("""
        SELECT sum(pg_indexes_size(relid)) FROM (
            SELECT relid FROM pg_partition_tree(CAST(:table AS regclass)) WHERE isleaf
            UNION SELECT CAST(:table AS regclass)
        ) AS parts
    """)
    with db.engine.connect() as connection:
        return int(connection.execute(sizes, {"table": table}).scalar_one())


def _words(cost: Cost) -> str:
    return f"{cost.cpu:,.1f} µs, {cost.wal:,.0f} B"


if __name__ == "__main__":
    main()
