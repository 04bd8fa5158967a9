from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

import cli

Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask) -> Run:
    """Runs a command: `run("token", "--role", "copilot")`."""
    cli.register(app)

    def invoke(*arguments: Any) -> Result:
        return app.test_cli_runner().invoke(args=[str(argument) for argument in arguments])

    return invoke
