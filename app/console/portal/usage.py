"""What credits were spent on."""

from flask import Response, request

from app.console import calls, charts, listing
from app.console.pages import render
from app.console.portal.blueprint import blueprint
from app.console.tables import DATES, Column, Listed

PERIODS = (("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "A year"))
_TABS = (("/portal/usage", "By day"), ("/portal/usage/list", "Every use"))
_USES = Listed(
    (
        Column("When", "created_at", "moment"),
        Column("Operation", "operation_type"),
        Column("Credits", "credits_used", "whole"),
        Column("Taken back", "credits_reversed", "whole"),
        Column("Worth (USD)", "cost_usd", "money"),
        Column("Description", "description"),
    ),
    "Nothing was spent that matches. Clear the filters to see all.",
    texts=(("operation_type", "Operation"),),
    dates=DATES,
)


@blueprint.get("/usage")
def usage() -> str:
    """Usage by day and by type."""
    days = request.args.get("days", "30")
    found = calls.get("/v1/account/usage/analytics", {"days": days})
    chart = charts.columns(found["daily_usage"], "date", "usage")
    return render(
        "console/portal/usage.html",
        title="Usage", tabs=_TABS, days=days, periods=PERIODS, usage=found, chart=chart,
    )  # fmt: skip


@blueprint.get("/usage/list")
def every_usage() -> Response | str:
    """Every use of credits."""
    return listing.page(_USES, "/v1/billing/credits/usage", title="Usage", tabs=_TABS)
