"""PostgreSQL servers that belong together: a primary, and standbys that follow it."""

import os
import pwd
import subprocess
from contextlib import ExitStack, closing, nullcontext, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg2
from sqlalchemy import make_url

from app.db.server import embedded


class Server:
    """An embedded server that runs until the stack closes, or until it is killed."""

    def __init__(self, stack: ExitStack, directory: Path, *, durable: bool = False) -> None:
        self.directory = directory
        self.url = embedded.url(directory)
        self._durable = durable
        self._killed = False
        self._frozen: list[psutil.Process] = []
        # Its own exit, for a server that was killed has nothing to stop.
        self._life = ExitStack()
        stack.callback(self._end)
        self.start()

    @property
    def address(self) -> str:
        """The directory of its socket."""
        return str(embedded.socket_dir(self.directory))

    @property
    def postmaster(self) -> psutil.Process:
        """Its first process."""
        return psutil.Process(int((self.directory / "postgres" / "postmaster.pid").read_text().splitlines()[0]))

    def start(self) -> None:
        self._life.enter_context(embedded.running(self.directory, durable=self._durable))

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a statement, run as the superuser."""
        url = make_url(self.url).set(drivername="postgresql", username="postgres")
        with closing(psycopg2.connect(url.render_as_string())) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []

    def kill(self) -> None:
        """Kill it as a crash of the machine would: no process of it says good-bye."""
        self.freeze()
        for process in self._frozen:
            process.kill()
        psutil.wait_procs(self._frozen)
        self._killed = True

    def freeze(self) -> None:
        """Let it answer nothing while its connections stay open."""
        self._frozen = [self.postmaster, *self.postmaster.children(recursive=True)]
        for process in self._frozen:
            with suppress(psutil.NoSuchProcess):
                process.suspend()

    def thaw(self) -> None:
        """Let a frozen server go on."""
        for process in self._frozen:
            with suppress(psutil.NoSuchProcess):
                process.resume()

    def _end(self) -> None:
        # Of one that was killed there is nothing to stop, which its block would report.
        with suppress(embedded.EmbeddedDatabaseError) if self._killed else nullcontext():
            self._life.close()


def follow(stack: ExitStack, primary: Server, directory: Path, **more: Any) -> Server:
    """A standby in `directory` that follows `primary`."""
    data = directory / "postgres"
    directory.mkdir()
    source = ("-h", primary.address, "-U", "postgres", "--write-recovery-conf", "--checkpoint=fast", "--no-sync")
    subprocess.run([embedded.program_path("pg_basebackup"), "-D", data, *source], check=True)
    conninfo = f"host={primary.address} user=postgres application_name={directory.name}"
    with (data / "postgresql.auto.conf").open("a") as settings:
        settings.write(f"primary_conninfo = '{conninfo}'\nwal_retrieve_retry_interval = '100ms'\n")
    if os.geteuid() == 0:
        user = pwd.getpwnam(embedded.SERVER_USER)
        for place, _, files in os.walk(data):
            for path in (place, *(os.path.join(place, name) for name in files)):  # noqa: PTH118 - of thousands of files
                os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    return Server(stack, directory, **more)
