"""Backup and restore of the whole database by PostgreSQL's own programs, as the owner of the tables."""

import os
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from psycopg2.extensions import make_dsn
from sqlalchemy import Connection, make_url, text
from sqlalchemy.dialects.postgresql.psycopg2 import dialect

from app import tenancy
from app.db.server import embedded

# What a file in PostgreSQL's custom format begins with.
_MAGIC = b"PGDMP"
_VERSION = re.compile(r"\b(\d+)(\.\d+)*\b")
_TABLES = text("""
    SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace NOT IN (
        SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg\\_%' OR nspname = 'information_schema'
    )
""")


class DumpError(Exception):
    """A backup or a restore could not be done; the text is one line that says why."""


def write(owner_url: str, path: Path, *, server: int, embedded_server: bool) -> None:
    """Write all rows of the database at `owner_url` to the new file `path`, which only its owner can read.

    `server` is the server's major version. The file appears under its name when it is whole. Raises DumpError.
    """
    if path.exists():
        raise DumpError(f"{path} exists: a backup does not replace another")
    program = _program("pg_dump", at_least=server, embedded_first=embedded_server)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        # Row-level security binds the owner too, and without this option the program refuses to read what it hides.
        # The policies show all rows to whoever sets the tenant to all of them.
        options = ("--format=custom", "--enable-row-security", "--no-password", f"--file={draft}")
        _run(program, *options, url=owner_url)
        _flush(draft)
        # A link is atomic and never replaces.
        os.link(draft, path)
        _flush(path.parent)
    except FileExistsError:
        raise DumpError(f"{path} exists: a backup does not replace another") from None
    except OSError as error:
        raise DumpError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        with suppress(FileNotFoundError, NotADirectoryError):
            draft.unlink()


def revision(path: Path, *, server: int, embedded_server: bool) -> str:
    """The migration that the database in the backup `path` was at. Raises DumpError for what is no backup of ours."""
    try:
        with path.open("rb") as file:
            begin = file.read(len(_MAGIC))
    except OSError as error:
        raise DumpError(f"{path} cannot be read: {error.strerror}") from None
    if begin != _MAGIC:
        raise DumpError(f"{path} is no backup: it was not written by `flask backup`, or is damaged")
    program = _program("pg_restore", at_least=server, embedded_first=embedded_server)
    script = _run(program, "--data-only", "--table=alembic_version", "--file=-", str(path))
    found = re.search(r"^COPY \S*alembic_version .*\n(\w+)$", script, re.MULTILINE)
    if found is None:
        raise DumpError(f"{path} is no backup of this service: it says no revision")
    return found[1]


def require_empty(connection: Connection) -> None:
    """Raise DumpError when there is a table in the database."""
    if connection.execute(_TABLES).scalar_one():
        raise DumpError("The database is not empty: a backup is restored into a new one, beside what is there")


def read(owner_url: str, path: Path, *, server: int, embedded_server: bool) -> None:
    """Load the backup `path` into the empty database at `owner_url`, whole or not at all. Raises DumpError."""
    program = _program("pg_restore", at_least=server, embedded_first=embedded_server)
    # Who owned the tables and who might use them there says nothing about here.
    options = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--no-password")
    _run(program, *options, str(path), url=owner_url)


def _program(name: str, *, at_least: int, embedded_first: bool) -> Path:
    """The program of that name that can talk to the server. Raises DumpError where there is none."""
    candidates = [Path(found)] if (found := shutil.which(name)) else []
    with suppress(embedded.EmbeddedDatabaseError):
        candidates.insert(0 if embedded_first else len(candidates), embedded.program_path(name))
    for candidate in candidates:
        version = _VERSION.search(_run(candidate, "--version"))
        if version and int(version[1]) >= at_least:
            return candidate
    raise DumpError(f"{name} {at_least} or newer is needed: install PostgreSQL's client programs of that version")


def _run(program: Path, *arguments: str, url: str | None = None) -> str:
    """What the program prints, connected to `url`. Raises DumpError with the first line of what it complains about."""
    database, secret = _connection(url) if url else ("", {})
    try:
        done = subprocess.run(  # noqa: S603 - one of PostgreSQL's programs
            [str(program), *([database] if database else []), *arguments],
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C", **secret},
        )
    except OSError as error:
        raise DumpError(f"{program} cannot be run: {error.strerror}") from None
    if done.returncode != 0:
        complaints = [line for line in done.stderr.splitlines() if "error: " in line] or done.stderr.splitlines()
        raise DumpError((complaints or [f"{program.name} failed"])[0].strip())
    return done.stdout


def _connection(url: str) -> tuple[str, dict[str, str]]:
    """How PostgreSQL's programs are led to a database: an argument, and what must not be seen there."""
    _, options = dialect().create_connect_args(make_url(url))  # type: ignore[no-untyped-call]
    given: dict[str, Any] = dict(options)
    password = given.pop("password", None)
    given["options"] = f"{given.get('options', '')} -c {tenancy.SETTING}={tenancy.EVERY_ACCOUNT}".strip()
    return f"--dbname={make_dsn(**given)}", {} if password is None else {"PGPASSWORD": str(password)}


def _flush(path: Path) -> None:
    """Have what was written outlive a crash of the machine."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
