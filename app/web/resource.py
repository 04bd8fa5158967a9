"""The base of every view: guard, path values, undeclared input, transaction and idempotency, in this order."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar, Literal, cast

from flask import Response, current_app, g, request
from flask.views import MethodView
from werkzeug.exceptions import MethodNotAllowed

from app import origin
from app.auth.guards import REHEARSED, Guard
from app.db import streaming
from app.db.replica.routing import Replica
from app.db.server import skew
from app.db.transaction import autocommit, rehearsal, transaction
from app.errors import Invalid
from app.naming import camel_case
from app.web import change_reason, exports, idempotency, limits, negotiation, versions
from app.web.arguments import refuse_undeclared
from app.web.converters import Malformed
from app.web.negotiation import Format

# The limits of files, in place of that of the operation.
_LIMITS = {Format.CSV: "export", Format.NDJSON: "export", Format.PDF: "pdf"}


class Resource(MethodView):
    """A view class that authorizes callers and opens and commits transactions; views and services do neither."""

    init_every_request = False
    # How writes commit:
    # - once: in one transaction with the idempotency key, after the response is formed;
    # - each statement: for writes of a single statement, which sets its own tenant: its locks are released before the
    #   response is formed. With an idempotency key, once;
    # - in parts: for writes that call another service in between, or are too large for one transaction. The service
    #   opens a transaction for each part, and the key is stored with the response after the last one.
    commit: ClassVar[Literal["once", "each statement", "in parts"]] = "once"
    # The guide in docs/ for this route, if it differs from that of its blueprint.
    guide: ClassVar[str | None] = None

    def dispatch_request(self, **path: Any) -> Response:
        """Authorize the caller, then run the view for this method."""
        method = request.method
        view: Any = getattr(self, "get" if method == "HEAD" else method.lower())
        guard: Guard = view.guard
        guard.admit()
        format_ = negotiation.format_of_request(view.formats) if method in versions.SAFE_METHODS else Format.JSON
        is_export = format_ in negotiation.EXPORTS or view.is_archive
        if not guard.open_to_all:
            limits.charge_caller(_LIMITS.get(format_, guard.limit))
            versions.refuse_ignored(view)
        for name, value in path.items():
            if isinstance(value, Malformed):
                _require_no_word_here()
                raise Invalid.field(camel_case(name), value.problem, location="path")
        refuse_undeclared(view.inputs)
        if method in versions.SAFE_METHODS:
            read = partial(_read, _export if is_export else _answer, view, path)
            if format_ != Format.JSON:
                g.format = format_
            return exports.run(read) if is_export else read()
        with origin.acting(change_reason.origin_of_request(view.operation)):
            return self._write(guard, view, path)

    def _write(self, guard: Guard, view: Any, path: Mapping[str, Any]) -> Response:
        skew.clocks().require()
        if request.environ.get(REHEARSED):
            return self._rehearse(view, path)
        if guard.open_to_all:
            # Idempotency keys are scoped to callers, and there is none.
            with transaction():
                return cast("Response", view(**path))
        if self.commit == "in parts":
            return idempotency.once_in_parts(lambda: view(**path))
        if self.commit == "each statement" and not idempotency.has_key():
            with autocommit():
                return cast("Response", view(**path))
        return idempotency.once(lambda: view(**path))

    def _rehearse(self, view: Any, path: Mapping[str, Any]) -> Response:
        """What the view would answer, with nothing kept of it. Raises RuntimeError for what commits in parts."""
        if self.commit == "in parts":
            raise RuntimeError(f"{view.operation} calls another service or commits in between: it cannot be undone")
        with rehearsal():
            return cast("Response", view(**path))


def _read(run: Callable[[Any, Mapping[str, Any]], Response], view: Any, path: Mapping[str, Any]) -> Response:
    replica: Replica | None = current_app.extensions["replica"]
    return run(view, path) if replica is None else replica.read(lambda: run(view, path))


def _answer(view: Any, path: Mapping[str, Any]) -> Response:
    guard: Guard = view.guard
    with transaction() if guard.sets_tenant else autocommit():
        return cast("Response", view(**path))


def _export(view: Any, path: Mapping[str, Any]) -> Response:
    with streaming.snapshot():
        return cast("Response", view(**path))


def _require_no_word_here() -> None:
    """Raise MethodNotAllowed if the path is that of another route, such as `/bulk`, which has other methods."""
    path = request.path.rstrip("/")
    methods = {
        method for rule in current_app.url_map.iter_rules() if rule.rule == path for method in rule.methods or ()
    }
    if methods:
        raise MethodNotAllowed(sorted(methods))
