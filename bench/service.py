"""The service as production runs it, on an embedded database of its own, for as long as a measurement takes."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO
from urllib.error import URLError
from urllib.request import urlopen

import psutil

from app import THREADS_PER_WORKER
from app.config import ROOT
from bench.processor import Meter, server_of

START_SECONDS = 60


@dataclass(frozen=True)
class Running:
    """A server that answers, and the directory of its database."""

    url: str
    var_dir: Path
    ready_after: float
    process: int

    def meter(self) -> Meter:
        """What reads the processor time that it and its database spend."""
        return Meter([psutil.Process(self.process)], [server_of(self.var_dir)])

    def flask(self, *words: str) -> str:
        """The output of a `flask` command on the same database. Raises CalledProcessError."""
        environ = {**os.environ, "VAR_DIR": str(self.var_dir)}
        command = [sys.executable, "-m", "flask", *words]
        done = subprocess.run(command, cwd=ROOT, env=environ, check=True, capture_output=True, text=True)
        return done.stdout.strip()


@contextmanager
def directory() -> Iterator[Path]:
    """A place for a database; its path is short enough for a socket."""
    with TemporaryDirectory(prefix="billing-bench-") as name:
        yield Path(name)


@contextmanager
def running(var_dir: Path, *, workers: int) -> Iterator[Running]:
    """The service, with a durable database and every log line written."""
    port = _free_port()
    environ = {**os.environ, "VAR_DIR": str(var_dir), "PORT": str(port), "WEB_CONCURRENCY": str(workers)}
    with (var_dir / "service.log").open("w") as log:
        yield from _serve([sys.executable, "-m", "flask", "serve"], environ, f"{port}/health/live", var_dir, log)


@contextmanager
def bare_flask(var_dir: Path, *, workers: int) -> Iterator[Running]:
    """A Flask application that answers one constant object: what is left when the service does nothing."""
    port = _free_port()
    command = [sys.executable, "-m", "gunicorn", "--workers", str(workers), "--threads", str(THREADS_PER_WORKER)]
    command += ["--worker-class", "gthread"]
    command += ["--bind", f"127.0.0.1:{port}", "--preload", "bench.bare:app"]
    with (var_dir / "bare.log").open("w") as log:
        yield from _serve(command, dict(os.environ), f"{port}/", var_dir, log)


def _serve(
    command: list[str], environ: dict[str, str], answering: str, var_dir: Path, log: IO[str]
) -> Iterator[Running]:
    """Start the command and wait until the port and path of `answering` do."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=log, stderr=log, text=True, start_new_session=True
    )
    try:
        address = f"http://127.0.0.1:{answering}"
        while not _answers(address):
            if process.poll() is not None or time.perf_counter() - started > START_SECONDS:
                raise RuntimeError(f"{command} did not start:\n{Path(log.name).read_text()[-2000:]}")
            time.sleep(0.02)
        yield Running(address[: address.index("/", 7)], var_dir, time.perf_counter() - started, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=1):
            return True
    except (URLError, OSError):
        return False


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
