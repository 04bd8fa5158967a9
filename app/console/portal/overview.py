"""The home page: the balance, and what expires."""

from app.console import calls
from app.console.pages import render
from app.console.portal.blueprint import blueprint


@blueprint.get("")
def overview() -> str:
    """The balance of the account."""
    return render("console/portal/overview.html", title="Overview", balance=calls.get("/v1/billing/credits/balance"))
