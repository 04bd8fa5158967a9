"""Payments of work periods: the board, one payment, and what is done to many at once."""

from collections.abc import Mapping
from typing import Any

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from app.auth.permissions import Role
from app.console import browser, calls, listing
from app.console.bulk import Bulk, decide
from app.console.forms import Field, Form, Kind, Target, handle
from app.console.pages import history_tab, render
from app.console.permitted import may
from app.console.staff.blueprint import blueprint
from app.errors import Invalid

_LIST, _PAGE = "/v6/work-period-payments", "/console/payments"
_FILTERS = (
    "status", "projectId", "userHandle", "billingAccountId", "resourceBookingId", "workPeriodId", "createdAtFrom",
    "createdAtTo", "sortBy", "sortOrder",
)  # fmt: skip
_STATUSES = tuple(
    (each, each.capitalize()) for each in ("scheduled", "in-progress", "completed", "failed", "cancelled")
)
_SORTS = (("createdAt", "Created"), ("updatedAt", "Updated"), ("completedAt", "Completed"), ("amount", "Amount"))
# Enough to choose from at once.
BOARD_SIZE = 100
_MOVE, _FAIL = "move", "fail"
# What can be done to chosen payments: its label, its heading, and the fields that it sends.
_ACTIONS: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "schedule": ("Schedule again", "Schedule payments again", {"status": "scheduled"}),
    "cancel": ("Cancel", "Cancel payments", {"status": "cancelled"}),
    _FAIL: ("Mark as failed", "Mark payments as failed", {"status": "failed"}),
    _MOVE: ("Move to the billing account:", "Move payments to another billing account", {}),
}
_ACCOUNT = Field("billingAccountId", "Billing account", Kind.INTEGER)
_FIELDS = (
    Field(
        "days", "Days", Kind.INTEGER, hint="The amount follows from the days and the rate, unless it is changed too."
    ),
    Field("memberRate", "Member rate", Kind.MONEY, hint="For a week of five days."),
    Field("customerRate", "Customer rate", Kind.MONEY),
    Field("amount", "Amount", Kind.MONEY),
    _ACCOUNT,
)


@blueprint.get("/payments")
def payments() -> Response | str:
    """The payments in every status, to choose from."""
    if listing.wants_file():
        return listing.file(_LIST, *_FILTERS)
    return render(
        "console/payments/list.html",
        title="Payments",
        tabs=board(),
        list=listing.read(_LIST, *_FILTERS, page_size=BOARD_SIZE),
        statuses=_STATUSES,
        sorts=_SORTS,
        actions=_actions(),
    )


@blueprint.post("/payments/change")
def change_payments() -> AnyResponse | str:
    """Do one thing to the chosen payments, once it is seen what comes of it."""
    action = request.form.get("action", "")
    if action not in _ACTIONS:
        raise Invalid("Choose what to do with the payments first")
    label, title, fields = _ACTIONS[action]
    if action == _MOVE:
        fields = {_ACCOUNT.name: _ACCOUNT.sent(request.form.get(_ACCOUNT.name, "").strip())}
    return decide(
        Bulk(
            title=title,
            method="PATCH",
            address=f"{_LIST}/bulk",
            item=lambda payment_id: {"id": payment_id, **fields},
            rows="console/payments/outcome.html",
            action=label.removesuffix(" the billing account:"),
            said=lambda count: "The payment was changed." if count == 1 else f"{count} payments were changed.",
            back=_PAGE,
        )
    )


@blueprint.get("/payments/<payment_id>")
def payment(payment_id: str) -> str:
    """A payment."""
    found = calls.get(calls.path("v6", "work-period-payments", payment_id))
    actions = [each for each in _actions() if each[0] != _MOVE]
    return _show("detail", found, actions=actions)


@blueprint.get("/payments/<payment_id>/history")
def payment_history(payment_id: str) -> Response | str:
    """Who changed what of a payment, and why."""
    address = calls.path("v6", "work-period-payments", payment_id)
    if listing.wants_file():
        return listing.file(f"{address}/history")
    found = calls.get(address)
    return _show("history", found, list=listing.read(f"{address}/history"))


@blueprint.route("/payments/<payment_id>/edit", methods=["GET", "POST"])
def edit_payment(payment_id: str) -> AnyResponse | str:
    """Change what a payment pays, and from which billing account."""
    address = calls.path("v6", "work-period-payments", payment_id)
    form = Form("Edit payment", _FIELDS, action="Save changes", asks_reason=True, sends_changes=True)
    page = f"/console{calls.path('payments', payment_id)}"
    return handle(
        form, Target("PATCH", address, current=address), done=lambda _: page, said="The payment was saved.", back=page
    )


def _actions() -> list[tuple[str, str]]:
    """What the person can do to payments. The guard is that of all updates; a failure is for administrators to say."""
    actor = browser.signed_in()
    may_fail = actor is not None and actor.has_role(Role.ADMINISTRATOR)
    return [(name, label) for name, (label, *_) in _ACTIONS.items() if name != _FAIL or may_fail]


def board() -> list[tuple[str, str]]:
    """The pages about payments of all weeks that the person may open."""
    run = [(f"{_PAGE}/run", "Pay all that match")] if may("payMatchingWorkPeriods") else []
    return [(_PAGE, "Payments"), (f"{_PAGE}/periods", "Work periods"), *run]


def _show(tab: str, payment: Mapping[str, Any], **values: Any) -> str:
    at = f"/console{calls.path('payments', payment['id'])}"
    return render(
        f"console/payments/{tab}.html",
        title=f"Payment to {payment['userHandle'] or payment['userId']}",
        status=payment["status"],
        tabs=[(at, "Overview"), *history_tab(at, "getWorkPeriodPaymentHistory")],
        payment=payment,
        **values,
    )
