"""The log, as operators read it."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

import structlog


class Log(io.TextIOWrapper):
    """A standard error that can be read."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), "utf-8")

    def text(self) -> str:
        """All that was written."""
        self.seek(0)
        return self.read()

    def lines(self) -> list[dict[str, Any]]:
        """Its lines, all of which must be JSON."""
        return [json.loads(line) for line in self.text().splitlines()]


@contextmanager
def logged() -> Iterator[Log]:
    """What applications log that are made in the block."""
    root, configured = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    try:
        with redirect_stderr(Log()) as log:
            yield log
    finally:
        structlog.configure(**configured)
        root.handlers[:] = handlers
        root.setLevel(level)
