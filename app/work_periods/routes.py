"""`/v6/resource-bookings` and `/v6/work-periods`. The routes for payments are in `payment_routes`."""

from typing import Any

from sqlalchemy import Row

from app.auth.actor import current_actor
from app.auth.guards import requires
from app.db.paging import Page
from app.db.versions import Expected
from app.web.blueprint import ApiBlueprint
from app.web.failures import fails
from app.web.resource import Resource
from app.web.schemas import page_of
from app.web.versions import takes_if_match
from app.work_periods import booking_schemas, bookings, failures, periods, permissions, schemas
from app.work_periods.models import ResourceBooking

booking_blueprint = ApiBlueprint(
    "resource-bookings",
    __name__,
    url_prefix="/v6/resource-bookings",
    description="Bookings of people for projects.",
    guide="payments.md#bookings-work-periods-and-payments",
)
period_blueprint = ApiBlueprint(
    "work-periods",
    __name__,
    url_prefix="/v6/work-periods",
    description="The weeks of bookings: days worked and days paid.",
    guide="payments.md#work-periods",
)

_read_booking = requires(roles=permissions.STAFF, scopes=permissions.READ_BOOKINGS)
_create_booking = requires(roles=permissions.STAFF, scopes=permissions.CREATE_BOOKINGS)
_update_booking = requires(roles=permissions.STAFF, scopes=permissions.UPDATE_BOOKINGS)
_read_period = requires(roles=permissions.STAFF, scopes=permissions.READ_PERIODS)
_update_period = requires(roles=permissions.STAFF, scopes=permissions.UPDATE_PERIODS)


@booking_blueprint.route("")
class ResourceBookings(Resource):
    """All bookings."""

    @_read_booking
    @booking_blueprint.arguments(booking_schemas.ResourceBookingQuery(), location="query")
    @booking_blueprint.response(200, page_of(booking_schemas.ResourceBooking))
    @booking_blueprint.doc(operationId="listResourceBookings")
    def get(self, arguments: dict[str, Any]) -> Page:
        """List resource bookings

        Lists bookings, newest first unless `sortBy` is given. Filters combine with AND and accept several ids and
        statuses. Invalid or unknown filters are refused with 400 `invalid_input`.
        """
        return bookings.search(arguments)

    @_create_booking
    @booking_blueprint.arguments(booking_schemas.ResourceBookingCreate(), example=booking_schemas.BOOKING_EXAMPLE)
    @booking_blueprint.response(201, booking_schemas.ResourceBooking)
    @booking_blueprint.doc(operationId="createResourceBooking")
    def post(self, values: dict[str, Any]) -> ResourceBooking:
        """Create a resource booking with its work periods

        Creates a booking. If both dates are given, it gets one work period per week, Sunday to Saturday, whose
        `daysWorked` defaults to the working days of that week within the booking. An unknown `billingAccountId`, a
        `startDate` after the `endDate`, and a booking longer than ten years are refused with 400 `invalid_input`.
        """
        return bookings.create(current_actor(), values)


@booking_blueprint.route("/<uuid:resource_booking_id>")
class OneResourceBooking(Resource):
    """One booking."""

    @_read_booking
    @booking_blueprint.response(200, booking_schemas.ResourceBooking)
    @booking_blueprint.doc(operationId="getResourceBooking")
    def get(self, resource_booking_id: str) -> ResourceBooking:
        """Get a resource booking

        Returns one booking by its id. Its work periods are listed by `listWorkPeriods`. An unknown id is refused with
        404 `not_found`.
        """
        return bookings.get(resource_booking_id)

    @_update_booking
    @booking_blueprint.arguments(booking_schemas.ResourceBookingUpdate(), example={"endDate": "2025-06-27"})
    @booking_blueprint.response(200, booking_schemas.ResourceBooking)
    @fails(failures.PAID_WEEK)
    @takes_if_match
    @booking_blueprint.doc(operationId="updateResourceBooking")
    def patch(self, changes: dict[str, Any], resource_booking_id: str, expected: Expected) -> ResourceBooking:
        """Update a resource booking and its work periods

        Updates the fields that are sent; `null` clears an optional field. New dates add and remove work periods in the
        same transaction. The update is refused with 409 `conflict` if it would remove a week that has a payment, cancel
        a booking that has active payments, or change the `userId` of a booking that has payments. An unknown id is
        refused with 404 `not_found`.
        """
        return bookings.update(current_actor(), resource_booking_id, changes, expected)


@period_blueprint.route("")
class WorkPeriods(Resource):
    """All work periods."""

    @_read_period
    @period_blueprint.arguments(schemas.WorkPeriodQuery(), location="query")
    @period_blueprint.response(200, page_of(schemas.WorkPeriod))
    @period_blueprint.doc(operationId="listWorkPeriods")
    def get(self, arguments: dict[str, Any]) -> Page:
        """List work periods

        Lists work periods with days worked and days paid, latest week first unless `sortBy` is given. Filters combine
        with AND and accept several ids and statuses. Invalid or unknown filters are refused with 400 `invalid_input`.
        """
        return periods.search(arguments)


@period_blueprint.route("/<uuid:work_period_id>")
class OneWorkPeriod(Resource):
    """One work period."""

    @_read_period
    @period_blueprint.response(200, schemas.WorkPeriodDetail)
    @period_blueprint.doc(operationId="getWorkPeriod")
    def get(self, work_period_id: str) -> Row[Any]:
        """Get a work period with its payments

        Returns one work period with all of its payments, active or not. An unknown id is refused with 404 `not_found`.
        """
        return periods.get(work_period_id)

    @_update_period
    @period_blueprint.arguments(schemas.WorkPeriodUpdate(), example={"daysWorked": 4})
    @period_blueprint.response(200, schemas.WorkPeriodDetail)
    @takes_if_match
    @period_blueprint.doc(operationId="updateWorkPeriod")
    def patch(self, values: dict[str, Any], work_period_id: str, expected: Expected) -> Row[Any]:
        """Set the days worked in a work period

        Sets the days worked, from 0 to 10. Days that are worked and not paid are due. Fewer days than are already paid
        are refused with 400 `invalid_input`, an unknown id with 404 `not_found`.
        """
        return periods.update(work_period_id, values["days_worked"], expected)
