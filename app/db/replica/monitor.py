"""A thread that looks after something for as long as it is used."""

import time
from collections.abc import Callable
from threading import Event, Lock, Thread

PACE_SECONDS = 0.5
# Unused for so long, it ends; the next use begins it anew.
IDLE_SECONDS = 10


class Monitor:
    """Calls `look` twice a second for as long as `keep_on` is called, in a thread of each process that calls it."""

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self._used_at = 0.0
        self._thread: Thread | None = None
        self._aside: Thread | None = None
        self._beginning = Lock()
        self._ending = Event()

    def keep_on(self) -> None:
        """Say that it is used."""
        self._used_at = time.monotonic()
        if self._thread is None:
            with self._beginning:
                if self._thread is None:
                    self._ending.clear()
                    self._thread = Thread(target=self._run, name="replica-monitor", daemon=True)
                    self._thread.start()

    def apart(self, work: Callable[[], None]) -> None:
        """Do work that may take long in a thread of its own, unless the last such work is not done yet."""
        if self._aside is None or not self._aside.is_alive():
            self._aside = Thread(target=work, name="replica-monitor-aside", daemon=True)
            self._aside.start()

    def end(self) -> None:
        """Stop, and wait for what is running."""
        self._ending.set()
        for thread in (self._thread, self._aside):
            if thread is not None:
                thread.join()

    def _run(self) -> None:
        try:
            while not self._ending.is_set() and time.monotonic() - self._used_at < IDLE_SECONDS:
                self._look()
                self._ending.wait(PACE_SECONDS)
        finally:
            self._thread = None
