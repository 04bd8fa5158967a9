"""Credits: lots, transactions, holds and statements."""

from flask import Response, request

from app.clock import utc_now
from app.console import calls, listing
from app.console.pages import render
from app.console.portal.blueprint import blueprint
from app.console.tables import DATES, HOLD_STATUSES, TRANSACTION_TYPES, Column, Listed

_TRANSACTIONS, _STATEMENTS = "/v1/billing/transactions", "/v1/billing/statements"
_TABS = (
    ("/portal/credits", "Lots"),
    ("/portal/credits/transactions", "Transactions"),
    ("/portal/credits/holds", "Holds"),
    ("/portal/credits/statement", "Statement"),
)
_LOTS = Listed(
    (
        Column("Arrived", "effective_at", "moment"),
        Column("From", "source"),
        Column("Status", "status", "badge"),
        Column("Left", "remaining", "whole"),
        Column("Held", "held", "whole"),
        Column("Of", "credits", "whole"),
        Column("Expires", "expires_at", "moment"),
        Column("Description", "description"),
    ),
    "There are no credits yet. Buy some.",
)
_EVERY_TRANSACTION = Listed(
    (
        Column("When", "created_at", "moment"),
        Column("Type", "transaction_type", "word"),
        Column("Credits", "amount", "whole"),
        Column("Balance after", "balance_after", "whole"),
        Column("Description", "description"),
        Column("Lots", "id", address="/portal/credits/transactions/", key="id", word="Lots"),
    ),
    "No transaction matches. Clear the filters to see all.",
    choices=(("transaction_type", "Type", TRANSACTION_TYPES),),
    dates=DATES,
)
_LOTS_OF_TRANSACTION = Listed(
    (
        Column("Lot", "lot_id"),
        Column("From", "source"),
        Column("Credits", "credits", "whole"),
        Column("Expires", "expires_at", "moment"),
        Column("Description", "description"),
    ),
    "This transaction changed no lot.",
)
_HOLDS = Listed(
    (
        Column("Reference", "reference"),
        Column("Status", "status", "badge"),
        Column("Operation", "operation_type"),
        Column("Held", "remaining", "whole"),
        Column("Spent", "captured", "whole"),
        Column("Of", "amount", "whole"),
        Column("Until", "expires_at", "moment"),
    ),
    "No hold matches. Programs hold credits for work under way.",
    texts=(("operation_type", "Operation"), ("reference", "Reference")),
    choices=(("status", "Status", HOLD_STATUSES),),
)


@blueprint.get("/credits")
def lots() -> Response | str:
    """Where credits came from, and what is left of them."""
    template = "console/portal/lots.html"
    return listing.page(_LOTS, "/v1/billing/credits/lots", title="Credits", tabs=_TABS, template=template)


@blueprint.get("/credits/transactions")
def transactions() -> Response | str:
    """Every change of the balance."""
    return listing.page(_EVERY_TRANSACTION, _TRANSACTIONS, title="Credits", tabs=_TABS)


@blueprint.get("/credits/transactions/<int:transaction_id>")
def lots_of_transaction(transaction_id: int) -> Response | str:
    """The lots that a transaction drew from, or added to."""
    return listing.page(
        _LOTS_OF_TRANSACTION,
        calls.path("v1", "billing", "transactions", transaction_id, "lots"),
        title=f"Transaction {transaction_id}",
        tabs=_TABS,
    )


@blueprint.get("/credits/holds")
def holds() -> Response | str:
    """Credits set aside for work under way."""
    return listing.page(_HOLDS, "/v1/billing/credits/holds", title="Credits", tabs=_TABS)


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
    return render("console/portal/statement.html", title="Credits", tabs=_TABS, period=period, answer=answer)
