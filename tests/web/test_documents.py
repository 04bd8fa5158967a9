"""Documents for people: what they show is what is run, and what they link to is there."""

import re
from pathlib import Path

import pytest

from app.config import ROOT, Settings
from app.config.declaration import declarations, example
from app.errors import Reason

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
PAGES.append(ROOT / "clients" / "typescript" / "README.md")


def anchors(page: Path) -> set[str]:
    """The headings of a page, as links name them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", page.read_text())
    for path, heading in links:
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not heading or heading in anchors(target), (path, heading)


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ("tutorial", ["curl", "TOKEN="]),
        ("authentication:", ["claims", '"kid"', "RS256"]),
        ("API keys", ["Bearer bsk_", "overlap_seconds", "flask keys create"]),
        ("lists and pages", ["perPage", "totalPages"]),
        ("errors", ["what to do"]),
        ("money and rounding", ["half up", "decimals"]),
        ("idempotency and retries", ["Idempotency-Key", "Retry-After"]),
        ("bulk calls", ["atomic"]),
        ("budgets", ["```mermaid", "insufficient_funds"]),
        ("payment statuses", ["```mermaid", "scheduled", "cancelled"]),
        ("purchases", ["```mermaid", "sequenceDiagram"]),
        ("cut-over", ["--dry-run", "ledger verify"]),
        ("migrating an existing client", ["axios", "fetch"]),
        ("settings, running", ["DATABASE_URL", "SIGTERM"]),
    ],
)
def test_every_topic_is_found_from_the_readme(topic: str, words: list[str]) -> None:
    readme = (ROOT / "README.md").read_text()
    table = readme.split("## Documentation")[1].split("\n## ")[0]
    [row] = [line for line in table.splitlines() if topic in line]
    pages = {path or "README.md" for path in re.findall(r"\]\(([^)#]*)", row)}
    text = "".join((ROOT / page).read_text() for page in pages)
    assert [word for word in words if word not in text] == []


def test_every_reason_is_explained() -> None:
    table = (ROOT / "docs" / "errors.md").read_text()
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == [str(reason) for reason in Reason]


def test_lock_files_name_no_host_to_download_from() -> None:
    for folder in ("clients/typescript", "tests/typescript"):
        assert '"resolved"' not in (ROOT / folder / "package-lock.json").read_text(), folder


def test_the_example_of_the_environment_is_current() -> None:
    assert (ROOT / ".env.example").read_text() == example(Settings), "make settings writes it"


def test_every_setting_is_explained_to_operators() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    rows = re.findall(r"^\| (`[A-Z].*?) \|", page, re.MULTILINE)
    listed = re.findall(r"`([A-Z_]+)`", " ".join(rows))
    assert sorted(listed) == sorted(each.variable for each in declarations(Settings))
