"""The Flask application without what this service does not use of Flask."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask

Proxied = TypeVar("Proxied")


def itself(proxy: Proxied) -> Proxied:
    """What `request` or `g` stands for now: for who looks at it more than once, as each look finds it anew."""
    found: Proxied = proxy._get_current_object()  # type: ignore[attr-defined] # noqa: SLF001 - documented
    return found


class Application(Flask):
    """Flask for views that are plain functions."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself: none is a coroutine, which Flask would find out eight times for each request."""
        return func
