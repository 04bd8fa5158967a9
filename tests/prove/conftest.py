"""Checks that can be run longer than a suite allows, and write down what they found.

`make test` runs a small cut of each. `make prove` runs them whole (`--whole`) and writes docs/reliability.md, and into
docs/scaling.md what is about several database servers. A check
also runs once with its protection taken out, and says what it reported then: a check that cannot fail proves nothing.
"""

import fcntl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
_HEAD = (
    "| check | done | wrong | with the protection taken out | seed | also measured |",
    "|---|---|---:|---|---:|---|",
)
_FINDINGS = pytest.StashKey[list["Finding"]]()
# What the fixture `scale` yields: takes the amount for the whole check and for the small cut.
Scale = Callable[[int, int], int]


class Page(Enum):
    """Where findings are written: a page, and the mark that their table follows."""

    RELIABILITY = "reliability.md", "<!-- figures -->"
    SCALING = "scaling.md", "<!-- figures of make prove-ha -->"


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    check: str
    done: str
    wrong: int
    control: str
    seed: int | None = None
    also: str = ""
    page: Page = Page.RELIABILITY


# What the fixture `record` yields.
Record = Callable[[Finding], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the option of `make prove`."""
    parser.addoption("--whole", action="store_true", help="run the checks of tests/prove whole and write the page")
    parser.addoption("--soak-minutes", type=int, help="how long the service is watched for growing memory")


def pytest_configure(config: pytest.Config) -> None:
    """Begin an empty list of findings."""
    config.stash[_FINDINGS] = []


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write what ran whole to the page; the rows of other checks stay."""
    findings = session.config.stash[_FINDINGS]
    if session.config.getoption("--whole", default=False):
        for page in {each.page for each in findings}:
            _write(page, [each for each in findings if each.page == page])


def _write(page: Page, findings: Iterable[Finding]) -> None:
    name, start = page.value
    with (DOCS / name).open("r+") as file:
        # Test processes end at about the same time.
        fcntl.flock(file, fcntl.LOCK_EX)
        words, _, rest = file.read().partition(f"{start}\n\n")
        table, separator, below = rest.partition("\n\n")
        kept = (line.split(" | ") for line in table.splitlines()[2:])
        rows = {cells[0]: " | ".join(cells) for cells in kept}
        rows |= {f"| {each.check}": _row(each) for each in findings}
        written = "\n".join([*_HEAD, *rows.values()])
        file.seek(0)
        file.write(f"{words}{start}\n\n{written}{separator or chr(10)}{below}")
        file.truncate()


def _row(found: Finding) -> str:
    seed = "" if found.seed is None else found.seed
    return f"| {found.check} | {found.done} | {found.wrong} | {found.control} | {seed} | {found.also} |"


@pytest.fixture
def scale(request: pytest.FixtureRequest) -> Scale:
    """Chooses how much to do: `scale(200, 5)` is 200 in `make prove` and 5 in `make test`."""
    # Not declared when this file is met late, in a run of all tests.
    whole = request.config.getoption("--whole", default=False)
    return lambda all_of_it, a_small_cut: all_of_it if whole else a_small_cut


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Record:
    """Writes a finding down, then fails the test if anything was wrong."""

    def note(finding: Finding) -> None:
        request.config.stash[_FINDINGS].append(finding)
        assert finding.wrong == 0, finding

    return note
