"""Credits: lots, transactions, holds and statements."""

from flask import Response, request

from app.clock import utc_now
from app.console import calls, listing
from app.console.pages import render
from app.console.portal.blueprint import blueprint

_LOTS, _TRANSACTIONS, _HOLDS = "/v1/billing/credits/lots", "/v1/billing/transactions", "/v1/billing/credits/holds"
_STATEMENTS = "/v1/billing/statements"
_TRANSACTION_FILTERS = ("transaction_type", "start_date", "end_date")
_HOLD_FILTERS = ("status", "operation_type", "reference")
_TYPES = ("grant", "purchase", "deduction", "refund", "adjustment", "expiry", "void", "chargeback", "debt_payment")
_STATUSES = ("open", "captured", "released", "expired")
_TABS = (
    ("/portal/credits", "Lots"),
    ("/portal/credits/transactions", "Transactions"),
    ("/portal/credits/holds", "Holds"),
    ("/portal/credits/statement", "Statement"),
)


@blueprint.get("/credits")
def lots() -> Response | str:
    """Where credits came from, and what is left of them."""
    if listing.wants_file():
        return listing.file(_LOTS)
    return render("console/portal/lots.html", title="Credits", tabs_of=_TABS, list=listing.read(_LOTS))


@blueprint.get("/credits/transactions")
def transactions() -> Response | str:
    """Every change of the balance."""
    if listing.wants_file():
        return listing.file(_TRANSACTIONS, *_TRANSACTION_FILTERS)
    found = listing.read(_TRANSACTIONS, *_TRANSACTION_FILTERS)
    types = [(each, each.replace("_", " ")) for each in _TYPES]
    return render("console/portal/transactions.html", title="Credits", tabs_of=_TABS, list=found, types=types)


@blueprint.get("/credits/transactions/<int:transaction_id>")
def lots_of_transaction(transaction_id: int) -> str:
    """The lots that a transaction drew from, or added to."""
    found = listing.read(calls.path("v1", "billing", "transactions", transaction_id, "lots"))
    return render("console/portal/transaction.html", title=f"Transaction {transaction_id}", list=found)


@blueprint.get("/credits/holds")
def holds() -> Response | str:
    """Credits set aside for work under way."""
    if listing.wants_file():
        return listing.file(_HOLDS, *_HOLD_FILTERS)
    statuses = [(each, each) for each in _STATUSES]
    found = listing.read(_HOLDS, *_HOLD_FILTERS)
    return render("console/portal/holds.html", title="Credits", tabs_of=_TABS, list=found, statuses=statuses)


@blueprint.get("/credits/statement")
def statement() -> Response | str:
    """The statement of a period, as a page or as a file."""
    today = utc_now().date()
    period = {
        "from": request.args.get("from") or today.replace(day=1).isoformat(),
        "to": request.args.get("to") or today.isoformat(),
    }
    if format_ := request.args.get("format"):
        return calls.download(_STATEMENTS, {**period, "format": format_})
    answer = calls.call("GET", _STATEMENTS, query=period)
    if answer.error is not None and answer.status != 400:  # noqa: PLR2004 - a period is mended on the page
        raise calls.Refused(answer)
    return render("console/portal/statement.html", title="Credits", tabs_of=_TABS, period=period, answer=answer)
