"""Clients."""

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from app.console import calls, listing
from app.console.forms import Blank, Field, Form, Kind, Target, handle
from app.console.pages import render
from app.console.staff.blueprint import blueprint

_LIST = "/v6/clients"
_FILTERS = ("name", "codeName", "status", "sortBy", "sortOrder")
_STATUSES = (("ACTIVE", "Active"), ("INACTIVE", "Inactive"))
_FIELDS = (
    Field("name", "Name", required=True),
    Field("codeName", "Code name", hint="A short internal name.", blank=Blank.NULL),
    Field("status", "Status", Kind.CHOICE, choices=_STATUSES),
    Field("startDate", "Starts", Kind.DATE, blank=Blank.NULL),
    Field("endDate", "Ends", Kind.DATE, hint="The last day, which is included.", blank=Blank.NULL),
)


@blueprint.get("/clients")
def clients() -> Response | str:
    """All clients."""
    if listing.wants_file():
        return listing.file(_LIST, *_FILTERS)
    return render("console/clients/list.html", title="Clients", list=listing.read(_LIST, *_FILTERS), statuses=_STATUSES)


@blueprint.route("/clients/new", methods=["GET", "POST"])
def new_client() -> AnyResponse | str:
    """Create a client."""
    form = Form("New client", _FIELDS, action="Create client")
    return handle(form, Target("POST", _LIST), done=_page_of, said="The client was created.", back="/console/clients")


@blueprint.get("/clients/<path:client_id>")
def client(client_id: str) -> str:
    """A client and its billing accounts."""
    found = calls.get(calls.path("v6", "clients", client_id))
    accounts = calls.get("/v6/billing-accounts", {"clientId": client_id, "page": request.args.get("page", "1")})
    return render("console/clients/detail.html", title=found["name"], client=found, accounts=accounts)


@blueprint.route("/clients/edit/<path:client_id>", methods=["GET", "POST"])
def edit_client(client_id: str) -> AnyResponse | str:
    """Change a client."""
    address = calls.path("v6", "clients", client_id)
    form = Form("Edit client", _FIELDS, action="Save changes", asks_reason=True)
    return handle(
        form, Target("PATCH", address, current=address), done=_page_of, said="The client was saved.",
        back=f"/console{calls.path('clients', client_id)}",
    )  # fmt: skip


def _page_of(client: dict[str, str]) -> str:
    return f"/console{calls.path('clients', client['id'])}"
