"""The home page: the balance, what expires, and what to do next."""

from app.console import browser, calls
from app.console.pages import render
from app.console.portal.blueprint import blueprint


@blueprint.get("")
def overview() -> str:
    """The balance of the account."""
    balance = calls.get("/v1/billing/credits/balance")
    memberships = calls.get("/v1/account/memberships", {"per_page": 100})["results"]
    current = browser.membership()
    account = next((each for each in memberships if current and each["account_id"] == current.account_id), None)
    if account is not None:
        browser.name_account(account["account_name"])
    return render(
        "console/portal/overview.html",
        title="Overview",
        balance=balance,
        account=account,
        has_others=len(memberships) > 1,
    )
