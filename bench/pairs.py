"""Compares what requests cost two versions of the service: processor time of the service, and of PostgreSQL.

git worktree add ../before REVISION
.venv/bin/python -m bench.pairs ../before

Each version runs in a process of its own on a database of its own, and is called as a WSGI application, without a
server in front; blocks of requests alternate between the two, because a machine drifts. Printed are typical times over
the rounds, and their ratios.
"""

import argparse
import io
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from werkzeug.test import EnvironBuilder

SECRET = "a secret for measurements that is long enough"  # noqa: S105 - it guards a database that ends with the run
ROWS = (
    *("bare answer", "list of 20", "list of clients", "detail, 25 lines", "access check"),
    *("lock", "lock with a key", "consume, engagement", "usage", "usage, 100 items", "balance"),
)
ACCOUNT = "/v6/billing-accounts"
# Calls an application: method, path, body, and more of the environment.
Call = Callable[..., bytes]


def main() -> None:
    """Measure this checkout against another, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path, help="the root of another checkout")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--requests", type=int, default=200, help="of each row and version in a round")
    parser.add_argument("--only", default="", help="the rows whose names begin so")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="billing-") as directory:
        versions = [
            Version(root.resolve(), Path(directory) / name) for root, name in ((options.before, "b"), (Path.cwd(), "a"))
        ]
        print("| processor time per request | before, µs | after, µs | service | PostgreSQL |")
        print("|---|---|---|---|---|")
        for row in (row for row in ROWS if row.startswith(options.only)):
            spent = [[version.spend(row, options.requests) for version in versions] for _ in range(options.rounds)]
            before, after = (_typical(each) for each in zip(*spent, strict=True))
            database = f"{after[1] / before[1]:.2f}" if before[1] else ""
            print(f"| {row} | {before[0]:.0f} | {after[0]:.0f} | {after[0] / before[0]:.2f} | {database} |")
        for version in versions:
            version.end()


def _typical(spent: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The medians of the times of the service and of PostgreSQL."""
    service, database = zip(*spent, strict=True)
    return statistics.median(service), statistics.median(database)


class Version:
    """A checkout in a process of its own."""

    def __init__(self, root: Path, var_dir: Path) -> None:
        environ = {**os.environ, "PYTHONPATH": str(root), "VAR_DIR": str(var_dir), "AUTH_SECRET": SECRET}
        environ |= {"RATE_LIMITS": "off", "LOG_LEVEL": "INFO", "DATABASE_URL": ""}
        self._log = var_dir.with_suffix(".log")
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--serve"],
            cwd=root,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log.open("w"),
            text=True,
        )

    def spend(self, row: str, requests: int) -> tuple[float, float]:
        """Microseconds of processor time per request, of the service and of PostgreSQL."""
        to, answers = self._pipes()
        print(row, requests, sep="\t", file=to, flush=True)
        found = answers.readline().split()
        if not found:
            raise RuntimeError(self._log.read_text()[-2000:])
        return float(found[0]), float(found[1])

    def end(self) -> None:
        """Stop the process and its database."""
        self._pipes()[0].close()
        self._process.wait()

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("The process has no pipes")
        return self._process.stdin, self._process.stdout


def serve() -> None:
    """Answer each line of standard input, a row and a number, with what so many of its requests cost."""
    import jwt  # noqa: PLC0415 - of the checkout that is measured, like all that follows

    answers, sys.stdout = sys.stdout, sys.stderr
    flask = [sys.executable, "-m", "flask"]
    subprocess.run([*flask, "db", "upgrade"], check=True, stdout=subprocess.DEVNULL)
    # Keeps the embedded database running.
    keeper = subprocess.Popen([*flask, "serve"], env={**os.environ, "PORT": _free_port()}, stdout=subprocess.DEVNULL)
    from wsgi import app  # noqa: PLC0415

    def token(**claims: Any) -> str:
        expires = datetime.now(UTC) + timedelta(hours=1)
        return jwt.encode({"sub": "1", "exp": expires, **claims}, SECRET, algorithm="HS256")

    call = _caller(app.wsgi_app, token(roles=["administrator"]))
    _wait(call)
    rows = _rows(call, _caller(app.wsgi_app, token(sub="machine@clients", scope="spend:credits")))
    for line in sys.stdin:
        row, number = line.rstrip("\n").split("\t")
        request, times = rows[row], int(number)
        request(0)
        backend = _backend(app)
        began, started = _seconds(backend), time.process_time()
        for each in range(times):
            request(each)
        service, database = time.process_time() - started, _seconds(backend) - began
        print(service / times * 1e6, database / times * 1e6, file=answers, flush=True)
    keeper.terminate()
    keeper.wait()


def _rows(call: Call, machine: Call) -> dict[str, Callable[[int], Any]]:
    client = _data(call("POST", "/v6/clients", {"name": "Acme"}))["id"]
    for number in range(50):
        call("POST", "/v6/clients", {"name": f"Client {number}"})
    account = {"name": "Acme", "budget": 99_999_999, "markup": 0.1, "clientId": client}
    ids = [_data(call("POST", ACCOUNT, account))["id"] for _ in range(100)]
    for number in range(25):
        call("PATCH", f"{ACCOUNT}/{ids[0]}/lock-amount", {"challengeId": f"line-{number}", "amount": 1})
    customer = _data(call("POST", "/v1/account/", {"name": "Harbour"}))["id"]
    grant = {"account_id": customer, "amount": 10_000_000, "transaction_type": "grant", "description": "measured"}
    call("POST", "/v1/billing/credits/grant/", grant)
    usage = {"operation_type": "search", "credits_used": 1, "account_id": customer}

    def lock(number: int, **headers: str) -> Any:
        body = {"challengeId": f"c{number % 200}", "amount": 1 + time.monotonic_ns() % 9}
        return call("PATCH", f"{ACCOUNT}/{ids[1 + number % 99]}/lock-amount", body, **headers)

    def consume(number: int) -> Any:
        body = {"externalId": f"e{number}", "externalType": "ENGAGEMENT", "amount": 1}
        return call("PATCH", f"{ACCOUNT}/{ids[1 + number % 99]}/consume-amount", body)

    return {
        "bare answer": lambda _: call("GET", "/health/live"),
        "list of 20": lambda _: call("GET", ACCOUNT),
        "list of clients": lambda _: call("GET", "/v6/clients"),
        "detail, 25 lines": lambda _: call("GET", f"{ACCOUNT}/{ids[0]}"),
        "access check": lambda _: call("GET", f"{ACCOUNT}/{ids[0]}/users/7/access"),
        "lock": lock,
        "lock with a key": lambda number: lock(number, HTTP_IDEMPOTENCY_KEY=str(time.monotonic_ns())),
        "consume, engagement": consume,
        "usage": lambda _: machine("POST", "/v1/billing/credits/usage/", usage),
        "usage, 100 items": lambda _: machine("POST", "/v1/billing/credits/usage/bulk/", [usage] * 100),
        "balance": lambda _: call("GET", "/v1/billing/credits/balance/"),
    }


def _caller(application: Any, token: str) -> Call:
    """Calls the application as a WSGI server does, for the bearer of `token`; the body of the answer."""
    environment: dict[str, Any] = EnvironBuilder(headers=[("Authorization", f"Bearer {token}")]).get_environ()
    for name in ("CONTENT_LENGTH", "CONTENT_TYPE"):
        environment.pop(name, None)

    def call(method: str, path: str, body: Any = None, **headers: str) -> bytes:
        content = b"" if body is None else json.dumps(body).encode()
        given: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "RAW_URI": path,
            "wsgi.input_terminated": True,
        }
        if content:
            given |= {"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(content))}
        answer: list[str] = []
        environ = {**environment, **given, **headers, "wsgi.input": io.BytesIO(content)}
        sent = application(environ, lambda status, *_: answer.append(status))
        received = b"".join(sent)
        sent.close()
        if not answer[0].startswith("2"):
            raise RuntimeError(f"{method} {path}: {answer[0]} {received!r}")
        return received

    return call


def _data(answer: bytes) -> Any:
    return json.loads(answer)["data"]


def _wait(call: Callable[..., Any]) -> None:
    for _ in range(300):
        try:
            call("GET", "/health/ready")
        except RuntimeError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("The database does not answer")


def _backend(app: Any) -> int:
    """The process of PostgreSQL that serves the application's one thread."""
    from app.db.base import db  # noqa: PLC0415

    with app.app_context(), db.engine.connect() as connection:
        return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())


def _seconds(process: int) -> float:
    """Of a processor, to the nanosecond."""
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["--serve"] else main()
