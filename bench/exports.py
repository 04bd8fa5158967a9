"""Exports 1,000,000 clients from the service as production runs it: seconds, megabytes, and the memory of its workers.

.venv/bin/python -m bench.exports
"""

import argparse
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse

import psutil
from sqlalchemy import create_engine, text

from app.db.server import embedded
from bench import service
from bench.service import Running

PIECE = 1 << 20
# Of each format once before, so that what a first request loads does not count.
FORMATS = ("csv", "ndjson")
CLIENTS = """
    INSERT INTO clients (id, name, code_name, status, created_at, updated_at)
    SELECT gen_random_uuid(), 'Client number ' || n, 'C-' || n, 'ACTIVE', moment, moment
    FROM generate_series(1, :rows) AS n
    CROSS JOIN LATERAL (SELECT timestamptz '2026-01-01Z' - n * interval '1 s' AS moment) AS at
"""


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    with service.directory() as var_dir, service.running(var_dir, workers=1) as target:
        token = target.flask("token", "--role", "administrator")
        for format_ in FORMATS:
            _export(target, token, format_)
        engine = create_engine(embedded.url(var_dir))
        with engine.begin() as connection:
            connection.execute(text(CLIENTS), {"rows": options.rows})
        engine.dispose()
        print("| format | rows | MB | seconds | to the first byte, ms | growth of the worker, MB |")
        print("|---|---|---|---|---|---|")
        for format_ in FORMATS:
            print(f"| {format_} | {options.rows:,} | {_export(target, token, format_)} |", flush=True)


def _export(target: Running, token: str, format_: str) -> str:
    """The cells of a row. Raises RuntimeError for a response that was cut off."""
    workers = _workers(target)
    before = most = _memory(workers)
    begun = time.perf_counter()
    with closing(HTTPConnection(target.url.removeprefix("http://"), timeout=60)) as connection:
        connection.request("GET", f"/v6/clients?format={format_}", headers={"Authorization": f"Bearer {token}"})
        answer: HTTPResponse = connection.getresponse()
        first = time.perf_counter() - begun
        size, tail = 0, b""
        while piece := answer.read(PIECE):
            size += len(piece)
            tail = (tail + piece)[-100:]
            most = max(most, _memory(workers))
    if b"#end," not in tail and b'{"end":true' not in tail:
        raise RuntimeError("The export was cut off")
    seconds = time.perf_counter() - begun
    return f"{size / 1e6:.0f} | {seconds:.1f} | {first * 1000:.0f} | {(most - before) / 2**20:.1f}"


def _workers(target: Running) -> list[psutil.Process]:
    port = int(target.url.rpartition(":")[2])
    (parent,) = (
        each
        for each in psutil.Process().children()
        if any(connection.laddr.port == port for connection in each.net_connections())
    )
    return [each for each in parent.children() if "postgres" not in each.name()]


def _memory(workers: list[psutil.Process]) -> int:
    return sum(each.memory_info().rss for each in workers)


if __name__ == "__main__":
    main()
