"""`/v6/work-period-payments`"""

from typing import Any

from flask import request
from sqlalchemy import Row

from app.auth.actor import current_actor
from app.auth.guards import requires
from app.db.paging import Page
from app.db.versions import Expected
from app.errors import only
from app.web import bulk
from app.web.blueprint import ApiBlueprint
from app.web.failures import CHANGED, fails
from app.web.resource import Resource
from app.web.schemas import page_of
from app.web.versions import takes_if_match
from app.work_periods import failures, payment_runs, payments, permissions, run_schemas, schemas
from app.work_periods.batch import Outcome, Payment

blueprint = ApiBlueprint(
    "work-period-payments",
    __name__,
    url_prefix="/v6/work-period-payments",
    description="Payments for work periods, single and in bulk.",
    guide="payments.md#payment-statuses",
)

_read = requires(roles=permissions.STAFF, scopes=permissions.READ_PAYMENTS)
_create = requires(roles=permissions.STAFF, scopes=permissions.CREATE_PAYMENTS)
# Processing moves payments through their statuses without permission to change anything else.
_update = requires(roles=permissions.STAFF, scopes=permissions.UPDATE_OR_PROCESS_PAYMENTS)


@blueprint.route("")
class WorkPeriodPayments(Resource):
    """All payments."""

    @_read
    @blueprint.arguments(schemas.WorkPeriodPaymentQuery(), location="query")
    @blueprint.response(200, page_of(schemas.WorkPeriodPayment))
    @blueprint.doc(operationId="listWorkPeriodPayments")
    def get(self, arguments: dict[str, Any]) -> Page:
        """List work period payments

        Lists payments of all work periods, in every status, newest first unless `sortBy` is given. Filters combine with
        AND and accept several ids and statuses. Invalid or unknown filters are refused with 400 `invalid_input`.
        """
        return payments.search(arguments)

    @_create
    @blueprint.arguments(schemas.WorkPeriodPaymentCreate(), example=schemas.PAYMENT_EXAMPLE)
    @blueprint.response(201, schemas.WorkPeriodPayment)
    @fails(*failures.CREATING)
    @blueprint.doc(operationId="createWorkPeriodPayment")
    def post(self, values: dict[str, Any]) -> Payment:
        """Create a payment for days of a work period, or for an extra amount

        Schedules a payment for days of a work period, by default for all due days, or, with `days` 0, for an extra
        `amount`. Rates and billing account are taken from the booking, and the amount is locked on the budget in the
        same transaction. More days than are due are refused with 400 `invalid_input`, an amount above the remaining
        budget with 400 `insufficient_funds`. A cancelled booking is refused with 409 `booking_cancelled`; no due days,
        and a booking without billing account or, for days, without a member rate, with 409 `conflict`.
        """
        return only(payments.create_many(current_actor(), [values]))


@blueprint.route("/bulk")
class WorkPeriodPaymentsBulk(Resource):
    """Many payments at once."""

    guide = "payments.md#bulk-payments"

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
        """Create payments in bulk

        Creates 1 to 1,000 payments, in the order of the array. Each item has its own outcome: the payment, or the
        submitted fields with an added `error`; the status is 200 either way, so check each item. With `?atomic=true`
        the first failing item fails the call, which then changes nothing.
        """
        return payments.create_many(current_actor(), items)

    @_update
    @bulk.operation(
        blueprint,
        item=schemas.WorkPeriodPaymentUpdateItem,
        result=schemas.WorkPeriodPayment,
        example=schemas.PAYMENT_UPDATES_EXAMPLE,
    )
    @fails(*failures.CHANGING, CHANGED)
    @blueprint.doc(operationId="updateWorkPeriodPaymentsBulk")
    def patch(self, items: list[dict[str, Any]]) -> list[Outcome]:
        """Update payments in bulk

        Updates 1 to 1,000 payments, in the order of the array; a second update of the same payment sees the first. Each
        item has its own outcome: the payment, or the submitted fields with an added `error`; the status is 200 either
        way, so check each item. An item whose `ifMatch` names another version than the payment has fails with 412
        `precondition_failed`. With `?atomic=true` the first failing item fails the call, which then changes nothing.
        """
        return payments.update_many(current_actor(), items)


@blueprint.route("/query")
class PayMatching(Resource):
    """The due days of all matching work periods."""

    guide = "payments.md#payment-runs"
    commit = "in parts"

    @requires(roles=permissions.STAFF, scopes=permissions.CREATE_PAYMENTS, limit="query")
    @blueprint.arguments(run_schemas.PayMatching(), example=run_schemas.QUERY_EXAMPLE)
    @blueprint.response(200, run_schemas.PaidPeriods)
    @blueprint.doc(operationId="payMatchingWorkPeriods")
    def post(self, values: dict[str, Any]) -> dict[str, Any]:
        """Pay all due days of the work periods that match a query

        Schedules a payment for all due days of every work period that matches the query, which needs at least one
        condition. Work periods of cancelled bookings are skipped. Work periods that cannot be paid are reported in
        `errors` and do not stop the others. With `dryRun`, the response has the same figures but nothing is changed.
        The call commits in parts: after an interruption, send it again to pay what is still due.
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

        Returns one payment by its id. An unknown id is refused with 404 `not_found`.
        """
        return payments.get(work_period_payment_id)

    @_update
    @blueprint.arguments(schemas.WorkPeriodPaymentUpdate(), example=schemas.PAYMENT_UPDATE_EXAMPLE)
    @blueprint.response(200, schemas.WorkPeriodPayment)
    @fails(*failures.CHANGING)
    @takes_if_match
    @blueprint.doc(operationId="updateWorkPeriodPayment")
    def patch(self, changes: dict[str, Any], work_period_payment_id: str, expected: Expected) -> Payment:
        """Update a work period payment, or change its status

        Updates days, amount, rates, billing account or status. The current status determines which changes are allowed;
        all others are refused with 409 `conflict`, and fields that the caller may never send with 403 `forbidden`. The
        budget is adjusted in the same transaction: an amount above the remaining budget is refused with 400
        `insufficient_funds`. Machines that process payments move them to `in-progress` and then to `completed` or
        `failed`; other callers cancel them, or schedule failed ones again. A move to the status that the payment
        already has is refused with 409 `conflict`, unless the caller repeats its own last move.
        """
        item = {"id": work_period_payment_id, "if_match": expected, **changes}
        return only(payments.update_many(current_actor(), [item]))
