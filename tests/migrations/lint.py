"""Fails when a migration would keep callers waiting, or break copies of the service that still run.

Run as `python -m tests.migrations.lint`. The SQL of every step since the last release is read by squawk, one step at a
time, so that a table made by the step itself may be treated as it likes. What is meant all the same is excused in its
SQL, by a line `-- squawk-ignore` with the name of the rule.
"""

import io
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import flask_migrate
from alembic.script import ScriptDirectory

from app import create_app
from app.config import ROOT
from app.db.server.version import REQUIRED

# The last step of the last release, which databases have taken and which stays as it is; `base` before the first.
RELEASED = "base"
MIGRATIONS = ROOT / "migrations"
# Matters of taste, and a limit of time for statements: building an index takes as long as it takes.
OTHER_RULES = (
    "prefer-bigint-over-int",
    "prefer-bigint-over-smallint",
    "prefer-identity",
    "prefer-text-field",
    "require-enum-value-ordering",
    "require-statement-timeout",
)
_SQUAWK = Path(sys.executable).with_name("squawk")


def steps(migrations: Path) -> Iterator[tuple[str, str]]:
    """Each step since the last release: its number and its SQL. To be called inside the application's context."""
    scripts = reversed(list(ScriptDirectory(str(migrations)).walk_revisions(base=RELEASED)))
    for script in scripts:
        if script.revision != RELEASED:
            sql = io.StringIO()
            with redirect_stdout(sql):
                revisions = f"{script.down_revision or 'base'}:{script.revision}"
                flask_migrate.upgrade(directory=str(migrations), revision=revisions, sql=True)
            yield script.revision, sql.getvalue()


def objections(name: str, sql: str) -> list[str]:
    """What is wrong with a step, a line for each."""
    rules = [word for rule in OTHER_RULES for word in ("--exclude", rule)]
    done = subprocess.run(
        [_SQUAWK, "--pg-version", f"{REQUIRED}.0", "--reporter", "gcc", "--stdin-filepath", f"{name}.sql", *rules],
        input=sql,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line]
    if bool(lines) != bool(done.returncode):
        raise RuntimeError(f"squawk failed: {done.stderr}")
    return lines


def main() -> int:
    """Print what is wrong; 1 if anything is."""
    with create_app().app_context():
        found = [line for name, sql in steps(MIGRATIONS) for line in objections(name, sql)]
    for line in found:
        print(line)  # noqa: T201 - this is what it is for
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
