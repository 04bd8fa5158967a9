"""Who changed what in the account."""

from flask import Response

from app.console import listing
from app.console.portal.blueprint import blueprint
from app.console.tables import Listed

_ENTRIES = Listed(
    (),
    "No entry matches. Clear the filters to see all.",
    texts=(("actor", "Who"), ("action", "Action"), ("object_type", "Kind"), ("object_id", "Id")),
    dates=(("at_from", "From"), ("at_to", "To")),
)


@blueprint.get("/history")
def history() -> Response | str:
    """The audit trail of the account."""
    return listing.page(_ENTRIES, "/v1/account/audit", title="History", template="console/history.html")
