"""Whether the database has been migrated as far as the code expects."""

from pathlib import Path

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


class OutdatedSchemaError(Exception):
    """The database is behind the code; the text says how far and what to do."""


class UnknownRevisionError(Exception):
    """Another version of the service made the database; the text says what to do."""


def revisions(migrations: str) -> list[str]:
    """The steps in the directory `migrations`, the last one first."""
    return [script.revision for script in ScriptDirectory(migrations).walk_revisions()]


def present_revision(connection: Connection) -> str | None:
    """The step that the database is at; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def require_current_schema(connection: Connection, migrations: str) -> None:
    """Raise OutdatedSchemaError unless the steps in the directory `migrations` have been taken.

    A database that is ahead will do: while a new version is rolled out, copies of the old one may start again.
    """
    steps, present = revisions(migrations), present_revision(connection)
    if present == steps[0] or (present is not None and present not in steps):
        return
    raise OutdatedSchemaError(
        f"The database is at {f'revision {present}' if present else 'no revision'} and this version needs {steps[0]}: "
        "run `flask db upgrade` first."
    )


def require_known_revision(connection: Connection, migrations: str, embedded_dir: Path | None) -> None:
    """Raise UnknownRevisionError when the database is at a step that is not in the directory `migrations`.

    `embedded_dir` is where the embedded server keeps its files, if that is the one in use.
    """
    present = present_revision(connection)
    if present is None or present in revisions(migrations):
        return
    place, remedy = "The database", "use the version that made it, or an empty database"
    if embedded_dir is not None:
        data = embedded_dir / "postgres"
        place, remedy = f"The database in {data}", f"move that folder away (mv {data} {data}.old) and start again"
    raise UnknownRevisionError(f"{place} is at revision {present}, which this version does not know: {remedy}.")
