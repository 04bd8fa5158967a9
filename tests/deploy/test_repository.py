"""What the repository tells the programs of its hosts: it parses, and names commands that exist."""

import shlex
from typing import Any

import yaml

from app.config import ROOT


def read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def test_workflow_runs_the_one_script_that_every_change_must_pass() -> None:
    steps = read(".github/workflows/ci.yml")["jobs"]["ci"]["steps"]
    [command] = [step["run"] for step in steps if "run" in step]
    script = shlex.split(command)[-1]
    assert (ROOT / script).stat().st_mode & 0o111


def test_hooks_run_the_pinned_programs_of_the_virtual_environment() -> None:
    [repository] = read(".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        assert (ROOT / shlex.split(hook["entry"])[0]).exists(), hook["id"]


def test_dependency_updates_look_where_dependencies_are_pinned() -> None:
    for update in read(".github/dependabot.yml")["updates"]:
        for directory in update.get("directories", [update.get("directory")]):
            assert (ROOT / directory.lstrip("/")).is_dir(), update
