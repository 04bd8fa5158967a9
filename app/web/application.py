"""The Flask application without what this service does not use of Flask."""

from collections.abc import Callable
from typing import Any

from flask import Flask


class Application(Flask):
    """Flask for views that are plain functions."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself: none is a coroutine, which Flask would find out eight times for each request."""
        return func
