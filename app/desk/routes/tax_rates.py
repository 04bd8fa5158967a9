"""`/v1/admin/tax-rates`: the tax rates of countries."""

from typing import Any

from sqlalchemy import Row

from app.db.paging import Page
from app.db.versions import Expected
from app.desk import failures, guards
from app.desk import tax_rate_schemas as schemas
from app.purchases import tax_rates
from app.web.blueprint import ApiBlueprint
from app.web.failures import fails
from app.web.resource import Resource
from app.web.schemas import page_of
from app.web.versions import takes_if_match

blueprint = ApiBlueprint(
    "tax-rates",
    __name__,
    url_prefix="/v1/admin/tax-rates",
    description="The vendor's desk: tax rates of countries.",
    guide="invoices.md#tax",
)


@blueprint.route("")
class TaxRates(Resource):
    """The tax rates."""

    @guards.reads_offer
    @blueprint.arguments(schemas.TaxRateQuery(), location="query")
    @blueprint.response(200, page_of(schemas.TaxRate))
    @blueprint.doc(operationId="listTaxRates")
    def get(self, arguments: dict[str, Any]) -> Page:
        """List tax rates

        Lists the tax rates of all countries, past and future ones included, newest first. Filters select a country and
        a day; invalid ones are refused with 400 `invalid_input`.
        """
        return tax_rates.search(arguments)

    @guards.manages_offer
    @blueprint.arguments(schemas.TaxRateCreate(), example=schemas.TAX_RATE_EXAMPLE)
    @blueprint.response(201, schemas.TaxRate)
    @fails(failures.RATE_OVERLAPS)
    @blueprint.doc(operationId="createTaxRate")
    def post(self, values: dict[str, Any]) -> Row[Any]:
        """Create a tax rate

        Creates the tax rate of a country from a first to a last day, both inclusive. A rate that shares a day with
        another rate of the country is refused with 409 `conflict`. As soon as any rate is in force, customers need a
        known country to buy.
        """
        return tax_rates.create(values)


@blueprint.route("/<bigint_id:tax_rate_id>")
class OneTaxRate(Resource):
    """One tax rate."""

    @guards.reads_offer
    @blueprint.response(200, schemas.TaxRate)
    @fails(failures.NO_TAX_RATE)
    @blueprint.doc(operationId="getTaxRate")
    def get(self, tax_rate_id: int) -> Row[Any]:
        """Get a tax rate

        Returns one tax rate. An unknown one is refused with 404 `not_found`.
        """
        return tax_rates.get(tax_rate_id)

    @guards.manages_offer
    @blueprint.arguments(schemas.TaxRateUpdate(), example=schemas.TAX_RATE_UPDATE_EXAMPLE)
    @blueprint.response(200, schemas.TaxRate)
    @fails(failures.NO_TAX_RATE, failures.RATE_OVERLAPS)
    @takes_if_match
    @blueprint.doc(operationId="updateTaxRate")
    def patch(self, changes: dict[str, Any], tax_rate_id: int, expected: Expected) -> Row[Any]:
        """Change a tax rate

        Changes the fields that are sent, for purchases from now on: issued invoices keep their tax. Days that another
        rate of the country has are refused with 409 `conflict`.
        """
        return tax_rates.update(tax_rate_id, changes, expected)
