"""Measures the service as production runs it and writes docs/performance.md.

make bench
"""

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import flask_migrate
from sqlalchemy import text

from app import create_app
from app.config import DEFAULT_WORKERS, Settings
from app.db.base import db
from app.db.server import embedded
from bench import (
    accounts,
    bulk_payments,
    ceiling,
    credits,
    customers,
    legacy_export,
    load,
    noisy_neighbor,
    profile,
    report,
    service,
    work_periods,
)
from bench.bulk_payments import Api
from bench.load import Load, Measured
from bench.processor import Meter, server_of
from bench.report import Row
from bench.service import Running

FEW_LINES, MANY_LINES = 25, 51_000
# Accounts without lines that single operations aim at.
HOT, EMPTY = 5, 6
BULK_ITEMS = 1000
CUSTOMERS = 200
IMPORTED_ROWS = 500_000
ACCOUNTS = "/v6/billing-accounts"
PAYMENTS = "/v6/work-period-payments"
PAYMENTS_EACH = 2
USAGE = "/v1/billing/credits/usage"

_LOCK = """'{"challengeId": "c' .. math.random(1, 200) .. '", "amount": ' .. math.random(1, 9) .. '}'"""
_CONSUME = """'{"externalType": "ENGAGEMENT", "externalId": "e' .. request_id .. '", "amount": 1}'"""
_KEY = 'headers["Idempotency-Key"] = request_id'
_HOLDS = "/v1/billing/credits/holds/"


def main() -> None:
    """Measure everything, check the books, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--transactions", type=int, default=1_000_000, help="of credits, for the second measurement")
    parser.add_argument("--payments", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=DEFAULT_WORKERS)
    parser.add_argument("--only", default="", help="a part of the names of the rows to measure; writes nothing")
    options = parser.parse_args()
    load.require_wrk()
    rows = []
    for row in _measure(options):
        print(row, flush=True)
        rows.append(row)
    if not options.only:
        report.write(rows, profile.split(), options)


def _measure(options: argparse.Namespace) -> Iterator[Row]:
    with service.directory() as var_dir, _database(var_dir, options.accounts):
        with service.bare_flask(var_dir, workers=options.workers) as bare:
            yield from _drive(bare, "", [("bare Flask answer", Load("'/'"))], options)
        with service.running(var_dir, workers=options.workers) as target:
            yield Row("start: gunicorn answers", seconds=target.ready_after)
            admin = target.flask("token", "--role", "administrator")
            yield from _drive(target, admin, _account_loads(options.accounts), options)
            if options.only in noisy_neighbor.NAME:
                yield from noisy_neighbor.measure(target, seconds=options.seconds, rounds=options.rounds)
            if options.only in "ceiling: lock in pgbench":
                yield Row("ceiling: lock in pgbench", Measured(ceiling.lock_rate(var_dir, options)))
            yield from _bulk(target, admin)
            # Before millions of rows are loaded, which the server then has to tidy up after.
            yield from _imports(target, var_dir, options)
            yield from _credits(target, var_dir, options)
            yield from _payments(target, admin, var_dir, options)
            print(target.flask("ledger", "verify"), flush=True)


@contextmanager
def _database(var_dir: Path, many: int) -> Iterator[None]:
    """An embedded database with accounts: one has a few lines and one has many."""
    with embedded.running(var_dir):
        with _session(var_dir):
            flask_migrate.upgrade()
            accounts.load(accounts=many, budget=90_000_000_000)
            db.session.execute(text("UPDATE billing_accounts SET status = 'ACTIVE'"))
            for account, lines in ((1, FEW_LINES), (2, MANY_LINES)):
                accounts.add_lines(account=account, lines=lines)
        yield


@contextmanager
def _session(var_dir: Path) -> Iterator[None]:
    """The application's session on the database, committed at the end."""
    app = create_app(Settings.load({"VAR_DIR": str(var_dir), "LOG_LEVEL": "ERROR"}))
    with app.app_context():
        yield
        db.session.commit()
        db.session.remove()
        db.engine.dispose()


def _account_loads(many: int) -> list[tuple[str, Load]]:
    spread = f"'{ACCOUNTS}/' .. math.random(10, {many}) .. '/lock-amount'"

    def lock(account: int, headers: str = "") -> Load:
        return Load(f"'{ACCOUNTS}/{account}/lock-amount'", "'PATCH'", _LOCK, headers)

    return [
        ("list of 20", Load(f"'{ACCOUNTS}'")),
        ("list of 20, page in the middle", Load(f"'{ACCOUNTS}?page={many // 40}'")),
        ("list of clients", Load("'/v6/clients'")),
        ("detail, 25 lines", Load(f"'{ACCOUNTS}/1'")),
        ("access check", Load(f"'{ACCOUNTS}/' .. math.random(10, {many}) .. '/users/7/access'")),
        ("lock, spread", Load(spread, "'PATCH'", _LOCK)),
        ("lock, one hot account", lock(HOT)),
        ("lock, empty account", lock(EMPTY)),
        ("lock, account with 51,000 lines", lock(2)),
        ("lock with a key", Load(spread, "'PATCH'", _LOCK, _KEY)),
        ("consume, engagement", Load(spread.replace("/lock-amount", "/consume-amount"), "'PATCH'", _CONSUME)),
        ("mixed traffic: 70 % reads, 30 % writes", _mixed(many)),
        # Last: what it leaves running would slow down the next.
        ("detail, 51,000 lines", Load(f"'{ACCOUNTS}/2'")),
    ]


def _mixed(many: int) -> Load:
    """Lists, details, access checks, locks and consumption of thousands of accounts."""
    return Load(
        f"(dice <= 20 and '{ACCOUNTS}' or dice <= 50 and account or dice <= 70 and account .. '/users/7/access'"
        " or dice <= 90 and account .. '/lock-amount' or account .. '/consume-amount')",
        "(dice <= 70 and 'GET' or 'PATCH')",
        f"(dice > 90 and {_CONSUME} or dice > 70 and {_LOCK} or nil)",
        f"local dice, account = math.random(100), '{ACCOUNTS}/' .. math.random(10, {many})",
    )


def _hold_and_capture(account_id: str) -> Load:
    """Half of the requests hold credits; the others capture what one of them held, a part of it."""
    return Load(
        f"(hold and '{_HOLDS}' .. hold .. '/capture/' or '{_HOLDS}')",
        "'POST'",
        """(hold and '{"amount": 1, "account_id": ' .. account .. '}' or '{"operation_type": "search", "amount": 2,'
            .. '"reference": "' .. request_id .. '", "account_id": ' .. account .. '}')""",
        f"local hold, account = table.remove(holds), {account_id}",
        """holds = {}
        function response(status, _, body)
          if status == 201 then table.insert(holds, body:match('"id":(%d+)')) end
        end""",
    )


def _bulk(target: Running, admin: str) -> Iterator[Row]:
    for size, created, changed in bulk_payments.measure(Api(target.url, admin)):
        yield Row(f"{size} payments created at once", seconds=created)
        yield Row(f"{size} payments changed at once", seconds=changed)


def _payments(target: Running, admin: str, var_dir: Path, options: argparse.Namespace) -> Iterator[Row]:
    """Pages near the beginning of a long list, and far from it."""
    last = options.payments // 20
    reads = [
        ("payments, first page", Load(f"'{PAYMENTS}'")),
        ("payments, page in the middle", Load(f"'{PAYMENTS}?page={last // 2}'")),
        ("payments that failed, first page", Load(f"'{PAYMENTS}?status=failed'")),
    ]
    if any(options.only in name for name, _ in reads):
        with _session(var_dir):
            bookings = options.payments // (work_periods.WEEKS * PAYMENTS_EACH)
            work_periods.load(bookings=bookings, payments_each=PAYMENTS_EACH, accounts=options.accounts)
        with _session(var_dir), db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # As autovacuum does some minutes later. Until then a count looks at every row, not only at the index.
            connection.execute(text("VACUUM work_period_payments"))
        yield from _drive(target, admin, reads, options)


def _imports(target: Running, var_dir: Path, options: argparse.Namespace) -> Iterator[Row]:
    """Rows per second of the whole command, while the service runs."""
    export = var_dir / "export.json"
    for name in ("import of an export", "import of the same again", "import into tables believed empty"):
        if options.only not in name:
            continue
        if not export.exists():
            legacy_export.write(export, rows=IMPORTED_ROWS)
        measured = _import_believed_empty(export) if "believed empty" in name else _import(target, export)
        yield Row(f"{name}, rows", measured)


def _import(target: Running, export: Path) -> Measured:
    # The command is a child of this process, and has ended.
    meter = Meter([], [server_of(target.var_dir)])
    before, own, started = meter.read(), os.times(), time.perf_counter()
    target.flask("import-legacy", str(export))
    took = time.perf_counter() - started
    _, database = meter.read().since(before)
    ended = os.times()
    service = ended.children_user + ended.children_system - own.children_user - own.children_system
    return Measured(IMPORTED_ROWS / took, 0, service / IMPORTED_ROWS * 1e6, database / IMPORTED_ROWS * 1e6)


def _import_believed_empty(export: Path) -> Measured:
    """An import into a database of its own, whose statistics were taken after a rehearsal left nothing."""
    with service.directory() as var_dir, embedded.running(var_dir):
        with _session(var_dir):
            flask_migrate.upgrade()
        target = Running("", var_dir, 0, os.getpid())
        target.flask("import-legacy", str(export), "--dry-run")
        with _session(var_dir):
            db.session.execute(text("ANALYZE"))
        return _import(target, export)


def _credits(target: Running, var_dir: Path, options: argparse.Namespace) -> Iterator[Row]:
    owner = target.flask("token", "--user", "owner")
    account_id = Api(target.url, owner).call("POST", "/v1/account/", {"name": "Bench"})["id"]
    machine = target.flask("token", "--scope", "spend:credits")
    with _session(var_dir):
        ids = customers.load(accounts=CUSTOMERS, transactions=1)
    anyone = f"({{{str(ids)[1:-1]}}})[math.random({len(ids)})]"
    many = Load(f"'{USAGE}/'", "'POST'", _usage(anyone))
    held = _hold_and_capture(str(ids[0]))
    yield from _drive(
        target, machine, [("usage of many accounts", many), ("hold, then capture, one account", held)], options
    )
    for transactions in (1, options.transactions):
        with _session(var_dir):
            credits.load(account_id, rows=transactions)
        # Posts what is due, as one of the first requests of a month does; reads before it work that out.
        Api(target.url, machine).call("POST", f"{USAGE}/", _spending(account_id))
        after = f"after {transactions:,} transactions" if transactions > 1 else "of a new account"
        reads = [
            (f"balance {after}", Load("'/v1/billing/credits/balance/'")),
            (f"analytics {after}", Load("'/v1/account/usage/analytics/?days=30'")),
            (f"transactions {after}", Load("'/v1/billing/transactions/'")),
        ]
        yield from _drive(target, owner, reads, options)
        usage = Load(f"'{USAGE}/'", "'POST'", _usage(str(account_id)))
        yield from _drive(target, machine, [(f"usage {after}", usage)], options)
        if options.only in f"bulk usage {after}":
            yield Row(f"bulk usage {after}, items", Measured(_bulk_usage(target, machine, account_id, options)))


def _usage(account_id: str) -> str:
    """The body of one spending, in Lua."""
    return f"""'{{"operation_type": "search", "credits_used": 1, "account_id": ' .. {account_id} .. '}}'"""


def _spending(account_id: int) -> dict[str, Any]:
    return {"operation_type": "search", "credits_used": 1, "account_id": account_id}


def _bulk_usage(target: Running, machine: str, account_id: int, options: argparse.Namespace) -> float:
    """Items per second, with a thousand in each call and one caller for each worker's core."""
    api = Api(target.url, machine)
    items = [_spending(account_id)] * BULK_ITEMS
    calls, started = 0, time.perf_counter()
    while time.perf_counter() - started < options.seconds:
        outcomes = api.call("POST", f"{USAGE}/bulk/", items)
        if any("error" in outcome for outcome in outcomes):
            raise RuntimeError(outcomes)
        calls += 1
    return calls * BULK_ITEMS / (time.perf_counter() - started)


def _drive(target: Running, token: str, loads: list[tuple[str, Load]], options: argparse.Namespace) -> Iterator[Row]:
    for name, what in loads:
        if options.only in name:
            measured = load.measure(target, token, what, seconds=options.seconds, rounds=options.rounds)
            yield Row(name, measured)


if __name__ == "__main__":
    main()
