"""Buying credits: packages, an order by bank transfer, and a payment by card."""

from collections.abc import Mapping
from typing import Any

from flask import Response, current_app, make_response
from werkzeug.wrappers import Response as AnyResponse

from app.config import Settings
from app.console import browser, calls
from app.console.forms import Field, Form, Kind, Target, handle
from app.console.pages import POLICY, render
from app.console.portal.blueprint import blueprint
from app.console.tables import METHODS
from app.errors import NotFound

_PACKAGES = "/v1/billing/credit-packages"
# Card fields are the gateway's own: its script, its frames and its server, on the page that shows them alone.
_CARD_POLICY = (
    POLICY.replace("script-src 'self'", "script-src 'self' https://js.stripe.com")
    .replace("connect-src 'self'", "connect-src 'self' https://api.stripe.com")
    .replace("img-src 'self'", "img-src 'self' https://*.stripe.com")
    + "; frame-src https://js.stripe.com https://hooks.stripe.com"
)


@blueprint.get("/buy")
def packages() -> str:
    """What is for sale, with tax and total for this account."""
    found = calls.get(_PACKAGES, {"per_page": 100})["results"]
    return render("console/portal/buy.html", title="Buy credits", packages=found)


@blueprint.route("/buy/<int:package_id>", methods=["GET", "POST"])
def purchase(package_id: int) -> AnyResponse | str:
    """Order a package, at the total that the page shows."""
    found = calls.get(_PACKAGES, {"per_page": 100})["results"]
    package = next((each for each in found if each["id"] == package_id), None)
    if package is None:
        raise NotFound("This package is not for sale any more")
    form = Form(
        f"Buy {package['name']}",
        (
            Field("payment_method", "Payment method", Kind.CHOICE, required=True, choices=_payment_methods()),
            Field("expected_total", "Total", Kind.HIDDEN),
        ),
        action="Order with obligation to pay",
        template="console/portal/purchase.html",
        context={"package": package},
    )
    target = Target("POST", calls.path("v1", "billing", "credit-packages", package_id, "purchase"))
    return handle(
        form, target, done=_page_of_order, said="The order was placed.", back="/portal/buy",
        initial={"expected_total": package["total_price"]},
    )  # fmt: skip


@blueprint.get("/payments/<int:payment_id>/card")
def card(payment_id: int) -> Response:
    """The gateway's fields for a card payment."""
    payment = calls.get(calls.path("v1", "billing", "payments", payment_id))
    page = render(
        "console/portal/card.html",
        title="Pay by card",
        payment=payment,
        publishable_key=_publishable_key(),
        secret=browser.card_secret(payment_id),
    )
    response = make_response(page)
    response.headers["Content-Security-Policy"] = _CARD_POLICY
    return response


def _page_of_order(order: Mapping[str, Any]) -> str:
    payment_id = order["payment"]["id"]
    if order["client_secret"]:
        browser.keep_card_secret(payment_id, order["client_secret"])
        return f"/portal/payments/{payment_id}/card"
    return f"/portal/invoices/{order['invoice']['id']}?payment={payment_id}"


def _payment_methods() -> list[tuple[str, str]]:
    """The payment methods with their names. Without a publishable key, no page can show the fields for a card."""
    return [(method, name) for method, name in METHODS.items() if method != "stripe" or _publishable_key() is not None]


def _publishable_key() -> str | None:
    settings: Settings = current_app.config["SETTINGS"]
    return settings.stripe_publishable_key
