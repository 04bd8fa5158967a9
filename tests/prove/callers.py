"""Callers that keep a service busy, politely or not, and time what they are answered."""

import itertools
import json
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from threading import Event, Thread
from typing import Any, NamedTuple, Protocol

# Far more than an answer takes.
PATIENCE_SECONDS = 5


class Target(Protocol):
    """Where to call, and the token to call with."""

    @property
    def port(self) -> int: ...

    @property
    def token(self) -> str: ...


class Request(NamedTuple):
    """A request to repeat."""

    method: str
    path: str
    body: Any = None


class Busy(Thread):
    """Sends its requests one after the other, over one connection, until it is ended."""

    def __init__(self, service: Target, requests: Sequence[Request], patience: float = PATIENCE_SECONDS) -> None:
        super().__init__(daemon=True)
        self.seconds: list[float] = []
        self.unanswered = 0
        self._requests = requests
        self._headers = {"Authorization": f"Bearer {service.token}", "Content-Type": "application/json"}
        self._connection = HTTPConnection("127.0.0.1", service.port, timeout=patience)
        self._ending = Event()

    def run(self) -> None:
        for method, path, body in itertools.cycle(self._requests):
            if self._ending.is_set():
                break
            begun = time.perf_counter()
            try:
                self._connection.request(method, path, body and json.dumps(body), self._headers)
                self._connection.getresponse().read()
            except (OSError, HTTPException):
                self.unanswered += 1
                self._connection.close()
            self.seconds.append(time.perf_counter() - begun)
        self._connection.close()

    def end(self) -> None:
        self._ending.set()
        self.join()

    @property
    def p99(self) -> float:
        """Milliseconds within which 99 of 100 were answered."""
        return 1000 * sorted(self.seconds)[int(0.99 * len(self.seconds))]


@contextmanager
def busy(callers: Sequence[Busy]) -> Iterator[None]:
    """Have them call inside the block."""
    for caller in callers:
        caller.start()
    try:
        yield
    finally:
        for caller in callers:
            caller.end()


@contextmanager
def slow(service: Target, connections: int) -> Iterator[None]:
    """Have as many connections inside the block, on each of which a header arrives byte by byte."""
    ending = Event()

    def send(line: socket.socket) -> None:
        with suppress(OSError):
            line.sendall(b"x")

    def drip() -> None:
        with ExitStack() as stack:
            lines = [
                stack.enter_context(socket.create_connection(("127.0.0.1", service.port))) for _ in range(connections)
            ]
            for line in lines:
                line.sendall(b"GET /health/live HTTP/1.1\r\nX-Slow: ")
            open_.set()
            while not ending.wait(0.1):
                for line in lines:
                    send(line)

    open_ = Event()
    thread = Thread(target=drip, daemon=True)
    thread.start()
    open_.wait(PATIENCE_SECONDS)
    try:
        yield
    finally:
        ending.set()
        thread.join()
