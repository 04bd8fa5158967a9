"""What operations cost the database, whatever else the machine does: processor time of the backend, and log written."""

from collections.abc import Callable
from dataclasses import dataclass

import psutil
from flask import Flask
from sqlalchemy import text

from app.db.base import db

_STATE = text("SELECT pg_backend_pid(), pg_current_wal_insert_lsn() - '0/0'")


@dataclass(frozen=True)
class Cost:
    """Of one operation: microseconds of processor time in PostgreSQL, and bytes of its write-ahead log."""

    cpu: float
    wal: float


def of(app: Flask, operation: Callable[[int], object], *, times: int) -> Cost:
    """The mean cost of an operation that is told how often it ran before.

    It must use the application's own connections, and no other thread may use them meanwhile.
    """
    for number in range(times // 10):
        operation(-1 - number)
    pid, log = _state(app)
    backend = psutil.Process(pid)
    before = backend.cpu_times()
    for number in range(times):
        operation(number)
    after = backend.cpu_times()
    pid_after, log_after = _state(app)
    if pid_after != pid:
        raise RuntimeError("More than one connection was used")
    spent = after.user - before.user + after.system - before.system
    return Cost(spent / times * 1e6, float(log_after - log) / times)


def _state(app: Flask) -> tuple[int, int]:
    with app.app_context(), db.engine.connect() as connection:
        pid, log = connection.execute(_STATE).one()
        return pid, log
