"""Bookings of people for projects, with their weeks."""

from collections.abc import Mapping
from typing import Any

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from app.console import calls, listing
from app.console.forms import Blank, Field, Form, Kind, Target, handle
from app.console.pages import history_tab, render
from app.console.staff.blueprint import blueprint

_LIST, _PAGE = "/v6/resource-bookings", "/console/bookings"
_FILTERS = ("projectId", "userId", "jobId", "status", "rateType", "sortBy", "sortOrder")
_STATUSES = tuple((each, each.capitalize()) for each in ("placed", "closed", "cancelled"))
_RATES = tuple((each, each.capitalize()) for each in ("hourly", "daily", "weekly", "monthly", "annual"))
_SORTS = (("startDate", "Start"), ("endDate", "End"), ("projectId", "Project"), ("status", "Status"))
_FIELDS = (
    Field("projectId", "Project", Kind.INTEGER, required=True),
    Field("userId", "User id", required=True),
    Field("userHandle", "Handle", blank=Blank.NULL),
    Field("jobId", "Job", blank=Blank.NULL),
    Field("status", "Status", Kind.CHOICE, choices=_STATUSES),
    Field("startDate", "Starts", Kind.DATE, blank=Blank.NULL, hint="With both dates it gets a week for each."),
    Field("endDate", "Ends", Kind.DATE, blank=Blank.NULL, hint="The last day, which is included."),
    Field("memberRate", "Member rate", Kind.MONEY, blank=Blank.NULL, hint="What is paid for a week of five days."),
    Field("customerRate", "Customer rate", Kind.MONEY, blank=Blank.NULL),
    Field("rateType", "Rates are", Kind.CHOICE, choices=_RATES, required=True),
    Field("billingAccountId", "Billing account", Kind.INTEGER, blank=Blank.NULL, hint="Its id: payments take from it."),
)


@blueprint.get("/bookings")
def bookings() -> Response | str:
    """All bookings."""
    if listing.wants_file():
        return listing.file(_LIST, *_FILTERS)
    return render(
        "console/bookings/list.html",
        title="Bookings",
        list=listing.read(_LIST, *_FILTERS),
        statuses=_STATUSES,
        rates=_RATES,
        sorts=_SORTS,
    )


@blueprint.route("/bookings/new", methods=["GET", "POST"])
def new_booking() -> AnyResponse | str:
    """Create a booking with its weeks."""
    form = Form("New booking", _FIELDS, action="Create booking")
    return handle(
        form, Target("POST", _LIST), done=_page_of, said="The booking was created.", back=_PAGE,
        initial={"status": "placed", "rateType": "weekly"},
    )  # fmt: skip


@blueprint.get("/bookings/<booking_id>")
def booking(booking_id: str) -> str:
    """A booking and its weeks."""
    found = calls.get(calls.path("v6", "resource-bookings", booking_id))
    asked = {"resourceBookingId": booking_id, "sortBy": "startDate", "page": request.args.get("page", "1")}
    weeks = calls.get("/v6/work-periods", asked)
    return _show("detail", found, weeks=weeks)


@blueprint.get("/bookings/<booking_id>/history")
def booking_history(booking_id: str) -> Response | str:
    """Who changed what of a booking, and why."""
    address = calls.path("v6", "resource-bookings", booking_id)
    if listing.wants_file():
        return listing.file(f"{address}/history")
    found = calls.get(address)
    return _show("history", found, list=listing.read(f"{address}/history"))


@blueprint.route("/bookings/<booking_id>/edit", methods=["GET", "POST"])
def edit_booking(booking_id: str) -> AnyResponse | str:
    """Change a booking; new dates add and remove weeks."""
    address = calls.path("v6", "resource-bookings", booking_id)
    form = Form("Edit booking", _FIELDS, action="Save changes", asks_reason=True, sends_changes=True)
    return handle(
        form, Target("PATCH", address, current=address), done=_page_of, said="The booking was saved.",
        back=f"/console{calls.path('bookings', booking_id)}",
    )  # fmt: skip


def _show(tab: str, booking: Mapping[str, Any], **values: Any) -> str:
    at = _page_of(booking)
    return render(
        f"console/bookings/{tab}.html",
        title=f"{booking['userHandle'] or booking['userId']} on project {booking['projectId']}",
        status=booking["status"],
        tabs=[(at, "Overview"), *history_tab(at, "getResourceBookingHistory")],
        booking=booking,
        **values,
    )


def _page_of(booking: Mapping[str, Any]) -> str:
    return f"/console{calls.path('bookings', booking['id'])}"
