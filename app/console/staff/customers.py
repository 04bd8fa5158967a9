"""Customers: the list, and what one of them has, a tab for each kind."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response

from app.clock import utc_now
from app.console import calls, charts, listing
from app.console.pages import render
from app.console.permitted import may
from app.console.staff.blueprint import blueprint
from app.console.staff.customer_tabs import TABS
from app.console.tables import Column, Listed, labelled, link

_LIST = "/v1/admin/accounts"
_UP = ("/console/customers", "Customers")
_CUSTOMERS = Listed(
    (
        link("Name", "name", "/console/customers/"),
        Column("Id", "id"),
        Column("Status", "status", "badge"),
        Column("Plan", "plan"),
        Column("Balance", "credit_balance", "whole"),
        Column("Available", "credits_available", "whole"),
        Column("Debt", "debt", "whole"),
        Column("Opened", "created_at", "day"),
    ),
    "No customer matches. Clear the filters, or search for a part of a name or an address.",
    texts=(("search", "Name, e-mail or id"), ("plan", "Plan")),
    choices=(
        ("status", "Status", labelled("active", "suspended", "closed")),
        ("sort_by", "Sort by", (("created", "Opened"), ("balance", "Balance"))),
        ("sort_order", "Order", (("desc", "Most or latest first"), ("asc", "Least or earliest first"))),
    ),
)
# What can become of an account in a status: the page, what it says, and the operation.
_LIFE = {
    "active": (("suspend", "Suspend", "suspendAccount"), ("close", "Close", "closeAccount")),
    "suspended": (("resume", "Resume", "resumeAccount"), ("close", "Close", "closeAccount")),
    "closed": (("erase", "Erase", "eraseAccount"),),
}
# Of the lists of the API that has another name.
_PLACES = {"purchases": "payments"}


@blueprint.get("/customers")
def customers() -> Response | str:
    """All customers."""
    return listing.page(_CUSTOMERS, _LIST, title="Customers")


@blueprint.get("/customers/<int:account_id>")
def customer(account_id: int) -> str:
    """A customer: credits, plan, and what staff can do."""
    found = calls.get(calls.path("v1", "admin", "accounts", account_id))
    return render(
        "console/customers/overview.html",
        title=found["name"],
        status=found["status"],
        customer=found,
        tabs=tabs(account_id),
        up=_UP,
        life=_LIFE[found["status"]],
    )


@blueprint.get("/customers/<int:account_id>/export")
def customer_export(account_id: int) -> Response:
    """All data of a customer, as a file."""
    response = calls.download(calls.path("v1", "admin", "accounts", account_id, "export"))
    response.headers["Content-Disposition"] = f'attachment; filename="customer-{account_id}.json"'
    return response


@blueprint.get("/customers/<int:account_id>/<any({}):tab>".format(", ".join(TABS)))
def customer_tab(account_id: int, tab: str) -> Response | str:
    """A list of what a customer has."""
    shown = TABS[tab]
    address = calls.path("v1", "admin", "accounts", account_id, _PLACES.get(tab, tab))
    return listing.page(
        shown.listed,
        address,
        title=lambda rows: _title(account_id, rows),
        tabs=tabs(account_id),
        up=_UP,
        template=shown.template,
        timeline_of=lambda rows: charts.timeline(rows, utc_now()),
    )


def tabs(account_id: int) -> list[tuple[str, str]]:
    """The tabs of a customer that the person may open, with their addresses."""
    home = f"/console/customers/{account_id}"
    own = [(f"{home}/{name}", tab.label) for name, tab in TABS.items() if may(tab.operation)]
    keys = [(f"/console/keys?account_id={account_id}", "API keys")] if may("listApiKeys") else []
    return [(home, "Overview"), *own, *keys]


def _title(account_id: int, rows: Sequence[Mapping[str, Any]]) -> str:
    return str(rows[0]["account_name"]) if rows else f"Customer {account_id}"
