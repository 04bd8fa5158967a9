"""`/v6/work-period-payments`"""

from typing import Any

from flask import request
from sqlalchemy import Row

from app.auth.actor import current_actor
from app.auth.guards import requires
from app.auth.permissions import scopes
from app.db.paging import Page
from app.errors import only
from app.web import bulk
from app.web.blueprint import ApiBlueprint
from app.web.resource import Resource
from app.web.schemas import page_of
from app.work_periods import paying, payments, schemas
from app.work_periods.payments import PEOPLE, RESOURCE, Outcome, Payment

blueprint = ApiBlueprint(
    "work-period-payments",
    __name__,
    url_prefix="/v6/work-period-payments",
    description="Payments for work periods, one by one or many at once.",
)

_read = requires(roles=PEOPLE, scopes=scopes(RESOURCE, "read"))
_create = requires(roles=PEOPLE, scopes=scopes(RESOURCE, "create"))
# Processing moves payments along without being allowed to change them.
_update = requires(roles=PEOPLE, scopes=scopes(RESOURCE, "update", "process"))


@blueprint.route("")
class WorkPeriodPayments(Resource):
    """All payments."""

    @_read
    @blueprint.arguments(schemas.WorkPeriodPaymentQuery(), location="query")
    @blueprint.response(200, page_of(schemas.WorkPeriodPayment))
    @blueprint.doc(operationId="listWorkPeriodPayments")
    def get(self, arguments: dict[str, Any]) -> Page:
        """List work period payments"""
        return payments.search(arguments)

    @_create
    @blueprint.arguments(schemas.WorkPeriodPaymentCreate(), example=schemas.PAYMENT_EXAMPLE)
    @blueprint.response(201, schemas.WorkPeriodPayment)
    @blueprint.doc(operationId="createWorkPeriodPayment")
    def post(self, values: dict[str, Any]) -> Payment:
        """Pay days of a work period, or an extra amount"""
        return only(payments.create_many(current_actor(), [values]))


@blueprint.route("/bulk")
class WorkPeriodPaymentsBulk(Resource):
    """Many payments at once."""

    @_create
    @bulk.operation(
        blueprint,
        item=schemas.WorkPeriodPaymentCreate,
        result=schemas.WorkPeriodPayment,
        example=schemas.PAYMENTS_EXAMPLE,
    )
    @blueprint.doc(operationId="createWorkPeriodPaymentsBulk")
    def post(self, items: list[dict[str, Any]]) -> list[Outcome]:
        """Make many payments, each with an outcome of its own"""
        return payments.create_many(current_actor(), items)

    @_update
    @bulk.operation(
        blueprint,
        item=schemas.WorkPeriodPaymentUpdateItem,
        result=schemas.WorkPeriodPayment,
        example=schemas.PAYMENT_UPDATES_EXAMPLE,
    )
    @blueprint.doc(operationId="updateWorkPeriodPaymentsBulk")
    def patch(self, items: list[dict[str, Any]]) -> list[Outcome]:
        """Change many payments, each with an outcome of its own"""
        return payments.update_many(current_actor(), items)


@blueprint.route("/query")
class PayMatching(Resource):
    """The due days of all periods that match."""

    commit = "in parts"

    @requires(roles=PEOPLE, scopes=scopes(RESOURCE, "create"), limit="query")
    @blueprint.arguments(schemas.PayMatching(), example=schemas.QUERY_EXAMPLE)
    @blueprint.response(200, schemas.PaidPeriods)
    @blueprint.doc(operationId="payMatchingWorkPeriods")
    def post(self, values: dict[str, Any]) -> dict[str, Any]:
        """Pay every due day of the work periods that match"""
        paid = paying.pay_matching(current_actor(), values["query"])
        return {**paid._asdict(), "query": request.get_json()["query"]}


@blueprint.route("/<uuid:work_period_payment_id>")
class OneWorkPeriodPayment(Resource):
    """One payment."""

    @_read
    @blueprint.response(200, schemas.WorkPeriodPayment)
    @blueprint.doc(operationId="getWorkPeriodPayment")
    def get(self, work_period_payment_id: str) -> Row[Any]:
        """Get a work period payment"""
        return payments.get(work_period_payment_id)

    @_update
    @blueprint.arguments(schemas.WorkPeriodPaymentUpdate(), example=schemas.PAYMENT_UPDATE_EXAMPLE)
    @blueprint.response(200, schemas.WorkPeriodPayment)
    @blueprint.doc(operationId="updateWorkPeriodPayment")
    def patch(self, changes: dict[str, Any], work_period_payment_id: str) -> Payment:
        """Change a work period payment, or move it along"""
        return only(payments.update_many(current_actor(), [{"id": work_period_payment_id, **changes}]))
