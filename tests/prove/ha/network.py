"""Machines on one host: a network namespace each, with one cable to the callers and one to the other machines.

It takes root and the program `ip`. What is left of a run that was killed is removed by the next one.
"""

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from enum import StrEnum

# The first three bytes of addresses, from the range of RFC 2544 for benchmarks of networks.
_CALLERS, _PEERS = "198.18.1", "198.18.2"
# The addresses of the host itself.
_HOST = 254


class Cable(StrEnum):
    """What a machine is connected to, by the name of its bridge."""

    CALLERS = "ha-callers"
    PEERS = "ha-peers"


_NETWORKS = {Cable.CALLERS: _CALLERS, Cable.PEERS: _PEERS}


@dataclass(frozen=True)
class Machine:
    """One machine. Its processes are those of its namespace."""

    name: str
    number: int

    @property
    def address(self) -> str:
        """Where callers reach it."""
        return f"{_CALLERS}.{self.number}"

    @property
    def peer_address(self) -> str:
        """Where the other machines reach it."""
        return f"{_PEERS}.{self.number}"

    def within(self, command: Sequence[str], user: str) -> list[str]:
        """The command, run on this machine as a user, and killed with its parent."""
        identity = ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--pdeathsig=KILL")
        return ["ip", "netns", "exec", self.name, *identity, *command]

    def cut(self, cable: Cable) -> None:
        """Lose all packets in both directions, without anybody being told."""
        _ip("link", "set", "dev", self._end_of(cable), "nomaster")

    def mend(self, cable: Cable) -> None:
        """Undo `cut`."""
        _ip("link", "set", "dev", self._end_of(cable), "master", cable)

    def kill(self) -> None:
        """Kill all processes at once."""
        # Processes that are begun meanwhile are those of the next round.
        while pids := _ip("netns", "pids", self.name).split():
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)

    def connect(self) -> None:
        _ip("netns", "add", self.name)
        for cable, network in _NETWORKS.items():
            outer, inner = self._end_of(cable), cable.value
            _ip("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", self.name)
            _ip("-n", self.name, "address", "add", f"{network}.{self.number}/24", "dev", inner)
            _ip("-n", self.name, "link", "set", inner, "up")
            _ip("link", "set", outer, "master", cable, "up")
        _ip("-n", self.name, "link", "set", "lo", "up")

    def _end_of(self, cable: Cable) -> str:
        return f"{cable.value}-{self.number}"


def build(stack: ExitStack, names: Sequence[str]) -> list[Machine]:
    """Connected machines, which end with the stack."""
    assert os.geteuid() == 0, "network namespaces take root"
    machines = [Machine(name, number) for number, name in enumerate(names, start=11)]
    _remove(machines)
    stack.callback(_remove, machines)
    for cable, network in _NETWORKS.items():
        _ip("link", "add", "name", cable, "type", "bridge")
        _ip("address", "add", f"{network}.{_HOST}/24", "dev", cable)
        _ip("link", "set", cable, "up")
    for machine in machines:
        machine.connect()
    return machines


def _remove(machines: Sequence[Machine]) -> None:
    # First, for with their namespaces they would go at some later time.
    links = [line.split()[0].partition("@")[0] for line in _ip("-brief", "link", "show").splitlines()]
    for link in links:
        if link.startswith(tuple(Cable)):
            _ip("link", "delete", link)
    there = {line.split()[0] for line in _ip("netns", "list").splitlines()}
    for machine in machines:
        if machine.name in there:
            machine.kill()
            _ip("netns", "delete", machine.name)


def _ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], check=False, capture_output=True, text=True)  # noqa: S607
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout
