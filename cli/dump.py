"""Backup and restore of the whole database with pg_dump and pg_restore, as the owner of the tables."""

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

# The first bytes of a file in PostgreSQL's custom format.
_MAGIC = b"PGDMP"
_VERSION = re.compile(r"\b(\d+)(\.\d+)*\b")
_TABLES = text("""
    SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace NOT IN (
        SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg\\_%' OR nspname = 'information_schema'
    )
""")


class DumpError(Exception):
    """A backup or restore failed; the message is one line with the reason."""


def write(owner_url: str, path: Path, *, server: int, embedded_server: bool) -> None:
    """Write all rows of the database at `owner_url` to the new file `path`, which only its owner can read.

    `server` is the server's major version. The file gets its name once it is complete. Raises DumpError.
    """
    if path.exists():
        raise DumpError(f"{path} already exists; backups never overwrite files")
    program = _program("pg_dump", at_least=server, embedded_first=embedded_server)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        # Row-level security applies to the owner too, and without this option pg_dump refuses to read such tables. The
        # policies make all rows visible once the tenant is set to all accounts.
        options = ("--format=custom", "--enable-row-security", "--no-password", f"--file={draft}")
        _run(program, *options, url=owner_url)
        _flush(draft)
        # A link is atomic and never replaces.
        os.link(draft, path)
        _flush(path.parent)
    except FileExistsError:
        raise DumpError(f"{path} already exists; backups never overwrite files") from None
    except OSError as error:
        raise DumpError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        with suppress(FileNotFoundError, NotADirectoryError):
            draft.unlink()


def revision(path: Path, *, server: int, embedded_server: bool) -> str:
    """The migration revision of the database in the backup `path`. Raises DumpError if it is not a backup."""
    try:
        with path.open("rb") as file:
            begin = file.read(len(_MAGIC))
    except OSError as error:
        raise DumpError(f"{path} cannot be read: {error.strerror}") from None
    if begin != _MAGIC:
        raise DumpError(f"{path} is not a backup: it was not written by `flask backup`, or is damaged")
    program = _program("pg_restore", at_least=server, embedded_first=embedded_server)
    script = _run(program, "--data-only", "--table=alembic_version", "--file=-", str(path))
    found = re.search(r"^COPY \S*alembic_version .*\n(\w+)$", script, re.MULTILINE)
    if found is None:
        raise DumpError(f"{path} is not a backup of this service: it has no revision")
    return found[1]


def require_empty(connection: Connection) -> None:
    """Raise DumpError if the database contains tables."""
    if connection.execute(_TABLES).scalar_one():
        raise DumpError("The database is not empty; a backup must be restored into a new database")


def read(owner_url: str, path: Path, *, server: int, embedded_server: bool) -> None:
    """Restore the backup `path` into the empty database at `owner_url`, in one transaction. Raises DumpError."""
    program = _program("pg_restore", at_least=server, embedded_first=embedded_server)
    # Owners and privileges of the original database do not apply to this one.
    options = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--no-password")
    _run(program, *options, str(path), url=owner_url)


def _program(name: str, *, at_least: int, embedded_first: bool) -> Path:
    """The program `name` in a version that supports the server. Raises DumpError if there is none."""
    candidates = [Path(found)] if (found := shutil.which(name)) else []
    with suppress(embedded.EmbeddedDatabaseError):
        candidates.insert(0 if embedded_first else len(candidates), embedded.program_path(name))
    for candidate in candidates:
        version = _VERSION.search(_run(candidate, "--version"))
        if version and int(version[1]) >= at_least:
            return candidate
    raise DumpError(f"{name} {at_least} or newer is required: install PostgreSQL's client programs of that version")


def _run(program: Path, *arguments: str, url: str | None = None) -> str:
    """Run the program, connected to `url`, and return its output. Raises DumpError with its first error."""
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
    """The connection argument for PostgreSQL's programs, and the environment for what it must not reveal."""
    _, options = dialect().create_connect_args(make_url(url))  # type: ignore[no-untyped-call]
    given: dict[str, Any] = dict(options)
    password = given.pop("password", None)
    given["options"] = f"{given.get('options', '')} -c {tenancy.SETTING}={tenancy.EVERY_ACCOUNT}".strip()
    return f"--dbname={make_dsn(**given)}", {} if password is None else {"PGPASSWORD": str(password)}


def _flush(path: Path) -> None:
    """Flush what was written to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
