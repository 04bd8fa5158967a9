"""Clients that mean harm: `python -m tests.edge.attack PORT` keeps them all going while another caller asks.

To be pointed at the proxy of an installation of one's own. Exits with 1 when the other caller was not answered.
"""

import argparse
import resource
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from threading import Event, Thread

from tests.edge.wire import Target

# More than the threads of any service of ours.
MANY = 64
CROWD = 2500
DRIP_SECONDS = 0.2
# Far more than an answer takes, far less than these clients are waited for.
PATIENCE_SECONDS = 8

_POST = "POST /v6/clients HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
Attack = Callable[[int], AbstractContextManager[None]]


def _opened(stack: ExitStack, port: int, number: int, *, receive_bytes: int | None = None) -> list[socket.socket]:
    made = []
    for _ in range(number):
        connection = stack.enter_context(socket.socket())
        if receive_bytes is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        connection.settimeout(PATIENCE_SECONDS)
        connection.connect(("127.0.0.1", port))
        made.append(connection)
    return made


@contextmanager
def _dripping(port: int, begin: bytes, more: bytes, number: int = MANY) -> Iterator[None]:
    """Have connections inside the block on which more arrives now and then; one that is closed is replaced."""
    ending, begun = Event(), Event()

    def drip() -> None:
        with ExitStack() as stack:
            connections = _opened(stack, port, number)
            for connection in connections:
                connection.sendall(begin)
            begun.set()
            while not ending.wait(DRIP_SECONDS):
                for index, connection in enumerate(connections):
                    try:
                        connection.sendall(more)
                    except OSError:
                        [connections[index]] = _opened(stack, port, 1)
                        with suppress(OSError):
                            connections[index].sendall(begin)

    thread = Thread(target=drip, daemon=True)
    thread.start()
    begun.wait(PATIENCE_SECONDS)
    try:
        yield
    finally:
        ending.set()
        thread.join()


def slow_heads(port: int) -> AbstractContextManager[None]:
    """Headers that arrive byte by byte."""
    return _dripping(port, b"GET /v6/clients HTTP/1.1\r\nHost: here\r\nX-Slow: ", b"x")


def slow_bodies(port: int) -> AbstractContextManager[None]:
    """Bodies that arrive byte by byte."""
    return _dripping(port, f"{_POST}Content-Length: 4000000\r\n\r\n".encode(), b" ")


def slow_chunks(port: int) -> AbstractContextManager[None]:
    """Bodies in chunks of one byte."""
    return _dripping(port, f"{_POST}Transfer-Encoding: chunked\r\n\r\n".encode(), b"1\r\n \r\n")


def endless_trailers(port: int) -> AbstractContextManager[None]:
    """A body that has ended and trailers that do not."""
    return _dripping(
        port, f"{_POST}Transfer-Encoding: chunked\r\n\r\n0\r\n".encode(), b"X-More: " + b"x" * 1000 + b"\r\n"
    )


def huge_chunks(port: int) -> AbstractContextManager[None]:
    """First chunks larger than any memory."""
    return _dripping(port, f"{_POST}Transfer-Encoding: chunked\r\n\r\n7FFFFFFFFFFFFFFF\r\n".encode(), b"x")


@contextmanager
def slow_readers(port: int) -> Iterator[None]:
    """Callers who ask for the largest answer without a token, and read nothing."""
    with ExitStack() as stack:
        for connection in _opened(stack, port, MANY, receive_bytes=4096):
            connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: here\r\n\r\n" * 4)
        yield


@contextmanager
def idle_crowd(port: int) -> Iterator[None]:
    """Thousands of connections that send nothing."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        _opened(stack, port, min(CROWD, most - 256))
        yield


@contextmanager
def half_closed(port: int) -> Iterator[None]:
    """Callers who send half a request and say that there is no more, and never hang up."""
    with ExitStack() as stack:
        for connection in _opened(stack, port, MANY):
            connection.sendall(f"{_POST}Content-Length: 9\r\n\r\n{{".encode())
            connection.shutdown(socket.SHUT_WR)
        yield


ATTACKS: Sequence[Attack] = (
    slow_heads,
    slow_bodies,
    slow_chunks,
    endless_trailers,
    huge_chunks,
    slow_readers,
    idle_crowd,
    half_closed,
)


def unanswered(target: Target, path: str, asked: int = 10) -> int:
    """How many requests of an ordinary caller, each on a new connection, are not answered as they should be."""
    missed = 0
    for _ in range(asked):
        try:
            missed += target.get(path, timeout=PATIENCE_SECONDS).status != 200
        except OSError:
            missed += 1
    return missed


def main() -> None:
    """Keep every attack going at once, and ask meanwhile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--seconds", type=int, default=30)
    options = parser.parse_args()
    target = Target(options.port, "none")
    asked = missed = 0
    with ExitStack() as stack:
        for attack in ATTACKS:
            stack.enter_context(attack(options.port))
            sys.stdout.write(f"{attack.__name__}: begun\n")
        end = time.monotonic() + options.seconds
        while time.monotonic() < end:
            asked += 10
            missed += unanswered(target, "/health/live")
    sys.stdout.write(f"{asked} requests of another caller, {missed} not answered\n")
    sys.exit(missed > 0)


if __name__ == "__main__":
    main()
