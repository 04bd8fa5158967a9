"""Measures what each part of `app/db/fast/` saves, and prints the table of decision 0009.

.venv/bin/python -m bench.fast

All in one process, request by request without a server: with a part taken out next to the same requests with all
parts, alternating. Each variant has an application and a connection of its own. Measured are processor time, of the
service and of PostgreSQL together, and the time that passes when a network is between the two: a relay that takes a
quarter of a millisecond for each direction.
"""

import argparse
import io
import multiprocessing
import os
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr
from functools import cache
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import flask_migrate
from flask import Flask
from psycopg2 import extensions
from sqlalchemy import Connection, TextClause, event, text
from werkzeug.test import EnvironBuilder

from app import create_app
from app.config import Settings
from app.db.base import db
from app.db.fast import driver, prepared
from app.db.server import embedded
from bench import accounts, customers, service
from cli.token import mint

ACCOUNTS = 10_000
LIST = "/v6/billing-accounts"
USAGE = "/v1/billing/credits/usage/"
ONE_WAY_SECONDS = 0.00025
ALL = "all parts"
# Sends a request to an application; the number makes it another one than those before.
Request = Callable[[Flask, int], None]
# Seconds of the service's and of PostgreSQL's processor time, and seconds passed.
Spent = tuple[float, float, float]
# What is replaced to take a part out: of an object, an attribute, by a value.
Part = tuple[Any, str, Any] | None


def _through_sqlalchemy(connection: Connection, statement: Any, values: Mapping[str, Any]) -> Any:
    """`prepared.run`, with SQLAlchemy to form the statement and the rows."""
    statements = connection.info.get("prepared")
    sent = statement.sql
    if statements is not None:
        driver_connection = connection.connection.dbapi_connection
        sent = statements.sent(statement) or prepared.prepare_now(statements, driver_connection, statement)
    return connection.execute(_as_text(sent), values)


@cache
def _as_text(sent: str) -> TextClause:
    return text(sent.replace(":", r"\:").replace("%%", "%").replace("%(", ":").replace(")s", " "))


def _begin_apart(connection: driver.Connection) -> bytes:
    """`Connection.take_pending`, with BEGIN sent by itself before."""
    pending = _TAKE_PENDING(connection)
    if not pending.startswith(b"BEGIN;"):
        return pending
    connection.send(b"BEGIN")
    return pending.removeprefix(b"BEGIN;")


_TAKE_PENDING = driver.Connection.take_pending
# Connections are made with some of these or without.
DRIVER, PREPARING = "driver: both of these", "prepared statements"
PARTS: dict[str, Part] = {
    ALL: None,
    "BEGIN with the first statement": (driver.Connection, "take_pending", _begin_apart),
    "deferred statements": (prepared, "defer", prepared.run),
    DRIVER: (prepared, "defer", prepared.run),
    PREPARING: None,
    "straight to the driver": (prepared, "run", _through_sqlalchemy),
}


def main() -> None:
    """Measure all requests with and without each part and print the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--times", type=int, default=20, help="requests of a kind in a round of a variant")
    options = parser.parse_args()
    with service.directory() as var_dir, embedded.running(var_dir, durable=False), ExitStack() as stack:
        # The log lines are written, where nobody reads them.
        stack.enter_context(redirect_stderr(stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))))
        address = stack.enter_context(_network(embedded.socket_dir(var_dir) / ".s.PGSQL.5432"))
        url = f"postgresql://{embedded.ROLE}@{address}/{embedded.DATABASE}"
        settings = Settings.load({"VAR_DIR": str(var_dir), "DATABASE_URL": url, "AUTH_SECRET": "bench" * 8})
        variants = {name: _application(settings, name) for name in PARTS}
        requests = _requests(settings, _load(variants[ALL]))
        print("| what a request costs more without | " + " | ".join(requests) + " |\n|---|" + "---:|" * len(requests))
        shares = {kind: _measure(variants, request, options) for kind, request in requests.items()}
        for name in PARTS:
            print(f"| {name} | " + " | ".join(shares[kind][name] for kind in requests) + " |")


@contextmanager
def _network(server: Path) -> Iterator[str]:
    """A relay to the server's socket, in a process of its own; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = multiprocessing.Process(target=_accept, args=(listener, str(server)), daemon=True)
        relay.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            relay.terminate()
            relay.join()


def _accept(listener: socket.socket, server: str) -> None:
    while True:
        caller, _ = listener.accept()
        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        onward = socket.socket(socket.AF_UNIX)
        onward.connect(server)
        for ends in ((caller, onward), (onward, caller)):
            threading.Thread(target=_carry, args=ends, daemon=True).start()


def _carry(source: socket.socket, target: socket.socket) -> None:
    while content := source.recv(1 << 16):
        time.sleep(ONE_WAY_SECONDS)
        target.sendall(content)
    target.shutdown(socket.SHUT_WR)


def _application(settings: Settings, without: str) -> Flask:
    with ExitStack() as stack:
        if without == DRIVER:
            # What the engine is told to connect with.
            stack.enter_context(_replaced((driver, "Connection", extensions.connection)))
            stack.enter_context(_replaced((driver, "Cursor", extensions.cursor)))
        app = create_app(settings)
    if without == PREPARING:
        with app.app_context():
            event.listen(db.engine, "connect", lambda _, entry: entry.info.pop("prepared", None))
    return app


def _load(app: Flask) -> list[int]:
    """Accounts with budgets and customers with credits; the ids of the customers."""
    with app.app_context():
        flask_migrate.upgrade()
        accounts.load(accounts=ACCOUNTS, lines=25_000, budget=90_000_000_000)
        db.session.execute(text("UPDATE billing_accounts SET status = 'ACTIVE'"))
        ids = customers.load(accounts=100, transactions=1)
        db.session.commit()
        db.session.remove()
        db.engine.dispose()
    return ids


def _requests(settings: Settings, ids: list[int]) -> dict[str, Request]:
    admin, machine = mint(settings), mint(settings, scopes=("spend:credits",))
    owner = mint(settings, user="member-7")
    random = Random(7)

    def lock(app: Flask, number: int, **headers: str) -> None:
        path = f"{LIST}/{random.randint(1, ACCOUNTS)}/lock-amount"
        _send(app, admin, "PATCH", path, {"challengeId": f"new-{number}", "amount": 1}, **headers)

    def spend(app: Flask, _number: int) -> None:
        body = {"operation_type": "search", "credits_used": 1, "account_id": random.choice(ids)}
        _send(app, machine, "POST", USAGE, body)

    return {
        "list": lambda app, _: _send(app, admin, "GET", LIST),
        "detail": lambda app, _: _send(app, admin, "GET", f"{LIST}/{random.randint(1, ACCOUNTS)}"),
        "lock": lock,
        "lock with a key": lambda app, number: lock(app, number, **{"Idempotency-Key": f"key-{number}"}),
        "usage": spend,
        "balance": lambda app, _: _send(app, owner, "GET", "/v1/billing/credits/balance/"),
    }


def _send(app: Flask, token: str, method: str, path: str, body: Any = None, **headers: str) -> None:
    """What a WSGI server does with a request. Raises RuntimeError when the answer is not a success."""
    environ = dict(_environ(token, method))
    content = app.json.dumps(body).encode() if body else b""
    environ |= {"PATH_INFO": path, "wsgi.input": io.BytesIO(content), "CONTENT_LENGTH": str(len(content))}
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    started: list[str] = []
    answer = b"".join(app.wsgi_app(environ, lambda status, *_: started.append(status)))  # type: ignore[arg-type]
    if not started[0].startswith("20"):
        raise RuntimeError(f"{started[0]}: {answer.decode()}")


@cache
def _environ(token: str, method: str) -> dict[str, Any]:
    content_type = None if method == "GET" else "application/json"
    builder = EnvironBuilder(method=method, headers=[("Authorization", f"Bearer {token}")], content_type=content_type)
    return builder.get_environ()


_NUMBERS = count()


def _measure(variants: Mapping[str, Flask], request: Request, options: argparse.Namespace) -> dict[str, str]:
    """Per variant what a request takes more than with all parts: processor time (median), and time passed (least)."""
    used: dict[str, list[Spent]] = {name: [] for name in variants}
    for round_number in range(options.rounds + 1):
        names = list(variants)[round_number % len(variants) :] + list(variants)[: round_number % len(variants)]
        for name in names:
            found = _spent(variants[name], request, PARTS[name], options.times)
            # The first round prepares and fills caches.
            if round_number:
                used[name].append(found)
    return {name: _described(each, used[ALL]) for name, each in used.items()}


def _described(used: list[Spent], of_all: list[Spent]) -> str:
    # Time that passes is only ever added to by what else the machine does.
    passed, passed_of_all = (min(each[2] for each in found) for found in (used, of_all))
    if used is of_all:
        service, database = (1000 * statistics.median(each[part] for each in used) for part in (0, 1))
        return f"{service:.2f} + {database:.2f} ms; {1000 * passed:.1f} ms"
    pairs = zip(used, of_all, strict=True)
    processor = statistics.median(sum(each[:2]) / sum(other[:2]) - 1 for each, other in pairs)
    return f"{processor:+.0%}; {passed / passed_of_all - 1:+.0%}"


def _spent(app: Flask, request: Request, part: Part, times: int) -> Spent:
    """What one request takes."""
    with _replaced(part):
        backend = _backend(app)
        before = time.process_time(), _of_process(backend), time.perf_counter()
        for _ in range(times):
            request(app, next(_NUMBERS))
        after = time.process_time(), _of_process(backend), time.perf_counter()
        if _backend(app) != backend:
            raise RuntimeError("More than one connection was used")
    service, database, passed = ((then - first) / times for first, then in zip(before, after, strict=True))
    return service, database, passed


def _backend(app: Flask) -> int:
    with app.app_context(), db.engine.connect() as connection:
        return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


def _of_process(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


@contextmanager
def _replaced(part: Part) -> Iterator[None]:
    if part is None:
        yield
        return
    target, name, value = part
    before = getattr(target, name)
    setattr(target, name, value)
    try:
        yield
    finally:
        setattr(target, name, before)


if __name__ == "__main__":
    main()
