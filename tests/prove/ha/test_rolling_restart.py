"""Two instances of the service behind the shipped proxy, restarted one after the other while callers use them."""

import re
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import psycopg2
from flask import Flask

from app.config import Settings
from bench.findings import Finding, Page
from tests import proxy
from tests.conftest import SECRET, Scale
from tests.processes import Service, free_port, until
from tests.prove.conftest import Record
from tests.prove.writers import ROWS, Books, Row, Writer, compare, open_books

SEED = 27
WRITERS = 4
# Of callers alone: who looks at health and metrics is counted too.
_WRITES = re.compile(r'^billing_http_requests_total\{[^}]*method="PATCH"[^}]*\} (\S+)$', re.MULTILINE)
# The protection taken out: a write with a key is sent once like any other.
SENT_ONCE = ("proxy_next_upstream error non_idempotent;", "proxy_next_upstream error;")


class Site:
    """The instances, and the proxy in front of them."""

    def __init__(self, stack: ExitStack, settings: Settings, *changes: tuple[str, str]) -> None:
        self._place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="billing-")))
        self._environ = {"DATABASE_URL": settings.database_url, "AUTH_SECRET": SECRET, "TRUSTED_PROXY_HOPS": "1"}
        ports = free_port(), free_port()
        self.instances = [self._start(port) for port in ports]
        stack.callback(self._stop)
        first, second = (f"server 127.0.0.1:{port} " for port in ports)
        both = first, f"{second}max_fails=1 fail_timeout=2s;\n{first}"
        nginx = self._place / "nginx"
        nginx.mkdir()
        self.proxy = stack.enter_context(proxy.running(nginx, ports[0], changed=[both, *changes]))

    def _start(self, port: int) -> Service:
        return Service(self._place / str(port), port, "--no-migrate", **self._environ)

    def _stop(self) -> None:
        for instance in self.instances:
            instance.stop()

    def restart(self, number: int) -> None:
        """What docs/deployment.md says: stop it, start it, wait until it is ready and the proxy has found out."""
        port = self.instances[number].port
        self.instances[number].stop(signal.SIGTERM)
        self.instances[number] = self._start(port)
        assert self.instances[number].get("/health/ready")["database"] == "ok"
        before = writes_to(port)
        until(lambda: writes_to(port) > before, "the proxy to use it")


def writes_to(port: int) -> float:
    """How many PATCH requests an instance has answered, in all its lives."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        return sum(float(number) for number in _WRITES.findall(answer.read().decode()))


@contextmanager
def writing(books: Books, seed: str) -> Iterator[list[Writer]]:
    writers = [Writer(books, f"{SEED}/{seed}/{number}") for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    yield writers
    for writer in writers:
        writer.end()


def failed(writers: list[Writer]) -> int:
    return sum(not answer.good for writer in writers for answer in writer.answers)


def rows(url: str) -> Counter[Row]:
    with closing(psycopg2.connect(url.replace("+psycopg2", ""))) as connection, connection.cursor() as cursor:
        cursor.execute(ROWS)
        return Counter(Row(*row) for row in cursor.fetchall())


def test_instances_are_restarted_and_no_request_fails(
    app: Flask,  # noqa: ARG001 - an empty database
    settings: Settings,
    scale: Scale,
    record: Record,
) -> None:
    rounds = scale(3, 1)
    with ExitStack() as stack:
        site = Site(stack, settings)
        books = open_books(site.instances[0], settings)
        with writing(replace(books, port=site.proxy.port), "twice") as writers:
            for number in range(2 * rounds):
                site.restart(number % 2)
        compared = compare([write for writer in writers for write in writer.writes], rows(settings.database_url))
    with ExitStack() as stack:
        site = Site(stack, settings, SENT_ONCE)
        with writing(replace(books, port=site.proxy.port), "once") as unprotected:
            for number in range(2 * rounds):
                site.restart(number % 2)
    answers = [answer for writer in writers for answer in writer.answers]
    record(
        Finding(
            check="two instances behind nginx restarted one after the other, each by SIGTERM",
            done=f"{2 * rounds} restarts, {sum(answer.method == 'GET' for answer in answers)} reads,"
            f" {sum(answer.method != 'GET' for answer in answers)} writes with a key",
            wrong=failed(writers) + sum(compared),
            control=f"writes with a key sent once like others: {failed(unprotected)} requests failed",
            seed=SEED,
            also=f"a request took {max(answer.seconds for answer in answers):.1f} s at most",
            page=Page.SCALING,
        )
    )
