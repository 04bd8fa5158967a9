"""PgBouncer in front of a server, as operators run it: connections are given out by transaction."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg2
from sqlalchemy import URL, make_url

from app.db.server import embedded
from tests.processes import start, until

_PORT = 6432
# Every transaction gets another server connection than the one before, so that nothing left on one can be found again.
_SETTINGS = """
[databases]
* = {server}
[pgbouncer]
pool_mode = transaction
server_round_robin = 1
default_pool_size = 40
max_client_conn = 1000
auth_type = any
listen_port = {port}
unix_socket_dir = {directory}
unix_socket_mode = 0700
"""


@contextmanager
def in_front_of(server_url: str) -> Iterator[str]:
    """The address at which PgBouncer stands in for the server's address, inside the block."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise SystemExit("PgBouncer is needed: install the Debian package pgbouncer.")
    with TemporaryDirectory(prefix="billing-bouncer-") as name:
        directory = Path(name)
        config = directory / "pgbouncer.ini"
        server = make_url(server_url)
        config.write_text(_SETTINGS.format(server=_target(server), port=_PORT, directory=directory))
        command = [program, "--quiet", str(config)]
        if os.geteuid() == 0:
            # It refuses to run as root.
            shutil.chown(directory, embedded.SERVER_USER)
            shutil.chown(config, embedded.SERVER_USER)
            command[1:1] = ["--user", embedded.SERVER_USER]
        url = server.set(host=None, port=None, password=None, query={"host": name, "port": str(_PORT)})
        process = start(*command)
        try:
            until(lambda: _answers(url, process), "PgBouncer to answer")
            yield url.render_as_string(hide_password=False)
        finally:
            process.terminate()
            process.communicate()


def _target(server: URL) -> str:
    host = server.query.get("host") or server.host
    words = {"host": host, "port": server.port, "user": server.username, "password": server.password}
    return " ".join(f"{name}='{str(value).replace(chr(39), 2 * chr(39))}'" for name, value in words.items() if value)


def _answers(url: URL, process: "subprocess.Popen[str]") -> bool:
    assert process.poll() is None, process.communicate()
    with suppress(psycopg2.OperationalError):
        psycopg2.connect(url.set(drivername="postgresql").render_as_string(hide_password=False)).close()
        return True
    return False
