"""Every command that a document shows, run as it stands."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import click
import psycopg2
import pytest
from flask import Flask

import cli
from app.db.server import embedded
from bench import legacy_export
from tests.processes import ROOT, Service, command_client, finish, start

TOUR = "## Five minutes with curl"
DOCUMENTS = [
    "authentication.md",
    "keys.md",
    "api.md",
    "books.md",
    "payments.md",
    "credits.md",
    "invoices.md",
    "operations.md",
    "legacy-import.md",
    "console.md",
]
ELSEWHERE = {
    "clients.md": "make typescript runs them",
    "performance.md": "takes twenty minutes",
    "reliability.md": "takes ten minutes",
    "scaling.md": "takes several servers: make prove-ha",
}
SUCCESS = '{"success":true'
END_OF_PAGE = "--- end of page ---"
MEMBERS = """CREATE TABLE member AS SELECT 305::bigint AS "userId", 'cleo' AS handle, 'cleo' AS "handleLower" """


def commands(text: str) -> str:
    return "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))


def answers(out: str) -> list[str]:
    return [line for line in out.splitlines() if line.startswith("{")]


def tour() -> str:
    return (ROOT / "README.md").read_text().split(TOUR)[1].split("\n## ")[0]


def database(var_dir: Path) -> str:
    return embedded.url(var_dir).replace("+psycopg2", "")


def run(script: str, service: Service, var_dir: Path) -> str:
    """What the commands print; they must succeed."""
    for written, here in {
        "127.0.0.1:3000": f"127.0.0.1:{service.port}",
        ".venv/bin/": f"{sys.executable} -m ",
        f"{sys.executable} -m flask": " ".join(command_client()),
        "postgresql://reader@members.internal/members": database(var_dir),
    }.items():
        script = script.replace(written, here)
    environ = {"VAR_DIR": str(var_dir), "FLASK_APP": str(ROOT / "wsgi.py"), "PYTHONPATH": str(ROOT)}
    code, out, err = finish(start("bash", "-euc", f"cd {var_dir}\n{script}", **environ), within_seconds=180)
    assert code == 0, out + err
    return out


def export(directory: Path) -> None:
    """What the guide to the import expects to find."""
    accounts = legacy_export.write(directory / "export-1.json", rows=300).accounts
    access = {
        "time_oltp:project_manager": [{"project_id": str(min(accounts)), "user_account_id": "1", "active": "1"}],
        "time_oltp:user_account": [{"user_account_id": "1", "user_name": "cleo"}],
    }
    (directory / "access-1.json").write_text(json.dumps(access))
    with closing(psycopg2.connect(database(directory))) as members, members, members.cursor() as cursor:
        cursor.execute(MEMBERS)


@pytest.fixture
def service(var_dir: Path) -> Iterator[Service]:
    service = Service(var_dir)
    yield service
    service.stop()


def test_documents_do_what_they_say(service: Service, var_dir: Path) -> None:
    export(var_dir)
    pages = [tour(), *((ROOT / "docs" / name).read_text() for name in DOCUMENTS)]
    # The other documents go on where the tour ends.
    out = run(f"\necho {END_OF_PAGE}\n".join(commands(page) for page in pages), service, var_dir)
    of_tour, *of_others = out.split(END_OF_PAGE)
    assert [line.startswith(SUCCESS) for line in answers(of_tour)].count(False) == 2, "two calls show refusals"
    assert '"details":{"available":500,"requested":501}' in of_tour
    assert '{"json":{"budget":["Not a valid number."]}}' in of_tour
    assert of_tour.count('"error":{"code":400') == 3, "and one item of the bulk call is refused"
    assert all(line.startswith(SUCCESS) for page in of_others for line in answers(page)), of_others
    assert of_others[DOCUMENTS.index("api.md")].count("Idempotency-Replayed: true") == 1


def test_a_command_stands_in_a_block_that_is_run() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        blocks = re.findall(r"^```(\S*)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
        for language, text in blocks:
            assert language in {"sh", "json", "ts", "python", "mermaid", "ini", "text", "sql", "nginx", ""}, (
                page.name,
                language,
            )
            if language != "sh":
                assert not re.search(r"^\s*(curl|api|flask|make|npx|\.venv/bin/\S+) ", text, re.MULTILINE), page.name


def test_what_the_readme_shows_beside_its_tour_is_run_too() -> None:
    beside = commands((ROOT / "README.md").read_text().replace(tour(), ""))
    lines = [line.split("#")[0].strip() for line in beside.splitlines()]
    # These two are the test bench itself, and what test_serve starts.
    others = [line for line in lines if line and line not in {"make run", "make test"}]
    guide = commands((ROOT / "docs" / "legacy-import.md").read_text())
    assert others
    assert [line for line in others if line not in guide] == []


def test_commands_that_are_only_named_exist(app_with: Callable[..., Flask]) -> None:
    app = app_with()
    cli.register(app)
    named = set()
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        named |= set(re.findall(r"`(?:\.venv/bin/)?flask ([a-z][^`]*)`", page.read_text()))
    assert len(named) > 15
    for words in (each.rstrip(" …") for each in named):
        command: click.Command = app.cli
        for word in words.split():
            if isinstance(command, click.Group):
                found = command.get_command(click.Context(command), word)
                assert found is not None, words
                command = found
        options = {each for parameter in command.params for each in (*parameter.opts, *parameter.secondary_opts)}
        assert set(re.findall(r"--[a-z-]+", words)) <= options | {"--help"}, words


def test_no_document_is_forgotten() -> None:
    shown = {path.name for path in (ROOT / "docs").rglob("*.md") if commands(path.read_text())}
    assert shown - set(DOCUMENTS) == set(ELSEWHERE)
