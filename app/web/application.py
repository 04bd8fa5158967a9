"""The Flask application without what this service does not use of Flask."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, Request
from flask.sessions import NullSession, SessionInterface, SessionMixin

Proxied = TypeVar("Proxied")


def itself(proxy: Proxied) -> Proxied:
    """What `request` or `g` stands for now: for who looks at it more than once, as each look finds it anew."""
    found: Proxied = proxy._get_current_object()  # type: ignore[attr-defined] # noqa: SLF001 - documented
    return found


class _NoSessions(SessionInterface):
    """Callers have tokens; cookies are neither read nor set."""

    _none = NullSession()

    def open_session(self, app: Flask, request: Request) -> SessionMixin:  # noqa: ARG002 - the interface's
        """Open nothing."""
        return self._none

    def save_session(self, *_: Any) -> None:
        """Save nothing."""


class Application(Flask):
    """Flask for views that are plain functions, without cookies."""

    session_interface: SessionInterface = _NoSessions()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself: none is a coroutine, which Flask would find out eight times for each request."""
        return func
