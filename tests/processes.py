"""The project's own programs as real processes."""

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache, partial
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil

ROOT = Path(__file__).resolve().parent.parent
DEADLINE_SECONDS = 60


def start(*command: str, cwd: str | Path = ROOT, **environ: str) -> "subprocess.Popen[str]":
    """A process in the project's root or a copy's, with its output readable and nothing configured but `environ`."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.Popen(
        command,
        cwd=cwd,
        env={**kept, **environ},
        # Open for as long as this process lives: a server of commands ends with it.
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def flask(*arguments: str, cwd: str | Path = ROOT, **environ: str) -> "subprocess.Popen[str]":
    """A `flask` command, for signals; `command` is quicker."""
    return start(sys.executable, "-m", "flask", *arguments, cwd=cwd, **environ)


@cache
def command_client() -> tuple[str, ...]:
    """The words that begin a `flask` command which is forked from a process of this run: see `command_server`."""
    directory = Path(tempfile.mkdtemp(prefix="billing-commands-"))
    address = directory / "socket"
    server = start(sys.executable, "-m", "tests.command_server", str(address))
    assert server.stdout is not None
    assert server.stdout.readline() == "ready\n", finish(server)
    atexit.register(shutil.rmtree, directory)
    atexit.register(server.communicate)
    return sys.executable, "-S", "-E", str(ROOT / "tests" / "command_client.py"), str(address)


def command(*words: str, **environ: str) -> tuple[int, str, str]:
    """What a `flask` command ends with, forked from a process that has the service: exit code, output and errors."""
    return finish(start(*command_client(), *words, **environ))


def finish(
    process: "subprocess.Popen[str]", signal_number: int | None = None, *, within_seconds: int = DEADLINE_SECONDS
) -> tuple[int, str, str]:
    """Wait for the end of a process, after sending it a signal: its exit code and what it wrote."""
    if signal_number is not None:
        process.send_signal(signal_number)
    out, err = process.communicate(timeout=within_seconds)
    return process.returncode, out, err


def interrupt(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """What Ctrl-C in a terminal does: every process of the group is told."""
    os.killpg(process.pid, signal.SIGINT)
    return finish(process)


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until the condition holds; fail when it does not in good time."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"Waited too long for: {what}"
        time.sleep(0.05)


def using(directory: Path) -> list[int]:
    """The processes that name `directory` in their command line or environment, this one apart."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), *process.environ().values()]
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if process.pid != os.getpid() and any(str(directory) in word for word in words):
            found.append(process.pid)
    return found


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Service:
    """A service started for a test."""

    def __init__(
        self,
        var_dir: Path,
        port: int | None = None,
        /,
        *options: str,
        altered_by: str = "",
        **environ: str,
    ) -> None:
        """Start it. `altered_by` is Python that is run first in its process."""
        self.port = port or free_port()
        defaults = {"VAR_DIR": str(var_dir), "WEB_CONCURRENCY": "2", "RATE_LIMITS": "off", "LOG_LEVEL": "ERROR"}
        command = f"{altered_by}\nfrom flask.cli import cli\ncli.main(['serve', *{options}])"
        self.process = start(sys.executable, "-c", command, **{**defaults, **environ}, PORT=str(self.port))
        self.banner = self._banner()
        # The administrator token it printed; a test may call as somebody else.
        self.token = self.banner[2].split()[1]

    def _banner(self) -> list[str]:
        assert self.process.stdout is not None
        return [self.process.stdout.readline() for _ in range(5)]

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status and the body a request is answered with; the body must be an envelope."""
        request = Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urlopen(request, timeout=30) as answer:
                status, envelope = answer.status, json.load(answer)
        except HTTPError as error:
            status, envelope = error.code, json.load(error)
        assert envelope["success"] is (status < HTTPStatus.BAD_REQUEST)
        return status, envelope["data" if envelope["success"] else "error"]

    def get(self, path: str) -> Any:
        """What a successful GET is answered."""
        status, data = self.call("GET", path)
        assert status == HTTPStatus.OK, data
        return data

    def stop(self, signal_number: int = signal.SIGINT) -> None:
        """Stop it and see that it ended well."""
        told = interrupt if signal_number == signal.SIGINT else partial(finish, signal_number=signal_number)
        code, _, err = told(self.process)
        assert (code, err) == (0, ""), (code, err)
