"""Drives an address with wrk and reads what it reports."""

import re
import shutil
import statistics
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from tempfile import NamedTemporaryFile
from uuid import uuid4

from bench.service import Running

CONNECTIONS, THREADS = 16, 2
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True)
class Load:
    """Requests to repeat. `path`, `method` and `body` are Lua expressions, evaluated for each request.

    `before` holds statements that run before that, and `world` what a thread has once. No two requests of any run have
    the same `request_id`.
    """

    path: str
    method: str = "'GET'"
    body: str = "nil"
    before: str = ""
    world: str = ""


@dataclass(frozen=True)
class Measured:
    """The median of several runs: requests per second, and milliseconds of the slowest hundredth.

    Beside it the microseconds of processor time that one takes the service and PostgreSQL, where that was read.
    """

    rps: float
    p99: float = 0
    service: float = 0
    database: float = 0

    @classmethod
    def median(cls, runs: Sequence["Measured"]) -> "Measured":
        """The median of each figure."""
        return cls(*(statistics.median(getattr(run, each.name) for run in runs) for each in fields(cls)))

    def __str__(self) -> str:
        spent = f"processor time of each: service {self.service:,.1f} µs, PostgreSQL {self.database:,.1f} µs"
        parts = [
            f"{self.rps:,.0f} per second",
            *([f"p99 {self.p99:.1f} ms"] if self.p99 else ()),
            *([spent] if self.service else ()),
        ]
        return "; ".join(parts)


def require_wrk() -> None:
    """Install wrk where that can be done. Raises SystemExit otherwise."""
    if shutil.which("wrk") is None and shutil.which("apt-get") is not None:
        subprocess.run(["apt-get", "install", "-y", "-qq", "wrk"], check=False, capture_output=True)  # noqa: S607
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is needed and could not be installed: install the Debian package wrk.")


def measure(target: Running, token: str, load: Load, *, seconds: int, rounds: int) -> Measured:
    """Drive the service several times. Raises RuntimeError when an answer was not a success."""
    # Of what is new, such as workers that are not up yet, nothing is to be seen.
    _run(target, token, load, 1)
    return Measured.median([_run(target, token, load, seconds) for _ in range(rounds)])


@contextmanager
def script(token: str, load: Load) -> Iterator[str]:
    """The path of a script that has wrk repeat the request."""
    with NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(_script(token, load))
        file.flush()
        yield file.name


def _run(target: Running, token: str, load: Load, seconds: int) -> Measured:
    meter = target.meter()
    before = meter.read()
    with script(token, load) as path:
        command = ["wrk", f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "60s", "--latency"]
        report = subprocess.run([*command, "-s", path, target.url], check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in report or "Socket errors" in report:
        raise RuntimeError(f"{load}\n{report}")
    spent = meter.read().since(before)
    requests = re.search(r"(\d+) requests in", report)
    rps = re.search(r"Requests/sec:\s+([\d.]+)", report)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", report)
    if requests is None or rps is None or p99 is None:
        raise RuntimeError(report)
    each = [1e6 * seconds / int(requests[1]) for seconds in spent]
    return Measured(float(rps[1]), float(p99[1]) * _UNITS[p99[2]], *each)


def _script(token: str, load: Load) -> str:
    # Each thread of wrk is a world of its own.
    return f"""
local threads = 0
function setup(thread) thread:set("id", threads); threads = threads + 1 end
local n = 0
{load.world}
function init() math.randomseed(os.time() + id) end
function request()
  n = n + 1
  local request_id = "{uuid4()}-" .. id .. "-" .. n
  local headers = {{["Authorization"] = "Bearer {token}", ["Content-Type"] = "application/json"}}
  {load.before}
  return wrk.format({load.method}, {load.path}, headers, {load.body})
end
"""
