"""`/v6/clients`"""

from typing import Any

from app.auth.guards import requires
from app.auth.permissions import Role, scopes
from app.clients import schemas, service
from app.clients.models import Client
from app.db.paging import Page
from app.web.blueprint import ApiBlueprint
from app.web.resource import Resource
from app.web.schemas import page_of

blueprint = ApiBlueprint(
    "clients", __name__, url_prefix="/v6/clients", description="The parties that are billed.", guide="api.md#requests"
)

_read = requires(roles=[Role.ADMINISTRATOR], scopes=scopes("client", "read"))
_create = requires(roles=[Role.ADMINISTRATOR], scopes=scopes("client", "create"))
_update = requires(roles=[Role.ADMINISTRATOR], scopes=scopes("client", "update"))


@blueprint.route("")
class Clients(Resource):
    """All clients."""

    @_read
    @blueprint.arguments(schemas.ClientQuery(), location="query")
    @blueprint.response(200, page_of(schemas.Client))
    @blueprint.doc(operationId="listClients")
    def get(self, arguments: dict[str, Any]) -> Page:
        """List clients

        Filters combine with AND, and text filters find any part, in any case. Without `sortBy` the newest clients come
        first.
        """
        return service.search(arguments)

    @_create
    @blueprint.arguments(schemas.ClientCreate(), example=schemas.EXAMPLE)
    @blueprint.response(201, schemas.Client)
    @blueprint.doc(operationId="createClient")
    def post(self, values: dict[str, Any]) -> Client:
        """Create a client

        Creates a client, from a flat body or one wrapped in `param`. A `startDate` after the `endDate` is refused with
        400.
        """
        return service.create(values)


@blueprint.route("/<text_id:client_id>")
class OneClient(Resource):
    """One client."""

    @_read
    @blueprint.response(200, schemas.Client)
    @blueprint.doc(operationId="getClient")
    def get(self, client_id: str) -> Client:
        """Get a client

        Returns one client by its id. An unknown id is 404.
        """
        return service.get(client_id)

    @_update
    @blueprint.arguments(schemas.ClientUpdate(), example={"endDate": None})
    @blueprint.response(200, schemas.Client)
    @blueprint.doc(operationId="updateClient")
    def patch(self, changes: dict[str, Any], client_id: str) -> Client:
        """Change a client

        Changes the fields that are sent and leaves the others; `null` clears an optional one. The dates are checked
        together with those that are stored, so a `startDate` after the `endDate` is refused with 400.
        """
        return service.update(client_id, changes)
