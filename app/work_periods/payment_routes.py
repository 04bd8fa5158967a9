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
from app.web.failures import fails
from app.web.resource import Resource
from app.web.schemas import page_of
from app.work_periods import failures, payment_runs, payments, run_schemas, schemas
from app.work_periods.batch import Outcome, Payment
from app.work_periods.states import PEOPLE, RESOURCE

blueprint = ApiBlueprint(
    "work-period-payments",
    __name__,
    url_prefix="/v6/work-period-payments",
    description="Payments for work periods, one by one or many at once.",
    guide="payments.md#the-life-of-a-payment",
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
        """List work period payments

        Lists payments of all work periods, in every status. Filters combine with AND and take several ids.
        """
        return payments.search(arguments)

    @_create
    @blueprint.arguments(schemas.WorkPeriodPaymentCreate(), example=schemas.PAYMENT_EXAMPLE)
    @blueprint.response(201, schemas.WorkPeriodPayment)
    @fails(*failures.CREATING)
    @blueprint.doc(operationId="createWorkPeriodPayment")
    def post(self, values: dict[str, Any]) -> Payment:
        """Pay days of a work period, or an extra amount

        Schedules a payment: of all due days unless `days` is sent, or of an extra `amount` with `days` 0. Rates and
        billing account come from the booking, and the amount is locked on the budget in the same transaction. More days
        than are due are 400, as is an amount the budget has not left; a booking that was cancelled, or that has no
        billing account or, for days, no rate, is 409.
        """
        return only(payments.create_many(current_actor(), [values]))


@blueprint.route("/bulk")
class WorkPeriodPaymentsBulk(Resource):
    """Many payments at once."""

    guide = "payments.md#many-at-once"

    @_create
    @bulk.operation(
        blueprint,
        item=schemas.WorkPeriodPaymentCreate,
        result=schemas.WorkPeriodPayment,
        example=schemas.PAYMENTS_EXAMPLE,
    )
    @fails(*failures.CREATING)
    @blueprint.doc(operationId="createWorkPeriodPaymentsBulk")
    def post(self, items: list[dict[str, Any]]) -> list[Outcome]:
        """Make many payments, each with an outcome of its own

        Makes payments in the order of the array, 1 to 1,000 of them. Each item stands alone: its outcome is the
        payment, or what was sent with `error` beside it, and the status is 200 either way. With `?atomic=true` the
        first failing item fails the whole call.
        """
        return payments.create_many(current_actor(), items)

    @_update
    @bulk.operation(
        blueprint,
        item=schemas.WorkPeriodPaymentUpdateItem,
        result=schemas.WorkPeriodPayment,
        example=schemas.PAYMENT_UPDATES_EXAMPLE,
    )
    @fails(*failures.CHANGING)
    @blueprint.doc(operationId="updateWorkPeriodPaymentsBulk")
    def patch(self, items: list[dict[str, Any]]) -> list[Outcome]:
        """Change many payments, each with an outcome of its own

        Changes payments in the order of the array, 1 to 1,000 of them; the second change of one payment sees the first.
        Each item stands alone: its outcome is the payment, or what was sent with `error` beside it, and the status is
        200 either way. With `?atomic=true` the first failing item fails the whole call.
        """
        return payments.update_many(current_actor(), items)


@blueprint.route("/query")
class PayMatching(Resource):
    """The due days of all periods that match."""

    guide = "payments.md#everything-that-is-due"
    commit = "in parts"

    @requires(roles=PEOPLE, scopes=scopes(RESOURCE, "create"), limit="query")
    @blueprint.arguments(run_schemas.PayMatching(), example=run_schemas.QUERY_EXAMPLE)
    @blueprint.response(200, run_schemas.PaidPeriods)
    @blueprint.doc(operationId="payMatchingWorkPeriods")
    def post(self, values: dict[str, Any]) -> dict[str, Any]:
        """Pay every due day of the work periods that match

        Schedules a payment of all due days for every work period that matches the query, of which at least one
        condition is required; cancelled bookings are left out. Periods that cannot be paid are told in `errors` and do
        not stop the others. With `dryRun` nothing changes, and the figures are the same. The work is committed in
        parts: a call that broke off can be sent again and pays what is still due.
        """
        run = payment_runs.pay_matching(current_actor(), values["query"], dry_run=values["dry_run"])
        return run_schemas.paid_periods(run, request.get_json()["query"])


@blueprint.route("/<uuid:work_period_payment_id>")
class OneWorkPeriodPayment(Resource):
    """One payment."""

    @_read
    @blueprint.response(200, schemas.WorkPeriodPayment)
    @blueprint.doc(operationId="getWorkPeriodPayment")
    def get(self, work_period_payment_id: str) -> Row[Any]:
        """Get a work period payment

        Returns one payment by its id. An unknown id is 404.
        """
        return payments.get(work_period_payment_id)

    @_update
    @blueprint.arguments(schemas.WorkPeriodPaymentUpdate(), example=schemas.PAYMENT_UPDATE_EXAMPLE)
    @blueprint.response(200, schemas.WorkPeriodPayment)
    @fails(*failures.CHANGING)
    @blueprint.doc(operationId="updateWorkPeriodPayment")
    def patch(self, changes: dict[str, Any], work_period_payment_id: str) -> Payment:
        """Change a work period payment, or move it along

        Changes days, amount, rates, billing account or status; what is allowed depends on the present status, and
        anything else is 409. The amount held on the budget moves with the payment in the same transaction: one that
        does not fit is 400 `insufficient_funds`. Processing machines move a payment through `in-progress` to
        `completed` or `failed`; people cancel it, or schedule a failed one again. A move to the status it has is 409,
        unless the caller repeats their own.
        """
        return only(payments.update_many(current_actor(), [{"id": work_period_payment_id, **changes}]))
