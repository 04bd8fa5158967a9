"""`/v6/health`: what operators look at first, for people. `operations` has what programs ask."""

from functools import cache
from typing import Any

import marshmallow as ma
from flask import current_app

from app.auth.guards import requires
from app.auth.permissions import Role, scopes
from app.config import ROOT
from app.db import job_runs
from app.db.base import db
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.replica.routing import Replica
from app.db.server.revision import revisions
from app.web import fields, metrics
from app.web.blueprint import ApiBlueprint
from app.web.resource import Resource
from app.web.schemas import ETag, ReadSchema

blueprint = ApiBlueprint(
    "health",
    __name__,
    url_prefix="/v6/health",
    description="The state of the service, for people.",
    guide="operations.md#monitoring",
)
_REVISION: AnyPrepared = Prepared("SELECT version_num FROM alembic_version")


class JobRun(ReadSchema):
    """When a job last succeeded and failed."""

    job = fields.Text(metadata={"description": "Maintenance job, or a verification.", "example": "ledger verify"})
    succeeded_at = fields.Moment(allow_none=True, metadata={"description": "Its last success; `null` if none."})
    failed_at = fields.Moment(allow_none=True, metadata={"description": "Its last failure; `null` if none."})


class ReplicaHealth(ReadSchema):
    """The streaming replica, as the process that responds sees it."""

    in_use = fields.Boolean(metadata={"description": "Whether it answers reads."})
    lag_seconds = ma.fields.Float(
        allow_none=True,
        metadata={"description": "Seconds it took to catch up when last looked at; `null` if it is left out."},
    )


class RequestCounts(ReadSchema):
    """The requests that the workers of this copy have handled since it was started."""

    handled = fields.Integer(most=fields.MAX_CREDITS, metadata={"description": "How many."})
    failed = fields.Integer(
        most=fields.MAX_CREDITS, metadata={"description": "How many of them with a status of 500 or above."}
    )
    error_rate = ma.fields.Float(metadata={"description": "`failed` as a fraction of `handled`."})


class HealthReport(ReadSchema):
    """The state of the service."""

    etag = ETag.NEVER

    database_revision = fields.Text(metadata={"description": "The migration that the database is at."})
    expected_revision = fields.Text(metadata={"description": "The last migration that this version knows."})
    replica = ma.fields.Nested(
        ReplicaHealth, allow_none=True, metadata={"description": "The replica; `null` if none is configured."}
    )
    requests = ma.fields.Nested(RequestCounts, metadata={"description": "Requests since the start."})
    jobs = ma.fields.Nested(JobRun, many=True, metadata={"description": "The jobs that ever ran, by name."})


@blueprint.route("/report")
class Report(Resource):
    """The state of the service."""

    @requires(roles=(Role.ADMINISTRATOR,), scopes=scopes("health", "read"))
    @blueprint.response(200, HealthReport)
    @blueprint.doc(operationId="getHealthReport")
    def get(self) -> dict[str, Any]:
        """Get the state of the service

        Returns when each maintenance job and each verification last succeeded and failed, whether the replica keeps up,
        how many requests failed, and the revision of the database.
        Probes use `/health/live` and `/health/ready` instead.
        """
        handled, failed = metrics.requests_handled()
        replica: Replica | None = current_app.extensions["replica"]
        return {
            "database_revision": db.session.execute(_REVISION).scalar_one(),
            "expected_revision": _expected_revision(),
            "replica": replica and {"in_use": replica.in_use, "lag_seconds": replica.lag_seconds},
            "requests": {"handled": handled, "failed": failed, "error_rate": failed / handled if handled else 0},
            "jobs": job_runs.runs(),
        }


@cache
def _expected_revision() -> str:
    return revisions(str(ROOT / "migrations"))[0]
