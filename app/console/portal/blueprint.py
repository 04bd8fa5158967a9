"""The blueprint of the portal."""

from flask import redirect, request
from werkzeug.wrappers import Response as AnyResponse

from app.console import browser
from app.console.calls import Refused
from app.console.pages import pages, show_refusal
from app.errors import Reason

ACCOUNTS = "/portal/accounts"
blueprint = pages("portal", __name__, "/portal")


def _lead(error: Refused) -> AnyResponse:
    """Lead people without the account that a page is about to where they join, open or choose one."""
    if error.answer.reason == Reason.NO_ACCOUNT and request.path != ACCOUNTS:
        browser.choose_account(None)
        return redirect(ACCOUNTS, 303)
    return show_refusal(error)


blueprint.register_error_handler(Refused, _lead)
