"""The audit trail."""

from flask import Response

from app.audit.models import ObjectType
from app.console import listing
from app.console.pages import render
from app.console.staff.blueprint import blueprint

_LIST = "/v6/audit"
_FILTERS = ("actor", "action", "objectType", "objectId", "atFrom", "atTo", "requestId")
_TEXTS = (
    ("actor", "Who"),
    ("action", "Action"),
    ("objectId", "Id of the object"),
    ("atFrom", "From (yyyy-mm-dd)"),
    ("atTo", "To (yyyy-mm-dd)"),
    ("requestId", "Request id"),
)

_KINDS = [(kind, kind.replace("_", " ").capitalize()) for kind in ObjectType]


@blueprint.get("/audit")
def audit() -> Response | str:
    """Who did what to what, newest first."""
    if listing.wants_file():
        return listing.file(_LIST, *_FILTERS)
    return render(
        "console/audit/list.html", title="Audit", list=listing.read(_LIST, *_FILTERS), texts=_TEXTS, kinds=_KINDS
    )
