"""Billing accounts: the list, one with its budget lines, and the forms that create and edit it."""

from flask import Response
from werkzeug.wrappers import Response as AnyResponse

from app.console import calls, listing
from app.console.forms import Blank, Field, Form, Kind, Target, handle
from app.console.pages import render
from app.console.staff.account_pages import LIST, TYPES, address_of, head_of, page_of, show
from app.console.staff.blueprint import blueprint

_FILTERS = (
    "name", "clientId", "status", "userId", "startDateFrom", "startDateTo", "endDateFrom", "endDateTo",
    "sortBy", "sortOrder",
)  # fmt: skip
_SORTS = (
    ("name", "Name"), ("remainingBudget", "Remaining"), ("startDate", "Start"), ("endDate", "End"),
    ("createdAt", "Created"), ("id", "Id"),
)  # fmt: skip
_STATUSES = (("ACTIVE", "Active"), ("INACTIVE", "Inactive"))
_ENTRY_FILTERS = ("kind", "externalType", "externalId", "sortBy", "sortOrder")
# More clients than a person picks from: their id is entered.
_MOST_CHOICES = 200
_BUDGET = Field("budget", "Budget", Kind.MONEY, required=True, hint="In US dollars.")
_FIELDS = (
    Field("name", "Name", required=True),
    Field("description", "Description", Kind.LINES, blank=Blank.NULL),
    Field("status", "Status", Kind.CHOICE, choices=_STATUSES),
    Field("startDate", "Starts", Kind.DATE, blank=Blank.NULL),
    Field("endDate", "Ends", Kind.DATE, hint="The last day, which is included.", blank=Blank.NULL),
    Field("markup", "Markup", Kind.MONEY, required=True, hint="A fraction, such as 0.2; above 1, percent."),
    Field("projectId", "Project", blank=Blank.NULL),
    Field("subcontractingEndCustomer", "Subcontracting end customer", blank=Blank.NULL),
    Field("poNumber", "Purchase order number", blank=Blank.NULL),
    Field("subscriptionNumber", "Subscription number", blank=Blank.NULL),
    Field("paymentTerms", "Payment terms", blank=Blank.NULL),
    Field("salesTax", "Sales tax", Kind.MONEY, blank=Blank.NULL),
    Field("billable", "Billable", Kind.CHECK),
    Field("isManualPrize", "Prizes are set by hand", Kind.CHECK),
)


@blueprint.get("/billing-accounts")
def billing_accounts() -> Response | str:
    """The billing accounts that the person may see."""
    if listing.wants_file():
        return listing.file(LIST, *_FILTERS)
    return render(
        "console/billing_accounts/list.html",
        title="Billing accounts",
        list=listing.read(LIST, *_FILTERS),
        statuses=_STATUSES,
        sorts=_SORTS,
    )


@blueprint.route("/billing-accounts/new", methods=["GET", "POST"])
def new_billing_account() -> AnyResponse | str:
    """Create a billing account."""
    form = Form("New billing account", (_client_field(), _BUDGET, *_FIELDS), action="Create billing account")
    return handle(
        form, Target("POST", LIST), done=page_of, said="The billing account was created.",
        back="/console/billing-accounts", initial={"billable": True, "status": "ACTIVE"},
    )  # fmt: skip


@blueprint.get("/billing-accounts/<int:account_id>")
def billing_account(account_id: int) -> Response | str:
    """A billing account: its facts and its budget lines."""
    entries = f"{address_of(account_id)}/entries"
    if listing.wants_file():
        return listing.file(entries, *_ENTRY_FILTERS)
    return show("overview", head_of(account_id), list=listing.read(entries, *_ENTRY_FILTERS), types=TYPES)


@blueprint.route("/billing-accounts/<int:account_id>/edit", methods=["GET", "POST"])
def edit_billing_account(account_id: int) -> AnyResponse | str:
    """Change a billing account, but for its budget."""
    address = address_of(account_id)
    about = "The budget is changed by an adjustment, so that two at once cannot lose one."
    form = Form(
        "Edit billing account", (_client_field(), *_FIELDS), action="Save changes", about=about, asks_reason=True
    )
    return handle(
        form, Target("PATCH", address, current=address), done=page_of, said="The billing account was saved.",
        back=f"/console/billing-accounts/{account_id}",
    )  # fmt: skip


def _client_field() -> Field:
    """The client, to be picked where they are few."""
    answer = calls.call("GET", "/v6/clients", query={"perPage": _MOST_CHOICES, "sortBy": "name"})
    few: list[tuple[str, str]] = []
    if answer.error is None and answer.data["count"] <= _MOST_CHOICES:
        few = [(client["id"], client["name"]) for client in answer.data["results"]]
    hint = "" if few else "The id of the client."
    return Field("clientId", "Client", Kind.CHOICE if few else Kind.TEXT, required=True, choices=few, hint=hint)
