"""Whether the database has been migrated as far as the code expects."""

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


class OutdatedSchemaError(Exception):
    """The database is behind the code; the text says how far and what to do."""


def require_current_schema(connection: Connection, migrations: str) -> None:
    """Raise OutdatedSchemaError unless the steps in the directory `migrations` have been taken.

    A database that is ahead will do: while a new version is rolled out, copies of the old one may start again.
    """
    scripts = ScriptDirectory(migrations)
    steps = [script.revision for script in scripts.walk_revisions()]
    present = MigrationContext.configure(connection).get_current_revision()
    if present == steps[0] or (present is not None and present not in steps):
        return
    raise OutdatedSchemaError(
        f"The database is at {f'revision {present}' if present else 'no revision'} and this version needs {steps[0]}: "
        "run `flask db upgrade` first."
    )
