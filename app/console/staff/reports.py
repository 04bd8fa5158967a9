"""Reports, with a chart and a table beside it."""

from datetime import timedelta
from typing import Any

from flask import Response, request

from app.clock import utc_now
from app.console import calls, charts, listing
from app.console.pages import render
from app.console.permitted import may
from app.console.staff.blueprint import blueprint
from app.console.tables import Column, link

_CREDITS, _USAGE = "/v1/admin/reports/credits", "/v1/admin/reports/usage"
_RECEIVABLES, _BUDGETS = "/v1/admin/reports/receivables", "/v6/reports/budgets"
_PAGES = (
    ("/console/reports", "Usage", "getUsageReport"),
    ("/console/reports/credits", "Credits of a month", "getCreditsReport"),
    ("/console/reports/budgets", "Budgets running out", "listBudgetsRunningOut"),
    ("/console/reports/receivables", "Receivables", "getReceivables"),
)
# What was added to the credits of all customers, and what was taken.
_FLOWS = (
    ("Opening", "", "opening"),
    *((name.capitalize(), "+", name) for name in ("granted", "purchased", "adjusted", "returned")),
    *((name.replace("_", " ").capitalize(), "\u2212", name) for name in (
        "spent", "refunded", "charged_back", "debt_paid", "expired", "voided")),
)  # fmt: skip
_USED = (Column("Used", "credits_used", "whole"), Column("Returned", "credits_returned", "whole"))
_OPERATIONS = Column("Operations", "count", "whole")
_BUDGET_COLUMNS = (
    link("Billing account", "name", "/console/billing-accounts/"),
    link("Client", "clientName", "/console/clients/", "clientId"),
    Column("Budget", "budget", "money"),
    Column("Remaining", "totalBudgetRemaining", "money"),
    Column("Share", "share", "percent"),
    Column("Consumed a day", "consumedPerDay", "money"),
    Column("Days left", "daysLeft", "whole"),
)
_SHARES = (("0.05", "5 %"), ("0.1", "10 %"), ("0.5", "50 %"), ("1", "100 %"))
_INVOICES = (
    link("Invoice", "invoice_number", "/console/invoices/"),
    link("Customer", "account_name", "/console/customers/", "account_id"),
    Column("Amount", "total_amount", "money"),
    Column("Currency", "currency"),
    Column("Due", "due_date", "day"),
    Column("Days overdue", "days_overdue", "whole"),
    link("Payment", "payment_id", "/console/purchases/", "payment_id"),
)
_AGES = (
    Column("Days overdue", "age"),
    Column("Invoices", "count", "whole"),
    Column("Amount", "total_amount", "money"),
)
_MOST_INVOICES = 100
_SHOWN_DAYS = 30


@blueprint.get("/reports/credits")
def month_report() -> Response | str:
    """The credits of all customers over a month."""
    month = request.args.get("month") or f"{utc_now():%Y-%m}"
    if listing.wants_file():
        return calls.download(_CREDITS, {"month": month, "format": "csv"})
    report, message = _read(_CREDITS, {"month": month})
    rows = [{"label": label, "credits": report[name]} for label, _, name in _FLOWS[1:]] if report else []
    chart = charts.columns(rows, "label", "credits")
    return _page("credits", "Credits of a month", month=month, report=report, rows=_FLOWS, chart=chart, message=message)


@blueprint.get("/reports")
def usage_report() -> Response | str:
    """What all customers spent, by day and by type of operation."""
    today = utc_now().date()
    days = {
        "from": request.args.get("from") or str(today - timedelta(days=_SHOWN_DAYS - 1)),
        "to": request.args.get("to") or str(today),
    }
    if listing.wants_file():
        return calls.download(_USAGE, {**days, "format": "csv"})
    report, message = _read(_USAGE, days)
    return _page(
        "usage",
        "Usage",
        days=days,
        report=report,
        message=message,
        per_day=charts.columns(report.get("by_day", ()), "date", "credits_used"),
        by_type=charts.columns(report.get("by_operation_type", ())[:12], "operation_type", "credits_used"),
        day_columns=(Column("Day", "date", "day"), *_USED, _OPERATIONS),
        type_columns=(Column("Operation", "operation_type"), *_USED, _OPERATIONS),
    )


@blueprint.get("/reports/budgets")
def budgets_report() -> Response | str:
    """The billing accounts that run out."""
    if listing.wants_file():
        return listing.file(_BUDGETS, "maxShare")
    found = listing.read(_BUDGETS, "maxShare")
    parts = [{"name": row["name"][:14], "percent": row["share"] * 100} for row in found.rows]
    chart = charts.columns(parts, "name", "percent")
    return _page("budgets", "Budgets running out", list=found, columns=_BUDGET_COLUMNS, shares=_SHARES, chart=chart)


@blueprint.get("/reports/receivables")
def receivables_report() -> Response | str:
    """The invoices that are not paid, by age."""
    if listing.wants_file():
        return calls.download(_RECEIVABLES, {"format": "csv"})
    report = calls.get(_RECEIVABLES)
    totals = [(each, charts.columns(each["by_age"], "age", "total_amount")) for each in report["totals"]]
    return _page(
        "receivables",
        "Receivables",
        report=report,
        totals=totals,
        columns=_INVOICES,
        age_columns=_AGES,
        most=_MOST_INVOICES,
    )


def _read(address: str, query: dict[str, str]) -> tuple[Any, str]:
    """A report; or nothing, and why its arguments were refused."""
    answer = calls.call("GET", address, query=query)
    if answer.status == 400:  # noqa: PLR2004 - bad input, which is mended on the page
        return {}, answer.message
    if answer.error is not None:
        raise calls.Refused(answer)
    return answer.data, ""


def _page(name: str, title: str, **values: Any) -> str:
    tabs = [(address, label) for address, label, operation in _PAGES if may(operation)]
    return render(f"console/reports/{name}.html", title=title, tabs=tabs, **values)
