"""Checks that can be run longer than a suite allows, and report what they found.

`make test` runs a small cut of each. `make prove` runs them whole (`--whole`) and has `bench.findings` write what they
found to docs/reliability.md, and to docs/scaling.md what is about several database servers. A check also runs once with
its protection taken out, and says what it reported then: a check that cannot fail proves nothing.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.findings import Finding

# What the fixture `record` yields.
Record = Callable[[Finding], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options of `make prove`."""
    parser.addoption("--whole", action="store_true", help="run the checks of tests/prove whole")
    parser.addoption("--findings", type=Path, help="add what the checks of tests/prove found to this file, as JSON")
    parser.addoption("--soak-minutes", type=int, help="how long the service is watched for growing memory")


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Record:
    """Writes a finding down, then fails the test if anything was wrong."""
    file: Path | None = request.config.getoption("--findings", default=None)

    def note(finding: Finding) -> None:
        if file is not None:
            # One write that appends: the processes of a run share the file.
            with file.open("a") as lines:
                lines.write(f"{finding.to_json()}\n")
        assert finding.wrong == 0, finding

    return note
