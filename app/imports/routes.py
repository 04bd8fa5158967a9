"""`/v6/imports`"""

from typing import Any

from app.auth.guards import requires
from app.auth.permissions import Role, scopes
from app.db.paging import Page
from app.imports import runs, schemas
from app.web.blueprint import ApiBlueprint
from app.web.resource import Resource
from app.web.schemas import page_of

blueprint = ApiBlueprint(
    "imports",
    __name__,
    url_prefix="/v6/imports",
    description="Runs of imports from the system that is replaced.",
    guide="legacy-import.md#reports",
)

_read = requires(roles=[Role.ADMINISTRATOR], scopes=scopes("audit", "read"))


@blueprint.route("")
class Imports(Resource):
    """All runs."""

    @_read
    @blueprint.arguments(schemas.ImportQuery(), location="query")
    @blueprint.response(200, page_of(schemas.ImportRun))
    @blueprint.doc(operationId="listImports")
    def get(self, arguments: dict[str, Any]) -> Page:
        """List the runs of imports

        Lists every run of an import, newest first, dry and failed ones too, with what it read, changed and rejected.
        Filters combine with AND. Invalid or unknown filters are refused with 400 `invalid_input`.
        """
        return runs.search(arguments)


@blueprint.route("/<bigint_id:import_id>")
class OneImport(Resource):
    """One run."""

    @_read
    @blueprint.response(200, schemas.ImportRun)
    @blueprint.doc(operationId="getImport")
    def get(self, import_id: int) -> dict[str, Any]:
        """Get a run of an import

        Returns one run by its id. An unknown id is refused with 404 `not_found`.
        """
        return runs.get(import_id)
