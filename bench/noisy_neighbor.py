"""What a caller at full speed costs another one, behind the shipped nginx, with and without a rate for each token."""

import http.client
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import load
from bench.load import Load, Measured
from bench.report import Row
from bench.service import Running
from tests import proxy

NAME = "list of a quiet caller"
LIST = "/v6/billing-accounts"
QUIET_PER_SECOND = 50
PACED_PER_SECOND = 100
_RATE = "zone=billing_callers:10m rate="


def measure(target: Running, *, seconds: int, rounds: int) -> Iterator[Row]:
    """The quiet caller alone, beside a noisy one, and beside one that is slowed down; alternating, medians."""
    quiet, noisy = (target.flask("token", "--role", "administrator", "--user", name) for name in ("quiet", "noisy"))
    found: dict[str, list[Measured]] = {}
    for _ in range(rounds):
        with _nginx(target, None) as url:
            found.setdefault("alone", []).append(_quiet(url, quiet, seconds))
            with _at_full_speed(url, noisy, seconds):
                found.setdefault("beside one at full speed", []).append(_quiet(url, quiet, seconds))
        with _nginx(target, PACED_PER_SECOND) as url, _at_full_speed(url, noisy, seconds):
            name = f"beside one slowed down to {PACED_PER_SECOND}/s"
            found.setdefault(name, []).append(_quiet(url, quiet, seconds))
    for name, runs in found.items():
        yield Row(f"{NAME}, {name}", Measured.median(runs))


@contextmanager
def _nginx(target: Running, rate: int | None) -> Iterator[str]:
    changed = [] if rate is None else [(f"{_RATE}100000r/s", f"{_RATE}{rate}r/s")]
    with TemporaryDirectory(prefix="billing-bench-") as directory:
        port = int(target.url.rpartition(":")[2])
        with proxy.running(Path(directory), port, changed=changed) as running:
            yield f"http://127.0.0.1:{running.port}"


@contextmanager
def _at_full_speed(url: str, token: str, seconds: int) -> Iterator[None]:
    """A caller that asks for lists over 16 connections, each time as soon as it is answered."""
    with load.script(token, Load(f"'{LIST}'")) as script:
        command = ["wrk", "-t1", f"-c{load.CONNECTIONS}", f"-d{seconds + 2}s", "--timeout", "60s", "-s", script, url]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            yield
        finally:
            process.terminate()
            process.wait()


def _quiet(url: str, token: str, seconds: int) -> Measured:
    """Ask for lists at an even pace. Raises RuntimeError when a response is not a success."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    took: list[float] = []
    began = time.perf_counter()
    for number in range(seconds * QUIET_PER_SECOND):
        time.sleep(max(0.0, began + number / QUIET_PER_SECOND - time.perf_counter()))
        started = time.perf_counter()
        connection.request("GET", LIST, headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        response.read()
        if response.status != http.client.OK:
            raise RuntimeError(response.status)
        took.append((time.perf_counter() - started) * 1000)
    connection.close()
    return Measured(len(took) / (time.perf_counter() - began), statistics.quantiles(took, n=100)[-1])
