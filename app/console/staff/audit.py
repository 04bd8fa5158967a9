"""The audit trail."""

from flask import Response

from app.audit.models import ObjectType
from app.console import listing
from app.console.staff.blueprint import blueprint
from app.console.tables import Listed, labelled

_ENTRIES = Listed(
    (),
    "No entry matches. Each write of the API and of a command makes one.",
    texts=(("actor", "Who"), ("action", "Action"), ("objectId", "Id of the object"), ("requestId", "Request id")),
    choices=(("objectType", "Kind of object", labelled(*ObjectType)),),
    dates=(("atFrom", "From"), ("atTo", "To")),
)


@blueprint.get("/audit")
def audit() -> Response | str:
    """Who did what to what, newest first."""
    return listing.page(_ENTRIES, "/v6/audit", title="Audit", template="console/history.html", filterable=True)
