"""Request ids, limits of headers and bodies, access logs and metrics of all requests."""

import logging
import re
import sys
import time
from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import uuid4

import orjson
import structlog
from flask import Flask, Response, request
from flask.globals import app_ctx, request_ctx
from structlog.typing import FilteringBoundLogger, Processor
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    RequestEntityTooLarge,
    RequestHeaderFieldsTooLarge,
    RequestURITooLarge,
)
from werkzeug.middleware.proxy_fix import ProxyFix

from app.config import Settings
from app.web import metrics
from app.web.arguments import may_have_body

REQUEST_ID_HEADER = "X-Request-ID"
_REQUEST_ID_SENT = "HTTP_X_REQUEST_ID"
MAX_ADDRESS_BYTES = 8 * 1024
# A token of 16 KB, and its scheme.
MAX_HEADER_BYTES = 16 * 1024 + 64

_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")


def init_app(app: Flask) -> None:
    """Determine the client address, assign an id, count and log every request of `app`, after `configure_logging`."""
    settings: Settings = app.config["SETTINGS"]
    hops = settings.serving.trusted_proxy_hops
    if hops:
        # Only entries of trusted proxies are used; any client may have written the others.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0)  # type: ignore[method-assign]
    app.before_request(_begin)
    app.after_request(partial(_end, structlog.get_logger("app.request").bind()))


def configure_logging(level: str) -> None:
    """Log as JSON lines to standard error, with the request id inside requests."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    # Lines of requests go straight to the file: by way of the standard library's logging they would take three times
    # as long.
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=orjson.dumps)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Alembic logs every step at INFO; the commands print what operators need.
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _begin() -> None:
    environ, state = request.environ, app_ctx.g
    given = environ.get(_REQUEST_ID_SENT, "")
    state.request_id = given if _REQUEST_ID.fullmatch(given) else str(uuid4())
    state.started_at = time.perf_counter()
    structlog.contextvars.bind_contextvars(request_id=state.request_id)
    _refuse_oversized_head(environ)
    if may_have_body(environ):
        _refuse_endless_body()


def _refuse_oversized_head(environ: Mapping[str, Any]) -> None:
    if len(environ.get("RAW_URI", "")) > MAX_ADDRESS_BYTES:
        raise RequestURITooLarge(f"The URI is longer than {MAX_ADDRESS_BYTES} bytes")
    for name, value in environ.items():
        if value.__class__ is str and len(value) > MAX_HEADER_BYTES and name.startswith("HTTP_"):
            header = name.removeprefix("HTTP_").replace("_", "-").title()
            raise RequestHeaderFieldsTooLarge(f"The header {header} is longer than {MAX_HEADER_BYTES} bytes")


def _refuse_endless_body() -> None:
    """Refuse a body without Content-Length that reaches the limit: it is truncated there, and might still parse."""
    if request.content_length is not None or (limit := request.max_content_length) is None:
        return
    try:
        body = request.get_data()
    except HTTPException:
        raise
    except Exception as error:
        # Any exception of the server for malformed chunks and trailers.
        raise BadRequest("The body does not match its headers") from error
    if len(body) >= limit:
        raise RequestEntityTooLarge


def _end(log: FilteringBoundLogger, response: Response) -> Response:
    handled, state = request_ctx.request, app_ctx.g
    response.headers.add(REQUEST_ID_HEADER, state.request_id)
    seconds = time.perf_counter() - state.started_at
    route = handled.url_rule.rule if handled.url_rule else "unmatched"
    metrics.observe(handled.method, route, response.status_code, seconds)
    actor = state.get("actor")
    log.info(
        "request",
        method=handled.method,
        route=route,
        status=response.status_code,
        ms=round(seconds * 1000, 2),
        actor=actor.subject if actor else None,
        client=handled.remote_addr,
    )
    structlog.contextvars.clear_contextvars()
    return response
