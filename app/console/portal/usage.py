"""What credits were spent on."""

from flask import Response, request

from app.console import calls, charts, listing
from app.console.pages import render
from app.console.portal.blueprint import blueprint

_LIST = "/v1/billing/credits/usage"
_FILTERS = ("operation_type", "start_date", "end_date")
PERIODS = (("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "A year"))
_TABS = (("/portal/usage", "By day"), ("/portal/usage/list", "Every use"))


@blueprint.get("/usage")
def usage() -> str:
    """Usage by day and by type."""
    days = request.args.get("days", "30")
    found = calls.get("/v1/account/usage/analytics", {"days": days})
    chart = charts.columns(found["daily_usage"], "date", "usage")
    return render(
        "console/portal/usage.html",
        title="Usage", tabs_of=_TABS, days=days, periods=PERIODS, usage=found, chart=chart,
    )  # fmt: skip


@blueprint.get("/usage/list")
def every_usage() -> Response | str:
    """Every use of credits."""
    if listing.wants_file():
        return listing.file(_LIST, *_FILTERS)
    return render("console/portal/usage_list.html", title="Usage", tabs_of=_TABS, list=listing.read(_LIST, *_FILTERS))
