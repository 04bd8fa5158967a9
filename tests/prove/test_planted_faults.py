"""Whether the tests notice bugs: each is planted in a copy of the project, whose own tests then run."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import pytest

from bench.findings import Finding
from tests.conftest import Scale
from tests.processes import ROOT
from tests.prove.conftest import Record
from tests.prove.faults import FAULTS
from tests.prove.planting import Fault, copy_project, plant

AT_ONCE = 2
PASSED, FAILED = 0, 1
TIMEOUT_SECONDS = 600


def passes(project: Path, selections: Iterable[str]) -> bool:
    """Whether the project's tests pass; they must have run."""
    # What plugins there are besides is loaded by every run, which takes longer than most of these tests.
    options = ("-p", "xdist.plugin", "-p", "no:cacheprovider", "-n0", "-x", "-q", "--tb=line")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *selections],
        cwd=project,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert run.returncode in {PASSED, FAILED}, run.stdout + run.stderr
    return run.returncode == PASSED


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_fault_has_a_place(fault: Fault, tmp_path: Path) -> None:
    for file in {edit.file for edit in fault.edits}:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, tmp_path / file)
    plant(fault, tmp_path)
    for file in {edit.file for edit in fault.edits}:
        compile((tmp_path / file).read_text(), file, "exec")


def test_planted_faults_are_noticed(tmp_path: Path, scale: Scale, record: Record) -> None:
    # The last fault is noticed without a database, soonest.
    faults = FAULTS[-scale(len(FAULTS), 1) :]
    selections = sorted({fault.tests for fault in faults})

    def seconds_to_kill(fault: Fault) -> float | None:
        project = copy_project(tmp_path / str(FAULTS.index(fault)))
        plant(fault, project)
        begun = time.monotonic()
        survived = passes(project, [fault.tests])
        return None if survived else time.monotonic() - begun

    with ThreadPoolExecutor(AT_ONCE) as pool:
        unchanged = pool.submit(passes, copy_project(tmp_path / "unchanged"), selections)
        times = dict(zip(faults, pool.map(seconds_to_kill, faults), strict=True))
        assert unchanged.result(), "the copy itself must pass: otherwise its failures mean nothing"
    killed = [seconds for seconds in times.values() if seconds is not None]
    survivors = [fault.name for fault, seconds in times.items() if seconds is None]
    record(
        Finding(
            check="money bugs planted one at a time",
            done=f"{len(killed)} of {len(faults)} killed",
            wrong=len(survivors),
            control="the unchanged copy passes the same tests",
            also="; ".join([f"median {median(killed or [0]):.1f} s to kill", *survivors]),
        )
    )
