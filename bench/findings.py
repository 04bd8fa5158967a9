"""Puts what the checks of tests/prove found into the tables of docs/reliability.md and docs/scaling.md.

make prove
.venv/bin/python -m bench.findings FILE

FILE is what `pytest --whole --findings FILE` left: one finding as JSON on each line. The rows of other checks stay.
"""

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from app.config import ROOT

_HEAD = (
    "| check | done | wrong | with the protection taken out | seed | also measured |",
    "|---|---|---:|---|---:|---|",
)


class Page(StrEnum):
    """The pages that findings are written to."""

    RELIABILITY = "reliability.md"
    SCALING = "scaling.md"


# The mark that the table of a page follows.
_MARKS = {Page.RELIABILITY: "<!-- figures -->", Page.SCALING: "<!-- figures of make prove-ha -->"}


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

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The finding that `to_json` wrote."""
        values = json.loads(text)
        return cls(**{**values, "page": Page(values["page"])})

    def to_json(self) -> str:
        """The finding on one line."""
        return json.dumps(asdict(self))

    def row(self) -> str:
        """The finding as a row of its table."""
        seed = "" if self.seed is None else self.seed
        return f"| {self.check} | {self.done} | {self.wrong} | {self.control} | {seed} | {self.also} |"


def main() -> None:
    """Write the findings of a file to their pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    found = [Finding.from_json(line) for line in parser.parse_args().file.read_text().splitlines()]
    for page in {each.page for each in found}:
        target = ROOT / "docs" / page
        target.write_text(merged(target.read_text(), _MARKS[page], [each for each in found if each.page == page]))
        print(f"Wrote {target}")


def merged(text: str, mark: str, found: Iterable[Finding]) -> str:
    """The text of a page with the findings in the table after `mark`, in place of the rows of the same checks."""
    words, _, rest = text.partition(f"{mark}\n\n")
    table, separator, below = rest.partition("\n\n")
    rows = {line.split(" | ")[0]: line for line in table.splitlines()[2:]}
    rows |= {f"| {each.check}": each.row() for each in found}
    lines = "\n".join([*_HEAD, *rows.values()])
    return f"{words}{mark}\n\n{lines}{separator or chr(10)}{below}"


if __name__ == "__main__":
    main()
