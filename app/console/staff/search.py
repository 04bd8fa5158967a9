"""The home page: search over everything, and what needs attention."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple
from urllib.parse import quote

from flask import redirect, request
from werkzeug.wrappers import Response as AnyResponse

from app.console import calls
from app.console.pages import render
from app.console.permitted import may
from app.console.staff.blueprint import blueprint


class _Kind(NamedTuple):
    """What a kind of hits is called, and the page of one; without a page of its own, that of what has it."""

    label: str
    page: str


_KINDS = {
    "account": _Kind("Customers", "/console/customers/{id}"),
    "member": _Kind("Members", "/console/customers/{account_id}/team"),
    "invoice": _Kind("Invoices", "/console/invoices/{id}"),
    "credit_note": _Kind("Credit notes", "/console/credit-notes/{id}"),
    "payment": _Kind("Payments", "/console/purchases/{id}"),
    "lot": _Kind("Lots", "/console/customers/{account_id}/lots"),
    "hold": _Kind("Holds", "/console/customers/{account_id}/holds"),
    "transaction": _Kind("Transactions", "/console/customers/{account_id}/transactions"),
    "usage": _Kind("Usage", "/console/customers/{account_id}/usage"),
    "client": _Kind("Clients", "/console/clients/{id}"),
    "billing_account": _Kind("Billing accounts", "/console/billing-accounts/{id}"),
    "resource_booking": _Kind("Bookings", "/console/bookings/{id}"),
    "work_period": _Kind("Work periods", "/console/payments/periods/{id}"),
    "work_period_payment": _Kind("Work period payments", "/console/payments/{id}"),
}
# Lists whose rows need attention: what they are, their operation, the list, its filters, and its page.
_ATTENTION = (
    (
        "bank transfers wait for approval",
        "listAllPayments",
        "/v1/admin/payments",
        {"status": "pending", "payment_method": "manual", "per_page": 1},
        "/console/transfers",
    ),
    (
        "billing accounts run out of budget",
        "listBudgetsRunningOut",
        "/v6/reports/budgets",
        {"perPage": 1},
        "/console/reports/budgets",
    ),
)


@blueprint.get("")
def search() -> AnyResponse | str:
    """Whatever a word leads to; without a word, what needs attention."""
    if not may("searchEverything"):
        return redirect("/console/billing-accounts", 303)
    word = request.args.get("q", "").strip()
    answer = calls.call("GET", "/v1/admin/search", query={"q": word, "per_page": 100}) if word else None
    return render(
        "console/search.html",
        title="Search",
        word=word,
        answer=answer,
        groups=_groups(answer.data["results"]) if answer is not None and answer.error is None else [],
        attention=_attention() if answer is None else [],
    )


def _groups(hits: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[tuple[Mapping[str, Any], str]]]]:
    """Hits by kind, the kind of the best hit first, each with its page."""
    order = {kind: place for place, kind in reversed(list(enumerate(hit["kind"] for hit in hits)))}
    ranked = sorted(hits, key=lambda hit: order[hit["kind"]])
    return [
        (_KINDS[kind].label, [(hit, _page_of(hit)) for hit in found])
        for kind, found in groupby(ranked, key=lambda hit: hit["kind"])
    ]


def _page_of(hit: Mapping[str, Any]) -> str:
    return _KINDS[hit["kind"]].page.format(id=quote(str(hit["id"]), safe=""), account_id=hit["account_id"])


def _attention() -> list[tuple[int, str, str]]:
    """How many rows of each list need attention, what they are, and where they stand."""
    return [
        (calls.get(address, query)["count"], what, page)
        for what, operation, address, query, page in _ATTENTION
        if may(operation)
    ]
