"""Payment runs: everything due that matches, with totals by billing account before it is paid."""

from http import HTTPStatus
from uuid import uuid4

from flask import current_app, request
from werkzeug.wrappers import Response as AnyResponse

from app.console import calls, permitted
from app.console.browser import CONFIRMED_FIELD, KEY_FIELD
from app.console.forms import REASON_FIELD, Field, Form, Kind
from app.console.pages import render
from app.console.staff.blueprint import blueprint
from app.console.staff.payments import board

_ADDRESS = "/v6/work-period-payments/query"
_FIELDS = (
    Field("workPeriods.endDateTo", "Weeks that end until", Kind.DATE, hint="This day is included."),
    Field("projectIds", "Projects", hint="Their ids, separated by commas."),
    Field("billingAccountIds", "Billing accounts", hint="Their ids, separated by commas."),
    Field("workPeriods.userHandle", "Handle"),
    Field(
        "status",
        "Booking status",
        Kind.CHOICE,
        choices=(("placed", "Placed"), ("closed", "Closed")),
        hint="Weeks of cancelled bookings are never paid.",
    ),
    Field(
        "rateType",
        "Rate",
        Kind.CHOICE,
        choices=tuple((each, each.capitalize()) for each in ("hourly", "daily", "weekly", "monthly", "annual")),
    ),
)
_FORM = Form(
    "Pay all that match",
    _FIELDS,
    about="Pays every due day of every week that meets all conditions. You see what it comes to before it is done.",
)


@blueprint.route("/payments/run", methods=["GET", "POST"])
def payment_run() -> AnyResponse | str:
    """Pay what matches, once it is seen what that comes to."""
    permitted.require("POST", _ADDRESS)
    if request.method != "POST":
        return _page({each.name: request.args.get(each.name, "") for each in _FIELDS})
    entered = _FORM.entered()
    confirmed = bool(request.form.get(CONFIRMED_FIELD))
    body = {"query": _FORM.body(entered, {}), "dryRun": not confirmed}
    headers = {"Idempotency-Key": request.form.get(KEY_FIELD, "")} if confirmed else {}
    if reason := request.form.get(REASON_FIELD, "").strip():
        headers["X-Change-Reason"] = calls.header_text(reason)
    answer = calls.call("POST", _ADDRESS, body=body, headers=headers)
    page = _page(entered, answer=answer, done=confirmed)
    return current_app.response_class(page, answer.status if answer.error else HTTPStatus.OK)


def _page(entered: dict[str, str], *, answer: calls.Answer | None = None, done: bool = False) -> str:
    problems = answer.problems.get("query", {}) if answer else {}
    return render(
        "console/payments/run.html",
        title=_FORM.title,
        tabs=board(),
        form=_FORM,
        values=entered,
        change_reason=request.form.get(REASON_FIELD, ""),
        answer=answer,
        problems=problems if isinstance(problems, dict) else {},
        done=done,
        key=str(uuid4()),
    )
