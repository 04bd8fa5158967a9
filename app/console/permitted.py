"""What the person who is signed in may call: by the guards of the API, so that no page offers what would be refused."""

from urllib.parse import unquote

from flask import Flask, current_app

from app.auth.guards import Guard
from app.console import browser, calls
from app.web.encoded_slashes import ENCODED_SLASH

_EXTENSION = "console_guards"
# Any operation for members: its guard finds the role of the person.
_FINDS_MEMBERSHIP = "/v1/billing/payment-methods"
_METHODS = ("get", "post", "put", "patch", "delete")


def init_app(app: Flask) -> None:
    """Note the guard of every operation of `app`, whose features are registered."""
    views = {view.view_class for view in app.view_functions.values() if hasattr(view, "view_class")}
    methods = [getattr(view, name) for view in views for name in _METHODS if hasattr(view, name)]
    app.extensions[_EXTENSION] = {method.operation: method.guard for method in methods if hasattr(method, "operation")}


def may(operation: str) -> bool:
    """Whether the roles of the person, or their role in the customer account, admit them to an operation.

    It is named by its `operationId`.
    """
    guards: dict[str, Guard] = current_app.extensions[_EXTENSION]
    actor = browser.signed_in()
    return actor is not None and guards[operation].admits_member(actor, browser.member_role())


def require(method: str, address: str) -> None:
    """Refuse who may not call an operation, before a form is filled in for nothing. Raises Forbidden."""
    path = unquote(address.replace("%2F", ENCODED_SLASH))
    endpoint, _ = current_app.url_map.bind("").match(path, method=method)
    view = getattr(current_app.view_functions[endpoint], "view_class")  # noqa: B009 - Flask sets it, and does not type it
    guard: Guard = getattr(view, method.lower()).guard
    actor = browser.signed_in()
    if actor is None:
        raise guard.refusal
    if not guard.takes_account:
        admitted = guard.admits(actor)
    elif not (admitted := guard.admits_member(actor, browser.member_role())):
        # The role may be another one by now, or no page has looked at it yet.
        calls.get(_FINDS_MEMBERSHIP)
        admitted = guard.admits_member(actor, browser.member_role())
    if not admitted:
        raise guard.refusal
