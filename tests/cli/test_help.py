"""Every command of ours shows how it is used."""

from collections.abc import Iterator

import click
import pytest
from flask import Flask

import cli
from tests.cli.conftest import Run


def commands() -> Iterator[list[str]]:
    """The words of every command and group."""
    app = Flask(__name__)
    known = set(app.cli.commands)
    cli.register(app)

    def walk(command: click.Command, words: list[str]) -> Iterator[list[str]]:
        yield words
        for name, each in getattr(command, "commands", {}).items():
            yield from walk(each, [*words, name])

    for name in sorted(set(app.cli.commands) - known):
        yield from walk(app.cli.commands[name], [name])


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_help_shows_an_example(run: Run, words: list[str]) -> None:
    result = run(*words, "--help")
    assert result.exit_code == 0
    (example,) = (line for line in result.output.splitlines() if line.startswith("  Example: "))
    assert f"flask {' '.join(words)}" in example
