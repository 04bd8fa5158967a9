"""The worker process: its event loop receives requests, its threads answer those that are here as a whole.

gunicorn's own threaded worker gives a connection a thread when it is opened, and the thread waits for what the client
sends. A few clients that send slowly, or nothing at all, then hold every thread, and a client that does not hang up
after its last answer holds the event loop. Here they hold a place in the loop, and memory for what they sent.
"""

import re
import selectors
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from ctypes import c_double, c_int
from functools import partial
from io import BytesIO
from multiprocessing.sharedctypes import RawArray
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from app import MAX_BODY_BYTES

# From a request's first byte to its last.
REQUEST_SECONDS = 60
# For a client to take an answer.
ANSWER_SECONDS = 30
# For a client to hang up after its last answer.
LINGER_SECONDS = 2
# How long a worker leaves a new connection to those that have fewer.
YIELD_SECONDS = 0.001
# A worker that was not seen for so long is gone, or takes nothing.
UNSEEN_SECONDS = 3
# Of all requests that one worker is receiving.
MAX_RECEIVED_BYTES = 64 * 1024 * 1024
_READ_BYTES = 256 * 1024

# By the worker's number: how many connections it has, and when it was last seen. All processes forked from this one
# see them; of more workers than there are places, some share one, and are a little less even.
_PLACES = 64
_connections = RawArray(c_int, _PLACES)
_seen = RawArray(c_double, _PLACES)

_END_OF_HEAD = b"\r\n\r\n"
# A head with such a line is refused as soon as it is parsed.
_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*(?=\r\n)", re.IGNORECASE)
_CODED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*(?=\r\n)", re.IGNORECASE)
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})[^\r\n]*\r\n")


class Reception:
    """A request on its way in.

    It is `ready` when there is no more to wait for, and `whole` unless that is because it will be refused anyway.
    """

    def __init__(self, deadline: float, max_head_bytes: int) -> None:
        self.deadline = deadline
        self.received = bytearray()
        self.ready = self.whole = False
        self.expects_continue = False
        self._max_head_bytes = max_head_bytes
        self._look: Callable[[], None] = self._look_for_head
        # What is before it was looked at.
        self._position = 0
        self._length = 0

    def add(self, data: bytes) -> None:
        """Take in what came next."""
        if not self.received:
            self.deadline = time.monotonic() + REQUEST_SECONDS
        self.received += data
        self._look()

    def _look_for_head(self) -> None:
        end = self.received.find(_END_OF_HEAD, max(0, self._position - len(_END_OF_HEAD)))
        if end >= 0:
            self._begin_body(end + len(_END_OF_HEAD))
        elif _BARE_LINE_FEED.search(self.received, self._position) or len(self.received) > self._max_head_bytes:
            self._refuse()
        else:
            self._position = len(self.received)

    def _begin_body(self, start: int) -> None:
        head = bytes(self.received[:start])
        lengths, coded = _LENGTH.findall(head), _CODED.search(head) is not None
        awaited = _EXPECT.sub(b"", head)
        if awaited != head:
            # Answered here: gunicorn would do it once the request is here.
            self.received[:start] = awaited
            start, self.expects_continue = len(awaited), True
        self._position = start
        if len(lengths) + coded > 1 or (lengths and int(lengths[0]) > MAX_BODY_BYTES):
            self._refuse()
        elif coded:
            self._look = self._look_for_last_chunk
            self._look()
        else:
            self._length = start + int(lengths[0] if lengths else 0)
            self._look = self._look_for_length
            self._look()

    def _look_for_length(self) -> None:
        self.ready = self.whole = len(self.received) >= self._length

    def _look_for_last_chunk(self) -> None:
        while (size := _CHUNK_SIZE.match(self.received, self._position)) is not None:
            length = int(size[1], 16)
            if length == 0:
                # Trailers, if any, end as a head does.
                self.ready = self.whole = self.received.find(_END_OF_HEAD, size.end() - 2) >= 0
                return
            self._position = size.end() + length + 2
        is_line = self.received.find(b"\n", self._position) >= 0
        if is_line or len(self.received) > MAX_BODY_BYTES + self._max_head_bytes:
            self._refuse()

    def _refuse(self) -> None:
        self.ready = True


class Farewell(Reception):
    """What a client sends after its last answer: nothing that matters until it hangs up."""

    def add(self, data: bytes) -> None:
        """Forget it."""


class RequestWorker(ThreadWorker):  # type: ignore[misc] # gunicorn is not typed
    """gunicorn's threaded worker, whose threads never wait for a client to send."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._receptions: dict[TConn, Reception] = {}
        self._received_bytes = 0
        # Connections with a request that is not whole: what follows on them is unknown.
        self._spent: set[TConn] = set()
        self._looked_at = 0.0
        self._place = self.age % _PLACES
        self._count()
        cfg = self.cfg
        self._max_head_bytes = (
            cfg.limit_request_line + cfg.limit_request_fields * (cfg.limit_request_field_size + 2) + 4096
        )

    def accept(self, listener: socket.socket) -> None:
        """Take a new connection, unless one of the workers that have fewer does.

        Whoever wakes first would take all of those that come at once, and its clients share one core from then on.
        """
        since = time.monotonic() - UNSEEN_SECONDS
        others = (number for number, seen in zip(_connections, _seen, strict=True) if seen > since)
        if self.nr_conns > min(others, default=self.nr_conns):
            time.sleep(YIELD_SECONDS)
        super().accept(listener)

    def enqueue_req(self, conn: TConn) -> None:
        """Give the connection a thread once its request is here."""
        conn.init()
        conn.sock.setblocking(False)
        reception = Reception(time.monotonic() + self.cfg.keepalive, self._max_head_bytes)
        self._wait(conn, reception)
        ahead = conn.parser.unreader.take_buffered()
        if ahead:
            # What followed the request before.
            self._take(conn, reception, ahead)
        else:
            self._receive(conn, reception)

    def finish_request(self, conn: TConn, fs: "Future[bool]") -> None:
        """Wait for the next request, or for the client to hang up."""
        self._spent.discard(conn)
        if not fs.cancelled() and fs.exception() is None and fs.result():
            super().finish_request(conn, fs)
            return
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.nr_conns -= 1
            conn.close()
        else:
            conn.sock.setblocking(False)
            self._wait(conn, Farewell(time.monotonic() + LINGER_SECONDS, 0))

    def handle_request(self, req: Any, conn: TConn) -> bool:
        """Answer a request. A client that does not take the answer is given up."""
        conn.sock.settimeout(ANSWER_SECONDS)
        if any(name == "TRANSFER-ENCODING" for name, _ in req.headers):
            # Chunks that are none are refused now; later they would be a crash of the application.
            req.body = BytesIO(req.body.read(MAX_BODY_BYTES if conn in self._spent else None))
        try:
            kept: bool = super().handle_request(req, conn)
        except TimeoutError:
            self.log.debug("A client did not take its answer in time")
            return False
        return kept and conn not in self._spent

    def murder_pending(self) -> None:
        """Close the connections whose time is over."""
        self._count()
        now = time.monotonic()
        if now - self._looked_at < 1:
            return
        self._looked_at = now
        for conn, reception in list(self._receptions.items()):
            if reception.deadline <= now:
                self._close(conn)

    def is_parent_alive(self) -> bool:
        """Whether the parent lives; without it connections are not kept, so that the port is soon free again."""
        lives: bool = super().is_parent_alive()
        if not lives:
            self.alive = False
        return lives

    def _count(self) -> None:
        """Let the other workers see how many connections there are here."""
        _connections[self._place], _seen[self._place] = self.nr_conns, time.monotonic()

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)
        for reception in self._receptions.values():
            if not reception.received:
                reception.deadline = min(reception.deadline, deadline)

    def _wait(self, conn: TConn, reception: Reception) -> None:
        self._receptions[conn] = reception
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._receive, conn, reception))

    def _receive(self, conn: TConn, reception: Reception, _sock: Any = None) -> None:
        try:
            data = conn.sock.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._take(conn, reception, data)
        else:
            self._close(conn)

    def _take(self, conn: TConn, reception: Reception, data: bytes) -> None:
        before = len(reception.received)
        reception.add(data)
        self._received_bytes += len(reception.received) - before
        if reception.ready:
            self._hand_over(conn, reception)
        elif self._received_bytes > MAX_RECEIVED_BYTES:
            self._close(conn)
        elif reception.expects_continue:
            reception.expects_continue = False
            with suppress(OSError):
                conn.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _hand_over(self, conn: TConn, reception: Reception) -> None:
        self._forget(conn)
        if not reception.whole:
            self._spent.add(conn)
            # No thread is to wait for the rest.
            with suppress(OSError):
                conn.sock.shutdown(socket.SHUT_RD)
        conn.parser.unreader.unread(bytes(reception.received))
        super().enqueue_req(conn)

    def _forget(self, conn: TConn) -> None:
        self._received_bytes -= len(self._receptions.pop(conn).received)
        self.poller.unregister(conn.sock)

    def _close(self, conn: TConn) -> None:
        self._forget(conn)
        self.nr_conns -= 1
        conn.close()
