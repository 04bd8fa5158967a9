"""Limits on what may be spent: the caps of the account."""

from flask import Response
from werkzeug.wrappers import Response as AnyResponse

from app.console import calls, listing
from app.console.formats import whole
from app.console.forms import Field, Form, Kind, Outcome, Target, handle
from app.console.pages import render
from app.console.portal.blueprint import blueprint
from app.errors import NotFound

_LIST, _PAGE = "/v1/account/caps", "/portal/limits"
_KINDS = (("member", "A member"), ("operation", "An operation"), ("key", "An API key"))
_PERIODS = (("day", "Each day"), ("month", "Each month"), ("total", "At all"))
_FIELDS = (
    Field("kind", "Limits", Kind.CHOICE, required=True, choices=_KINDS),
    Field("subject", "Which", required=True, hint="The user id, the type of the operation, or the id of the key."),
    Field("period", "Counts", Kind.CHOICE, required=True, choices=_PERIODS, hint="Days and months are in UTC."),
    Field("credits", "Credits at most", Kind.INTEGER, required=True),
)


@blueprint.get("/limits")
def caps() -> Response | str:
    """All limits, with what is used of each."""
    if listing.wants_file():
        return listing.file(_LIST)
    found = listing.read(_LIST)
    return render("console/portal/caps.html", title="Limits", list=found, kinds=dict(_KINDS), periods=dict(_PERIODS))


@blueprint.route("/limits/set", methods=["GET", "POST"])
def set_cap() -> AnyResponse | str:
    """Set a limit, in place of the one for the same subject and period."""
    about = "A limit for the same subject and period is replaced. What was spent in the present period counts too."
    form = Form("Set a limit", _FIELDS, "Set the limit", about)
    return handle(form, Target("PUT", _LIST), done=lambda _: _PAGE, said="The limit was set.", back=_PAGE)


@blueprint.route("/limits/<int:cap_id>/remove", methods=["GET", "POST"])
def remove_cap(cap_id: int) -> AnyResponse | str:
    """Remove a limit."""

    def outcome(*_: object) -> list[tuple[str, object]]:
        cap = next((each for each in calls.get(_LIST, {"per_page": 1000})["results"] if each["id"] == cap_id), None)
        if cap is None:
            raise NotFound(f"Cap {cap_id} was not found")
        return [
            ("No longer limited", f"{dict(_KINDS)[cap['kind']]}: {cap['subject']}"),
            ("Was at most", whole(cap["credits"])),
            ("Used of it", whole(cap["used"])),
        ]

    return handle(
        Form(f"Remove limit {cap_id}", (), action="Remove"),
        Target("DELETE", calls.path("v1", "account", "caps", cap_id)),
        done=lambda _: _PAGE, said="The limit was removed.", back=_PAGE, outcome=Outcome(outcome),
    )  # fmt: skip
