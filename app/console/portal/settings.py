"""The settings of the account."""

from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Response as AnyResponse

from app.console import browser, calls
from app.console.forms import Blank, Field, Form, Kind, Target, handle
from app.console.pages import render
from app.console.portal.blueprint import blueprint

_ADDRESS = "/v1/account/settings"
FIELDS = (
    Field("name", "Name", required=True),
    Field("billing_email", "E-mail address for invoices", Kind.EMAIL, blank=Blank.NULL),
    Field("billing_address_line1", "Address, first line", blank=Blank.NULL),
    Field("billing_address_line2", "Address, second line", blank=Blank.NULL),
    Field("billing_city", "City", blank=Blank.NULL),
    Field("billing_state", "State or region", blank=Blank.NULL),
    Field("billing_postal_code", "Postal code", blank=Blank.NULL),
    Field("billing_country", "Country", hint="An ISO code such as IE, or an English name.", blank=Blank.NULL),
    Field("tax_id", "Tax identifier", hint="Printed on invoices; a VAT number in the EU.", blank=Blank.NULL),
    Field("members_may_buy", "Every member may buy credits", Kind.CHECK),
)


@blueprint.get("/settings")
def settings() -> str:
    """The settings, and the status of the account."""
    return render("console/portal/settings.html", title="Settings", account=calls.get(_ADDRESS))


@blueprint.route("/settings/edit", methods=["GET", "POST"])
def edit_settings() -> AnyResponse | str:
    """Change the settings."""
    form = Form("Edit settings", FIELDS, action="Save changes", about="Invoices already issued stay as they are.")
    return handle(
        form, Target("PATCH", _ADDRESS, current=_ADDRESS), done=_saved, said="The settings were saved.",
        back="/portal/settings",
    )  # fmt: skip


def _saved(account: Mapping[str, Any]) -> str:
    browser.name_account(account["name"])
    return "/portal/settings"
