"""HTTP as bytes: what no client library would send."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPResponse
from typing import NamedTuple

TIMEOUT_SECONDS = 30


class Response(NamedTuple):
    """A response as it was read."""

    status: int
    headers: dict[str, str]
    body: bytes


class Target(NamedTuple):
    """A port of this machine that answers HTTP, and a token that is good there."""

    port: int
    token: str

    def head(self, line: str, *headers: str) -> bytes:
        """The head of a request with the token."""
        lines = [line, "Host: here", f"Authorization: Bearer {self.token}", *headers, "", ""]
        return "\r\n".join(lines).encode("latin-1")

    @contextmanager
    def connected(self, timeout: float = TIMEOUT_SECONDS) -> Iterator[socket.socket]:
        """A connection inside the block."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield connection

    def ask(self, request: bytes, timeout: float = TIMEOUT_SECONDS) -> Response:
        """What a request is answered with."""
        with self.connected(timeout) as connection:
            send(connection, request)
            return read(connection)

    def get(self, path: str, *headers: str, timeout: float = TIMEOUT_SECONDS) -> Response:
        """What a GET with the token is answered with."""
        return self.ask(self.head(f"GET {path} HTTP/1.1", *headers), timeout)

    def sent_raw(self, request: bytes, *, half_close: bool = False) -> bytes:
        """Everything that comes until the connection is closed, or until nothing came for a second."""
        with self.connected() as connection:
            connection.settimeout(1)
            send(connection, request)
            if half_close:
                shut(connection)
            return drain(connection)


def send(connection: socket.socket, data: bytes) -> None:
    """Send it, or as much as is taken: who refuses may close before the end."""
    try:
        connection.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        return


def shut(connection: socket.socket) -> None:
    """Say that no more is sent."""
    try:
        connection.shutdown(socket.SHUT_WR)
    except OSError:
        return


def drain(connection: socket.socket) -> bytes:
    """Everything until the connection is closed, or nothing comes for its timeout."""
    got = bytearray()
    try:
        while more := connection.recv(65536):
            got += more
    except (TimeoutError, ConnectionResetError):
        pass
    return bytes(got)


def read(connection: socket.socket, method: str = "GET") -> Response:
    """One response; nothing must follow it."""
    with closing(HTTPResponse(connection, method=method)) as response:
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Response(response.status, headers, response.read())
