"""Routes for operators: health, metrics, and the API reference in a browser. None needs a token."""

from importlib.resources import files
from pathlib import Path

from flask import Blueprint, Response, jsonify, render_template, send_from_directory
from sqlalchemy import text

from app.db.base import db
from app.db.transaction import autocommit
from app.web import metrics

blueprint = Blueprint("operations", __name__, template_folder="templates", static_folder="static")

_ASSETS = Path(str(files("flask_swagger_ui"))) / "dist"
_ASSETS_LIVE_SECONDS = 86_400
# The page runs only what this service serves; swagger-ui sets styles on elements and shows icons from data: addresses.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@blueprint.get("/health/live")
def live() -> Response:
    """The process answers."""
    return jsonify({"success": True, "data": {"status": "ok"}})


@blueprint.get("/health/ready")
@blueprint.get("/v6/billing-accounts/health")
def ready() -> Response:
    """The process answers and its database does too."""
    with autocommit():
        db.session.execute(text("SELECT 1"))
    return jsonify({"success": True, "data": {"status": "ok", "database": "ok"}})


@blueprint.get("/metrics")
def exposition() -> Response:
    """Prometheus metrics of all workers."""
    body, content_type = metrics.exposition()
    return Response(body, content_type=content_type)


@blueprint.get("/docs")
@blueprint.get("/v6/billing-accounts/api-docs")
def docs() -> Response:
    """The API reference, with a form for every call."""
    page = Response(render_template("docs.html"))
    page.headers["Content-Security-Policy"] = _PAGE_POLICY
    return page


@blueprint.get("/docs/assets/<path:name>")
def docs_asset(name: str) -> Response:
    """A file of the API reference."""
    return send_from_directory(_ASSETS, name, max_age=_ASSETS_LIVE_SECONDS)
