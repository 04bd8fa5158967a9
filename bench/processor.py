"""Processor time of the service and of PostgreSQL: steadier than rates on a machine that others use too."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil


@dataclass(frozen=True)
class Spent:
    """Seconds of processor time so far, by process."""

    service: dict[int, float]
    database: dict[int, float]

    def since(self, before: Self) -> tuple[float, float]:
        """Seconds that the service and PostgreSQL spent between the two."""
        return _used(before.service, self.service), _used(before.database, self.database)


@dataclass(frozen=True)
class Meter:
    """Reads what a service, which has these first processes, and its database spend."""

    service: list[psutil.Process]
    database: list[psutil.Process]

    def read(self) -> Spent:
        """Everything spent until now by those that run, and by what they started and that has ended."""
        return Spent(_seconds(self.service), _seconds(self.database))


def server_of(var_dir: Path) -> psutil.Process:
    """The first process of the embedded database in `var_dir`."""
    return psutil.Process(int((var_dir / "postgres" / "postmaster.pid").read_text().split()[0]))


def _seconds(processes: list[psutil.Process]) -> dict[int, float]:
    """Processor time by process id of processes and all they started, running autovacuum apart."""
    found: dict[int, float] = {}
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if "autovacuum" not in " ".join(process.cmdline()):
                # What children spent that ended is their parent's; of those that run it is found at themselves.
                found[process.pid] = sum(process.cpu_times()[:4])
            found |= _seconds(process.children())
    return found


def _used(before: dict[int, float], after: dict[int, float]) -> float:
    """What those that run spent. Of processes that ended in between their parent tells, from their start on."""
    ended = sum(seconds for process, seconds in before.items() if process not in after)
    return sum(seconds - before.get(process, 0.0) for process, seconds in after.items()) - ended
