"""How far the clock of this process is off that of the database.

Rows of money are stamped by the clock of the worker that writes them, so one whose clock is off must not write. The
clock of the database is looked at by readiness checks, and by a write when that was more than a minute ago. In between,
the time passed since then says what that clock shows, so a write notices a step of our own at once, without asking.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

from flask import Flask, current_app
from sqlalchemy import text

from app.db.base import db
from app.db.transaction import autocommit
from app.errors import Reason, Unavailable

EXTENSION = "clock_skew"
MOST_SECONDS = 5
LOOK_EVERY_SECONDS = 60
_NOW = text("SELECT CAST(extract(epoch FROM clock_timestamp()) AS float8)")


class _Look(NamedTuple):
    """What the clock of the database showed, and when by one that counts seconds and is never set."""

    shown: float
    passed: float


class Clocks:
    """The clock of this process, `shown`, beside that of the database; both in seconds since 1970."""

    def __init__(self, shown: Callable[[], float] = time.time, passed: Callable[[], float] = time.monotonic) -> None:
        self._shown = shown
        self._passed = passed
        self._look: _Look | None = None

    def check(self) -> None:
        """Look at the clock of the database. Raises Unavailable if ours is off."""
        begun = self._passed()
        with autocommit():
            shown = db.session.execute(_NOW).scalar_one()
        self._look = _Look(shown, (begun + self._passed()) / 2)
        if self._is_off(self._look):
            raise Unavailable("The clock of this worker is off; try again shortly", reason=Reason.CLOCK_SKEW)

    def require(self) -> None:
        """Raise Unavailable if our clock is off, by what the last look says unless it was long ago."""
        look = self._look
        if look is None or self._passed() - look.passed > LOOK_EVERY_SECONDS or self._is_off(look):
            self.check()

    def _is_off(self, look: _Look) -> bool:
        return abs(self._shown() - look.shown - (self._passed() - look.passed)) > MOST_SECONDS


def init_app(app: Flask) -> None:
    """Let the application compare its clock with that of its database."""
    app.extensions[EXTENSION] = Clocks()


def clocks() -> Clocks:
    """The clocks of the application."""
    found: Clocks = current_app.extensions[EXTENSION]
    return found
