"""Start and end of worker processes, by gunicorn's public hooks."""

import gc
import logging
import os
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import click

from app.config import Settings
from app.db.server import embedded
from app.web import metrics

_STOP_SIGNALS = frozenset({signal.SIGINT, signal.SIGQUIT, signal.SIGTERM})
_log = logging.getLogger(__name__)


class Workers:
    """The hooks of one server. Each worker has the lowest number that no other living worker has."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._numbers: dict[Any, int] = {}
        # Never written to: it is closed when the parent, its only writer, dies.
        self._lifeline, self._parents_end = os.pipe()

    def hooks(self) -> dict[str, Callable[..., None]]:
        """The hooks by the names of their settings."""
        os.register_at_fork(before=_hold_signals, after_in_parent=_take_signals)
        return {
            "pre_fork": self._before_fork,
            "post_fork": self._after_fork,
            "post_worker_init": self._begin_work,
            "worker_exit": self._end_work,
            "child_exit": self._ended,
            "on_exit": self._stopped,
        }

    def _before_fork(self, _server: Any, worker: Any) -> None:
        taken = set(self._numbers.values())
        self._numbers[worker] = next(number for number in count() if number not in taken)
        gc.freeze()

    def _after_fork(self, _server: Any, worker: Any) -> None:
        os.close(self._parents_end)
        metrics.take_seat(self._numbers[worker])

    def _begin_work(self, _worker: Any) -> None:
        if self._settings.tracing.wanted:
            from app.web import traces  # noqa: PLC0415 - loaded by the application, where traces are wanted

            traces.start_process()
        Thread(target=self._end_with_parent, name="parent", daemon=True).start()
        if self._settings.embedded_dir is not None:
            kept = (self._settings.embedded_dir,)
            Thread(target=_keep_database, args=kept, name="embedded database", daemon=True).start()
        _listen_to_signals()

    def _end_with_parent(self) -> None:
        """Stop gracefully when the parent is dead, so that the port is soon free again.

        gunicorn notices too, but keeps serving kept connections while it waits for requests to complete.
        """
        os.read(self._lifeline, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    def _end_work(self, _server: Any, worker: Any) -> None:
        # Also called in the parent, for a worker that died before it was stopped.
        if worker.pid == os.getpid():
            _hold_signals()
        else:
            self._ended(_server, worker)

    def _ended(self, _server: Any, worker: Any) -> None:
        metrics.leave_seat(self._numbers.pop(worker))

    def _stopped(self, _server: Any) -> None:
        directory = self._settings.embedded_dir
        if directory is not None and not embedded.is_running(directory):
            raise click.ClickException(f"The embedded PostgreSQL stopped; see {directory / 'postgres.log'}.")


def _keep_database(directory: Path) -> None:
    """Keep the embedded database running; if that fails, stop the service instead of returning 503 forever."""
    try:
        embedded.keep_running(directory)
    except embedded.EmbeddedDatabaseError as error:
        _log.critical("%s", error)
        os.kill(os.getppid(), signal.SIGTERM)


def _hold_signals() -> None:
    """Block stop signals.

    Until a worker has its own handlers, it runs those of its parent, which would lose the signal. When it exits, Python
    removes its handlers before the process ends, and a signal in between would look like a crash.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)


def _take_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)


def _listen_to_signals() -> None:
    """Handle signals in a worker that is ready, and leave Ctrl-C to the parent, which signals every worker itself.

    On SIGQUIT, a worker exits immediately: gunicorn would first shut down its threads, inside the handler, and wait
    forever if the signal arrives while it starts one of them. The database rolls back uncommitted transactions.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGQUIT, lambda *_: os._exit(0))
    _take_signals()
