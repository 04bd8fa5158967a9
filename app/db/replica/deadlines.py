"""Deadlines of the open connections of an engine, which are cut when a wait for the server takes longer.

The driver waits for a server's answer for ever. A server that hangs, or whose disk does, keeps its side of a connection
open; it is known only by the time that goes by.
"""

import math
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Engine, event

_INFO = "deadlines"


class _Connection:
    """One connection: our own handle on its socket, and until when its holder may wait."""

    def __init__(self, descriptor: int) -> None:
        # A copy: the driver may close its own at any moment, and the number would then mean something else.
        self.socket = socket.socket(fileno=os.dup(descriptor))
        self.deadline: float | None = None


class Deadlines:
    """The connections of `engine`, each with a deadline `patience` seconds after it is taken, or as extended.

    `watch` is called before every wait: `cut_overdue` has to be called from then on.
    """

    def __init__(self, engine: Engine, *, patience: float, watch: Callable[[], None]) -> None:
        self._patience = patience
        self._watch = watch
        self._connections: dict[Any, _Connection] = {}
        event.listen(engine, "connect", self._open)
        event.listen(engine, "checkout", self._take)
        event.listen(engine, "checkin", self._give_back)
        event.listen(engine, "close", self._close)

    def extend(self, connection: Connection, seconds: float) -> None:
        """Let the holder of a connection wait for so long from now."""
        self._connections[connection.connection.dbapi_connection].deadline = time.monotonic() + seconds

    @contextmanager
    def extended(self, connection: Connection, seconds: float) -> Iterator[None]:
        """Let the block wait for so long, and have no deadline after it."""
        self._watch()
        self.extend(connection, seconds)
        yield
        self._give_back(connection.connection.dbapi_connection, None)

    def cut_overdue(self) -> None:
        """Break the connections that were waited for long enough: the statement that waits on one fails."""
        self._cut(time.monotonic())

    def cut_all(self) -> None:
        """Break every connection that is taken."""
        self._cut(math.inf)

    def _cut(self, moment: float) -> None:
        for each in list(self._connections.values()):
            if each.deadline is not None and each.deadline <= moment:
                with suppress(OSError):  # it is closed already
                    each.socket.shutdown(socket.SHUT_RDWR)

    def _open(self, connection: Any, record: Any) -> None:
        self._connections[connection] = _Connection(connection.fileno())
        record.info[_INFO] = self

    def _take(self, connection: Any, _record: Any, _proxy: Any) -> None:
        self._connections[connection].deadline = time.monotonic() + self._patience

    def _give_back(self, connection: Any, _record: Any) -> None:
        # Of a connection that was found broken nothing comes back.
        if connection is not None:
            self._connections[connection].deadline = None

    def _close(self, connection: Any, _record: Any) -> None:
        closed = self._connections.pop(connection, None)
        if closed is not None:
            closed.socket.close()


@contextmanager
def extended(connection: Connection, seconds: float) -> Iterator[None]:
    """Let the block wait for so long on a connection that has deadlines, and have none after it."""
    found: Deadlines | None = connection.info.get(_INFO)
    if found is None:
        yield
    else:
        with found.extended(connection, seconds):
            yield
