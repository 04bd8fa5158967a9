"""Reads on a streaming replica that see every write that any worker acknowledged before them.

A read asks the primary how far its log is, which costs it next to nothing, and then the replica whether that much is
replayed there. Nothing has to be remembered of who wrote what, so it holds for every worker on every machine. What a
replica cannot answer in time, or at all, is read on the primary.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from prometheus_client import Counter
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.db.availability import is_unavailable
from app.db.base import RoutedSession, db
from app.db.replica import wal
from app.db.replica.deadlines import Deadlines
from app.db.replica.monitor import Monitor
from app.db.replica.wal import Position

# The longest that connecting may take; the driver takes no less.
CONNECT_SECONDS = 2
# What a check may take besides waiting for the replica, and a whole read, before its connection is cut.
CHECK_SECONDS = 1
READ_SECONDS = 10
POLL_SECONDS = 0.001

_reads = Counter("billing_replica_reads_total", "Reads by the server they were tried on.", ("server",))
_log = logging.getLogger(__name__)

Answer = TypeVar("Answer")


class Replica:
    """The replica as one process sees it: in use or left out."""

    def __init__(self, primary: Engine, engine: Engine, *, max_lag: float) -> None:
        self.engine = engine
        self.in_use = False
        # How long it took, when it was last looked at, to have what the primary had; None if it is left out.
        self.lag_seconds: float | None = None
        self._primary = primary
        self._max_lag = max_lag
        self._too_far_behind = f"it is more than {max_lag} seconds behind"
        self._monitor = Monitor(self._look_after)
        self.deadlines = Deadlines(engine, patience=max_lag + CHECK_SECONDS, watch=self._monitor.keep_on)

    def read(self, view: Callable[[], Answer]) -> Answer:
        """What `view` answers, on the replica if that has all the primary has, else on the primary."""
        self._monitor.keep_on()
        position = self._position() if self.in_use else None
        if position is not None:
            try:
                if self._goes_to_replica(position):
                    _reads.labels("replica").inc()
                    return view()
            except (DBAPIError, PoolTimeout) as error:
                # A read that turns out to write is the primary's; nothing is wrong with the replica then.
                if not isinstance(error, DBAPIError) or is_unavailable(error):
                    self._leave_out(str(error).splitlines()[0])
            db.session.remove()
        _reads.labels("primary").inc()
        return view()

    def close(self) -> None:
        """Use the replica no more."""
        self._monitor.end()
        self.in_use = False
        self.engine.dispose()

    def _goes_to_replica(self, position: Position) -> bool:
        """Let the session of this request run on the replica if that has replayed the position."""
        session = cast("RoutedSession", db.session())
        session.replica = self.engine
        connection = session.connection()
        if not self._catches_up(connection, position):
            self._leave_out(self._too_far_behind)
            return False
        self.deadlines.extend(connection, READ_SECONDS)
        return True

    def _position(self) -> Position | None:
        """How far the primary's log is; None when the primary does not say."""
        try:
            with self._primary.connect() as connection:
                return wal.present(connection)
        except (DBAPIError, PoolTimeout):
            return None

    def _catches_up(self, connection: Connection, position: Position) -> bool:
        """Whether the replica has replayed the position, or does so in time."""
        deadline = time.monotonic() + self._max_lag
        while not wal.has_replayed(connection, position):
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _look_after(self) -> None:
        self.deadlines.cut_overdue()
        self._monitor.apart(self._try)

    def _try(self) -> None:
        """Use the replica if it answers and keeps up, else leave it out: no request has to find out."""
        position = self._position()
        if position is None:
            return
        started = time.monotonic()
        try:
            with self.engine.connect() as connection:
                keeps_up = self._catches_up(connection, position)
        except (DBAPIError, PoolTimeout) as error:
            self._leave_out(str(error).splitlines()[0])
            # A request that waits for its response may wait forever.
            self.deadlines.cut_all()
            return
        if not keeps_up:
            self._leave_out(self._too_far_behind)
            return
        self.lag_seconds = time.monotonic() - started
        if not self.in_use:
            self.in_use = True
            _log.info("The replica is in use")

    def _leave_out(self, reason: str) -> None:
        self.lag_seconds = None
        if self.in_use:
            self.in_use = False
            _log.warning("The replica is left out: %s", reason)


def open_replica(primary: Engine, url: str, *, max_lag: float, options: Mapping[str, Any]) -> Replica:
    """The replica at `url`, used when it is at most `max_lag` seconds behind; `options` are those of the primary."""
    # A machine that vanished acknowledges nothing: its connections end as soon as new ones would not begin.
    limits = {"connect_timeout": CONNECT_SECONDS, "tcp_user_timeout": CONNECT_SECONDS * 1000}
    engine = create_engine(url, **{**options, "connect_args": {**options["connect_args"], **limits}})
    return Replica(primary, engine, max_lag=max_lag)
