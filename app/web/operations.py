"""Routes for operators: health and metrics. They need no token."""

from flask import Blueprint, Response, jsonify
from sqlalchemy.exc import SQLAlchemyError

from app.db import job_runs
from app.db.server import skew
from app.web import metrics

blueprint = Blueprint("operations", __name__)


@blueprint.get("/health/live")
def live() -> Response:
    """Liveness: the process responds."""
    return jsonify({"success": True, "data": {"status": "ok"}})


@blueprint.get("/health/ready")
@blueprint.get("/v6/billing-accounts/health")
def ready() -> Response:
    """Readiness: the process and its database respond, and their clocks agree."""
    skew.clocks().check()
    return jsonify({"success": True, "data": {"status": "ok", "database": "ok"}})


@blueprint.get("/metrics")
def exposition() -> Response:
    """Prometheus metrics of all workers, and the last success of each maintenance job."""
    try:
        last_successes = job_runs.last_successes()
    except SQLAlchemyError:
        # The other metrics are needed even while the database is unavailable.
        last_successes = {}
    body, content_type = metrics.exposition(last_successes)
    return Response(body, content_type=content_type)
