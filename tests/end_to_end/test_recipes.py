"""The recipes of CONTRIBUTING.md, followed to the letter on a copy of the repository."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.processes import ROOT

PAGE = "CONTRIBUTING.md"
_BLOCK = re.compile(r"```(python|text|sh)\n(.*?)\n *```", re.DOTALL)
_PLACE = re.compile(r"In\s+`(?P<file>[^`]+)`,\s+(?:below\s+`(?P<anchor>[^`]+)`|at\s+the\s+end)$", re.IGNORECASE)
_NEW_FILE = re.compile(r"New\s+file\s+`(?P<file>[^`]+)`$")


class Step(NamedTuple):
    """One block of a recipe: a command, or lines for a file, below the first line with `anchor` or at the end."""

    file: str | None
    anchor: str | None
    text: str


def steps(title: str) -> Iterator[Step]:
    """The steps of a recipe, in order."""
    recipe = (ROOT / PAGE).read_text().split(f"### {title}\n")[1].split("\n### ")[0]
    before = 0
    for block in _BLOCK.finditer(recipe):
        said, before = recipe[before : block.start()].strip(), block.end()
        # The block is part of an item of a list, and indented as that is.
        text = re.sub(r"^ {3}", "", block[2], flags=re.MULTILINE)
        if block[1] == "sh":
            yield Step(None, None, text)
            continue
        place = _PLACE.search(said) or _NEW_FILE.search(said)
        assert place, f"no place is named before:\n{text}"
        yield Step(place["file"], place.groupdict().get("anchor"), text)


class Project(NamedTuple):
    """A copy of the repository."""

    root: Path
    var_dir: Path

    def run(self, command: str) -> None:
        """Run a command of the shell, which must succeed."""
        # The copy has no bytecode yet: what a command compiles, the next one need not.
        left_out = {"DATABASE_URL", "PYTHONDONTWRITEBYTECODE"}
        environ = {name: value for name, value in os.environ.items() if name not in left_out}
        done = subprocess.run(
            ["bash", "-c", command],  # noqa: S607
            check=False,
            cwd=self.root,
            env={**environ, "VAR_DIR": str(self.var_dir)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"

    def follow(self, step: Step) -> None:
        """Do what a step says."""
        if step.file is None:
            self.run(step.text)
            return
        path = self.root / step.file
        lines = [*path.read_text().splitlines(), "", ""] if path.exists() else []
        found = [index + 1 for index, line in enumerate(lines) if step.anchor is not None and step.anchor in line]
        lines.insert(found[0] if found else len(lines), step.text)
        assert found or step.anchor is None, f"{step.anchor} is not in {step.file}"
        path.write_text("\n".join(lines).rstrip() + "\n")


@pytest.fixture
def project(tmp_path: Path, var_dir: Path) -> Project:
    """A copy of what is under version control, with the virtual environment."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    for name in tracked.stdout.splitlines():
        if (ROOT / name).exists():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    return Project(tmp_path, var_dir)


def test_a_field_and_an_endpoint_are_added_by_the_recipes(project: Project) -> None:
    for title in ("Add a field to a model", "Add an endpoint"):
        for step in steps(title):
            project.follow(step)
    project.run("make openapi && grep -q costCenter docs/openapi.json")
    project.run(".venv/bin/ruff check app migrations")
    project.run(".venv/bin/flask db upgrade && .venv/bin/flask db check && .venv/bin/flask db downgrade")
    tests = "billing_accounts/test_accounts.py billing_accounts/test_cost_centers.py web/test_reference.py"
    project.run(f".venv/bin/pytest -n 0 -p no:cacheprovider {' '.join(f'tests/{each}' for each in tests.split())}")
