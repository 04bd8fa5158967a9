"""`/v1/admin/search`: anything, by a word that one has at hand."""

from typing import Any

from app.auth.actor import current_actor
from app.db.paging import Page
from app.desk import guards, schemas, search
from app.web.blueprint import ApiBlueprint
from app.web.resource import Resource
from app.web.schemas import page_of

blueprint = ApiBlueprint(
    "desk-search",
    __name__,
    url_prefix="/v1/admin/search",
    description="The vendor's desk: anything by a word.",
    guide="desk.md#find-a-customer",
)


@blueprint.route("")
class Search(Resource):
    """Everything."""

    @blueprint.arguments(schemas.SearchQuery(), location="query")
    @blueprint.response(200, page_of(schemas.Hit))
    @blueprint.doc(operationId="searchEverything")
    @guards.reads()
    def get(self, arguments: dict[str, Any]) -> Page:
        """Find anything by a word

        Finds accounts and members by parts of their names and addresses, invoices and credit notes by their numbers,
        payments, holds and lots by their references, and any of them, except holds, by their ids, and transactions and
        usage, too: at most 100, the best match first. Administrators, and machines with the scopes to read them, also
        find clients and billing accounts by parts of their names or by their ids, the newest bookings of a user,
        handle, project or job, work periods by their ids, and their payments by their ids or external references;
        these belong to no customer account.
        """
        return search.search(current_actor(), arguments)
