"""`/v6/clients`"""

from typing import Any

from app.auth.guards import requires
from app.auth.permissions import Role
from app.clients import permissions, schemas, service
from app.clients.models import Client
from app.db.paging import Page
from app.db.versions import Expected
from app.web.blueprint import ApiBlueprint
from app.web.resource import Resource
from app.web.schemas import page_of
from app.web.versions import takes_if_match

blueprint = ApiBlueprint(
    "clients", __name__, url_prefix="/v6/clients", description="The parties that are billed.", guide="api.md#requests"
)

_read = requires(roles=[Role.ADMINISTRATOR], scopes=permissions.READ)
_create = requires(roles=[Role.ADMINISTRATOR], scopes=permissions.CREATE)
_update = requires(roles=[Role.ADMINISTRATOR], scopes=permissions.UPDATE)


@blueprint.route("")
class Clients(Resource):
    """All clients."""

    @_read
    @blueprint.arguments(schemas.ClientQuery(), location="query")
    @blueprint.response(200, page_of(schemas.Client))
    @blueprint.doc(operationId="listClients")
    def get(self, arguments: dict[str, Any]) -> Page:
        """List clients

        Lists clients, newest first unless `sortBy` is given. Filters combine with AND; text filters match any part of
        the field, case-insensitively. Invalid or unknown filters are refused with 400 `invalid_input`.
        """
        return service.search(arguments)

    @_create
    @blueprint.arguments(schemas.ClientCreate(), example=schemas.EXAMPLE)
    @blueprint.response(201, schemas.Client)
    @blueprint.doc(operationId="createClient")
    def post(self, values: dict[str, Any]) -> Client:
        """Create a client

        Creates a client. The body may be flat or wrapped in `param`. A `startDate` after the `endDate` is refused with
        400 `invalid_input`.
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

        Returns one client by its id. An unknown id is refused with 404 `not_found`.
        """
        return service.get(client_id)

    @_update
    @blueprint.arguments(schemas.ClientUpdate(), example={"endDate": None})
    @blueprint.response(200, schemas.Client)
    @takes_if_match
    @blueprint.doc(operationId="updateClient")
    def patch(self, changes: dict[str, Any], client_id: str, expected: Expected) -> Client:
        """Update a client

        Updates the fields that are sent; `null` clears an optional field. The dates are checked together with the
        stored ones: a `startDate` after the `endDate` is refused with 400 `invalid_input`, an unknown id with 404
        `not_found`.
        """
        return service.update(client_id, changes, expected)
