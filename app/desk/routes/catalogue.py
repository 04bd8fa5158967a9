"""`/v1/admin/plans` and `/v1/admin/packages`: what the vendor offers."""

from typing import Any

from sqlalchemy import Row

from app.credits import plans
from app.db.paging import Page
from app.db.versions import Expected
from app.desk import catalogue_schemas as schemas
from app.desk import failures, guards
from app.purchases import catalogue
from app.web.blueprint import ApiBlueprint
from app.web.failures import fails
from app.web.resource import Resource
from app.web.schemas import SnakePageArguments, page_of
from app.web.versions import takes_if_match

blueprint = ApiBlueprint(
    "desk-catalogue",
    __name__,
    url_prefix="/v1/admin",
    description="The vendor's desk: plans and packages.",
    guide="desk.md#plans-and-packages",
)


@blueprint.route("/plans")
class Plans(Resource):
    """Plans."""

    @guards.reads_offer
    @blueprint.arguments(SnakePageArguments(), location="query")
    @blueprint.response(200, page_of(schemas.Plan))
    @blueprint.doc(operationId="listPlans")
    def get(self, arguments: dict[str, Any]) -> Page:
        """List the plans

        Lists the plans that accounts can be on, smallest first. New accounts start on the one that is the default.
        """
        return plans.search(arguments)

    @guards.manages_offer
    @blueprint.arguments(schemas.PlanCreate(), example=schemas.PLAN_EXAMPLE)
    @blueprint.response(201, schemas.Plan)
    @fails(failures.TAKEN)
    @blueprint.doc(operationId="createPlan")
    def post(self, values: dict[str, Any]) -> Row[Any]:
        """Create a plan

        Creates a plan. As the default, it becomes the one that new accounts start on. A name that another plan has is
        refused with 409 `conflict`.
        """
        return plans.create(values)


@blueprint.route("/plans/<bigint_id:plan_id>")
class OnePlan(Resource):
    """One plan."""

    @guards.reads_offer
    @blueprint.response(200, schemas.Plan)
    @fails(failures.NO_PLAN)
    @blueprint.doc(operationId="getPlan")
    def get(self, plan_id: int) -> Row[Any]:
        """Get a plan

        Returns a plan. An unknown one is refused with 404 `not_found`.
        """
        return plans.get(plan_id)

    @guards.manages_offer
    @blueprint.arguments(schemas.PlanUpdate(), example=schemas.PLAN_CHANGE_EXAMPLE)
    @blueprint.response(200, schemas.Plan)
    @fails(failures.NO_PLAN, failures.TAKEN, failures.NEEDS_DEFAULT)
    @takes_if_match
    @blueprint.doc(operationId="updatePlan")
    def patch(self, changes: dict[str, Any], plan_id: int, expected: Expected) -> Row[Any]:
        """Change a plan

        Changes a plan for all accounts on it: what a credit is worth at once, and what it grants for the months that
        begin from today on. There is always one default: make another plan it, which this one then is no more; to
        take it from a plan is refused with 409 `conflict`.
        """
        return plans.update(plan_id, changes, expected)


@blueprint.route("/packages")
class Packages(Resource):
    """Packages."""

    @guards.reads_offer
    @blueprint.arguments(SnakePageArguments(), location="query")
    @blueprint.response(200, page_of(schemas.DeskPackage))
    @blueprint.doc(operationId="listPackages")
    def get(self, arguments: dict[str, Any]) -> Page:
        """List the packages

        Lists all packages, cheapest first. Those that are no longer for sale are included, with `is_active` false.
        """
        return catalogue.search(arguments)

    @guards.manages_offer
    @blueprint.arguments(schemas.PackageCreate(), example=schemas.PACKAGE_EXAMPLE)
    @blueprint.response(201, schemas.DeskPackage)
    @fails(failures.TAKEN)
    @blueprint.doc(operationId="createPackage")
    def post(self, values: dict[str, Any]) -> Row[Any]:
        """Create a package

        Offers a package for sale, unless `is_active` is false. A name that another package has is refused with 409
        `conflict`.
        """
        return catalogue.create(values)


@blueprint.route("/packages/<bigint_id:package_id>")
class OnePackage(Resource):
    """One package."""

    @guards.reads_offer
    @blueprint.response(200, schemas.DeskPackage)
    @fails(failures.NO_PACKAGE)
    @blueprint.doc(operationId="getPackage")
    def get(self, package_id: int) -> Row[Any]:
        """Get a package

        Returns a package, also one that is no longer for sale. An unknown one is refused with 404 `not_found`.
        """
        return catalogue.get(package_id)

    @guards.manages_offer
    @blueprint.arguments(schemas.PackageUpdate(), example=schemas.PACKAGE_CHANGE_EXAMPLE)
    @blueprint.response(200, schemas.DeskPackage)
    @fails(failures.NO_PACKAGE, failures.TAKEN)
    @takes_if_match
    @blueprint.doc(operationId="updatePackage")
    def patch(self, changes: dict[str, Any], package_id: int, expected: Expected) -> Row[Any]:
        """Change a package

        Changes a package for future purchases; with `is_active` false it is no longer for sale. Earlier purchases keep
        their price and their expiry.
        """
        return catalogue.update(package_id, changes, expected)
