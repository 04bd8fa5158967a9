"""Work periods: the weeks of bookings with what is due, one week, and paying several."""

from typing import Any

from flask import Response
from werkzeug.wrappers import Response as AnyResponse

from app.console import calls, listing
from app.console.bulk import Bulk, decide
from app.console.formats import money, whole
from app.console.forms import Field, Form, Kind, Outcome, Rows, Target, handle
from app.console.pages import render
from app.console.staff.blueprint import blueprint
from app.console.staff.payments import BOARD_SIZE, board

_LIST, _PAGE = "/v6/work-periods", "/console/payments/periods"
_FILTERS = (
    "paymentStatus", "projectId", "userHandle", "resourceBookingId", "startDate", "endDate", "sortBy", "sortOrder",
)  # fmt: skip
_STATUSES = tuple(
    (each, each.replace("-", " ").capitalize())
    for each in ("pending", "in-progress", "partially-completed", "completed", "no-days")
)
_SORTS = (("startDate", "Week"), ("userHandle", "Handle"), ("paymentStatus", "Status"), ("createdAt", "Created"))


@blueprint.get("/payments/periods")
def work_periods() -> Response | str:
    """The weeks of all bookings, to choose from."""
    if listing.wants_file():
        return listing.file(_LIST, *_FILTERS)
    return render(
        "console/payments/periods.html",
        title="Work periods",
        tabs=board(),
        list=listing.read(_LIST, *_FILTERS, page_size=BOARD_SIZE),
        statuses=_STATUSES,
        sorts=_SORTS,
    )


@blueprint.post("/payments/periods/pay")
def pay_work_periods() -> AnyResponse | str:
    """Pay the due days of the chosen weeks, once it is seen what that comes to."""
    return decide(
        Bulk(
            title="Pay work periods",
            method="POST",
            address="/v6/work-period-payments/bulk",
            item=lambda period_id: {"workPeriodId": period_id},
            rows="console/payments/outcome.html",
            action="Pay",
            said=lambda count: "A payment was scheduled." if count == 1 else f"{count} payments were scheduled.",
            back="/console/payments?status=scheduled",
        )
    )


@blueprint.get("/payments/periods/<period_id>")
def work_period(period_id: str) -> str:
    """A week and its payments."""
    found = calls.get(calls.path("v6", "work-periods", period_id))
    return render("console/payments/period.html", title=f"Week of {found['startDate']}", period=found)


@blueprint.route("/payments/periods/<period_id>/edit", methods=["GET", "POST"])
def edit_work_period(period_id: str) -> AnyResponse | str:
    """Set the days worked in a week."""
    address = calls.path("v6", "work-periods", period_id)
    days = Field("daysWorked", "Days worked", Kind.INTEGER, required=True, hint="From 0 to 10, not below those paid.")
    page = _page_of(period_id)
    return handle(
        Form("Set the days worked", (days,), action="Save changes", asks_reason=True),
        Target("PATCH", address, current=address),
        done=lambda _: page,
        said="The days worked were saved.",
        back=page,
    )


@blueprint.route("/payments/periods/<period_id>/pay", methods=["GET", "POST"])
def pay_work_period(period_id: str) -> AnyResponse | str:
    """Pay days of a week, or an extra amount."""
    fields = (
        Field("days", "Days", Kind.INTEGER, hint="Leave empty to pay all that are due; 0 for an extra amount."),
        Field("amount", "Extra amount", Kind.MONEY, hint="With 0 days only."),
    )
    page = _page_of(period_id)
    return handle(
        Form("Pay a week", fields, action="Pay", asks_reason=True, constants={"workPeriodId": period_id}),
        Target("POST", "/v6/work-period-payments"),
        done=lambda _: page,
        said="A payment was scheduled.",
        back=page,
        outcome=Outcome(_payment_rows),
    )


def _payment_rows(would: Any, _: Any) -> Rows:
    return [
        ("To", would["userHandle"] or would["userId"]),
        ("Days", whole(would["days"])),
        ("Amount", money(would["amount"])),
        ("Billing account", would["billingAccountId"]),
    ]


def _page_of(period_id: str) -> str:
    return f"/console{calls.path('payments', 'periods', period_id)}"
