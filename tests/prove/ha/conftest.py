"""Checks of whole installations, with programs that `make prove-ha` installs: no part of `make test`."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def stack() -> Iterator[ExitStack]:
    """Ends what the tests of a module have started."""
    with ExitStack() as found:
        yield found


@pytest.fixture(scope="module")
def place(stack: ExitStack) -> Path:
    """A directory whose path is short enough for sockets."""
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="billing-")))
