"""Who changed what in the account."""

from flask import Response

from app.console import listing
from app.console.pages import render
from app.console.portal.blueprint import blueprint

_LIST = "/v1/account/audit"
_FILTERS = ("actor", "action", "object_type", "object_id", "at_from", "at_to")


@blueprint.get("/history")
def history() -> Response | str:
    """The audit trail of the account."""
    if listing.wants_file():
        return listing.file(_LIST, *_FILTERS)
    return render("console/portal/history.html", title="History", list=listing.read(_LIST, *_FILTERS))
