"""What the person who is signed in may call: by the guards of the API, so that no page offers what would be refused."""

from flask import Flask, current_app

from app.auth.guards import Guard
from app.console import browser

_EXTENSION = "console_guards"
_METHODS = ("get", "post", "put", "patch", "delete")


def init_app(app: Flask) -> None:
    """Note the guard of every operation of `app`, whose features are registered."""
    views = {view.view_class for view in app.view_functions.values() if hasattr(view, "view_class")}
    methods = [getattr(view, name) for view in views for name in _METHODS if hasattr(view, name)]
    app.extensions[_EXTENSION] = {method.operation: method.guard for method in methods if hasattr(method, "operation")}


def may(operation: str) -> bool:
    """Whether the roles or scopes of the person admit them to an operation, by its `operationId`."""
    guards: dict[str, Guard] = current_app.extensions[_EXTENSION]
    actor = browser.signed_in()
    return actor is not None and guards[operation].admits(actor)
