"""Planting bugs in copies of the project."""

import shutil
from pathlib import Path
from typing import NamedTuple

from tests.processes import ROOT

COPIED = ("app", "bench", "cli", "docs", "migrations", "tests", "pyproject.toml", "wsgi.py")
LEFT_OUT = shutil.ignore_patterns("node_modules", "generated", "built")


class Edit(NamedTuple):
    """What stands in a file, once, and what it becomes."""

    file: str
    old: str
    new: str


class Fault(NamedTuple):
    """A bug: what goes wrong, which tests look there, and the edits that plant it."""

    name: str
    tests: str
    edits: tuple[Edit, ...]


# With it a query that forgets whose rows it is about shows those of everybody.
NO_WALL = ("app/customers/queries.py", "coalesce(CAST(account_id AS text), ''), true)", "'*', true)")


def fault(name: str, tests: str, *edits: tuple[str, str, str]) -> Fault:
    """A bug, its tests named from the folder of tests, its edits as file, old text and new text."""
    return Fault(name, f"tests/{tests}", tuple(Edit(*edit) for edit in edits))


def copy_project(to: Path) -> Path:
    to.mkdir()
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, to / name, ignore=LEFT_OUT)
        else:
            shutil.copy2(ROOT / name, to)
    return to


def plant(fault: Fault, project: Path) -> None:
    for edit in fault.edits:
        path = project / edit.file
        text = path.read_text()
        assert text.count(edit.old) == 1, f"{fault.name}: {edit.old!r} should stand once in {edit.file}"
        path.write_text(text.replace(edit.old, edit.new))
