"""The open connections of an engine, which can be cut while somebody waits at the other end of one.

The driver waits for a server's answer for ever. A server that hangs, or whose disk does, keeps its side of a connection
open; it is known only by the time that goes by.
"""

import math
import os
import socket
import time
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Engine, event


class _Line:
    """One connection: our own handle on its socket, and until when whoever has it may wait."""

    def __init__(self, descriptor: int) -> None:
        # A copy: the driver may close its own at any moment, and the number would then mean something else.
        self.socket = socket.socket(fileno=os.dup(descriptor))
        self.deadline: float | None = None


class Lines:
    """The connections of `engine`. Whoever takes one may wait for `patience` seconds, unless that is extended."""

    def __init__(self, engine: Engine, *, patience: float) -> None:
        self._patience = patience
        self._lines: dict[Any, _Line] = {}
        event.listen(engine, "connect", self._open)
        event.listen(engine, "checkout", self._take)
        event.listen(engine, "checkin", self._give_back)
        event.listen(engine, "close", self._close)

    def extend(self, connection: Connection, seconds: float) -> None:
        """Let the holder of a connection wait for so long from now."""
        self._lines[connection.connection.dbapi_connection].deadline = time.monotonic() + seconds

    def cut_overdue(self) -> None:
        """Break the connections that were waited for long enough: the statement that waits on one fails."""
        self._cut(time.monotonic())

    def cut_all(self) -> None:
        """Break every connection that somebody has."""
        self._cut(math.inf)

    def _cut(self, moment: float) -> None:
        for line in list(self._lines.values()):
            if line.deadline is not None and line.deadline <= moment:
                with suppress(OSError):  # it is closed already
                    line.socket.shutdown(socket.SHUT_RDWR)

    def _open(self, connection: Any, _record: Any) -> None:
        self._lines[connection] = _Line(connection.fileno())

    def _take(self, connection: Any, _record: Any, _proxy: Any) -> None:
        self._lines[connection].deadline = time.monotonic() + self._patience

    def _give_back(self, connection: Any, _record: Any) -> None:
        # Of a connection that was found broken nothing comes back.
        if connection is not None:
            self._lines[connection].deadline = None

    def _close(self, connection: Any, _record: Any) -> None:
        line = self._lines.pop(connection, None)
        if line is not None:
            line.socket.close()
