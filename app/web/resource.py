"""The base of every view: guard, path values, undeclared input, transaction and idempotency, in that order."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, cast

from flask import Response, current_app, request
from flask.views import MethodView
from werkzeug.exceptions import MethodNotAllowed

from app.auth.guards import Guard
from app.db.replica.routing import Replica
from app.db.transaction import autocommit, transaction
from app.errors import Invalid
from app.naming import camel_case
from app.web import idempotency, limits
from app.web.arguments import refuse_undeclared
from app.web.converters import Malformed

_SAFE_METHODS = frozenset({"GET", "HEAD"})


class Resource(MethodView):
    """A view class that admits callers, and commits what its views do: views and services need not think of it."""

    init_every_request = False
    # How writes commit:
    # - once: all they do, and the idempotency key with it, when the response is formed;
    # - each statement: those of a single statement, which names its tenant itself: nobody waits for its locks while
    #   the response is formed. With a key, which is stored along with the response, once;
    # - in parts: those that call another service in between, or have too much to do for one transaction. The service
    #   opens a transaction for each part, and the key is stored with the response after the last one.
    commit: ClassVar[Literal["once", "each statement", "in parts"]] = "once"
    # The page of docs/ about this route, where it is another than that of its blueprint.
    guide: ClassVar[str | None] = None

    def dispatch_request(self, **path: Any) -> Response:
        """Admit the caller, then run the view for this method."""
        method = request.method
        view: Any = getattr(self, "get" if method == "HEAD" else method.lower())
        guard: Guard = view.guard
        guard.admit()
        if not guard.open_to_all:
            limits.charge_caller(guard.limit)
        for name, value in path.items():
            if isinstance(value, Malformed):
                _require_no_word_here()
                raise Invalid.field(camel_case(name), value.problem, location="path")
        refuse_undeclared(view.inputs)
        if method in _SAFE_METHODS:
            replica: Replica | None = current_app.extensions["replica"]
            return _read(view, path) if replica is None else replica.read(lambda: _read(view, path))
        if guard.open_to_all:
            # Nobody is known whose idempotency key it could be.
            with transaction():
                return cast("Response", view(**path))
        if self.commit == "in parts":
            return idempotency.once_in_parts(lambda: view(**path))
        if self.commit == "each statement" and not idempotency.has_key():
            with autocommit():
                return cast("Response", view(**path))
        return idempotency.once(lambda: view(**path))


def _read(view: Any, path: Mapping[str, Any]) -> Response:
    guard: Guard = view.guard
    with transaction() if guard.sets_tenant else autocommit():
        return cast("Response", view(**path))


def _require_no_word_here() -> None:
    """Raise MethodNotAllowed when a word of another path stands where an id belongs: that path has other methods."""
    path = request.path.rstrip("/")
    methods = {
        method for rule in current_app.url_map.iter_rules() if rule.rule == path for method in rule.methods or ()
    }
    if methods:
        raise MethodNotAllowed(sorted(methods))
