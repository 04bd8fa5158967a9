"""What the pages of one billing account share: the account as their heads show it, and their addresses."""

from collections.abc import Mapping
from typing import Any

from app.console import calls
from app.console.calls import Answer, Refused
from app.console.pages import history_tab, render

LIST = "/v6/billing-accounts"
# What an amount is locked or consumed for.
TYPES = (
    ("CHALLENGE", "Challenge"),
    ("ENGAGEMENT", "Engagement"),
    ("WORK_PERIOD_PAYMENT", "Work period payment"),
)


def address_of(account_id: int) -> str:
    """The address of an account in the API."""
    return f"{LIST}/{account_id}"


def page_of(account: Mapping[str, Any]) -> str:
    """The address of the page of an account."""
    return f"/console/billing-accounts/{account['id']}"


def show(tab: str, account: Mapping[str, Any], **values: Any) -> str:
    """A page of an account, by the name of its template."""
    at = page_of(account)
    tabs = [
        (at, "Overview"),
        (f"{at}/movements", "Movements"),
        (f"{at}/statement", "Statement"),
        (f"{at}/users", "Users"),
        *history_tab(at, "getBillingAccountHistory"),
    ]
    return render(
        f"console/billing_accounts/{tab}.html",
        title=account["name"],
        status=account["status"],
        tabs=tabs,
        account=account,
        **values,
    )


def head_of(account_id: int) -> Mapping[str, Any]:
    """The account without its lines, of which there may be very many. Raises Refused, also if it is not visible."""
    found: list[Mapping[str, Any]] = calls.get(LIST, {"id": account_id})["results"]
    if not found:
        message = f"Billing account {account_id} was not found"
        raise Refused(Answer(404, error={"message": message}))
    return found[0]
