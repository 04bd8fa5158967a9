"""Documents for people: what they show is what is run, and what they link to is there."""

import re
from pathlib import Path

import pytest

from app.config import ROOT
from app.errors import Reason

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_reason_is_explained() -> None:
    table = (ROOT / "docs" / "errors.md").read_text()
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == [str(reason) for reason in Reason]


def test_the_adapter_for_existing_clients_is_the_one_that_is_run() -> None:
    code = (ROOT / "tests" / "typescript" / "flows" / "unwrap.ts").read_text().split("\n", 1)[1]
    assert code in (ROOT / "docs" / "clients.md").read_text()


def test_every_setting_is_listed() -> None:
    settings = set(
        re.findall(
            r'(?:env\.get\(|_integer\(env, |_postgresql\(env, |_web_address\(env, )"([A-Z_]+)"',
            (ROOT / "app" / "config.py").read_text(),
        )
    )
    assert len(settings) > 10
    for page in (ROOT / ".env.example", ROOT / "docs" / "operations.md"):
        assert {name for name in settings if name not in page.read_text()} == set(), page.name
