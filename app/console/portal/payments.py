"""Payments."""

from collections.abc import Mapping
from typing import Any

from flask import Response
from werkzeug.wrappers import Response as AnyResponse

from app.console import calls, listing
from app.console.formats import money, whole
from app.console.forms import Form, Outcome, Target, handle
from app.console.pages import render
from app.console.portal.blueprint import blueprint
from app.console.tables import METHODS, PAYMENT_STATUSES, Column, Listed, link

_PAYMENTS = Listed(
    (
        link("Payment", "id", "/portal/payments/"),
        Column("Status", "status", "badge"),
        Column("Method", "payment_method", names=METHODS),
        Column("Amount", "amount", "money", currency="currency"),
        Column("Credits", "credits", "whole"),
        Column("Ordered", "created_at", "moment"),
        Column("Paid", "succeeded_at", "moment"),
    ),
    "No payment matches. What you buy is listed here.",
    choices=(("status", "Status", PAYMENT_STATUSES), ("payment_method", "Method", tuple(METHODS.items()))),
)


@blueprint.get("/payments")
def payments() -> Response | str:
    """All payments."""
    return listing.page(_PAYMENTS, "/v1/billing/payments", title="Payments")


@blueprint.get("/payments/<int:payment_id>")
def payment(payment_id: int) -> str:
    """A payment and its refunds."""
    found = calls.get(calls.path("v1", "billing", "payments", payment_id))
    return render("console/portal/payment.html", title=f"Payment {payment_id}", payment=found, methods=METHODS)


@blueprint.route("/payments/<int:payment_id>/cancel", methods=["GET", "POST"])
def cancel_payment(payment_id: int) -> AnyResponse | str:
    """Cancel a payment that was not made."""
    address, page = calls.path("v1", "billing", "payments", payment_id), f"/portal/payments/{payment_id}"
    target = Target("POST", f"{address}/cancel", current=address, versioned=False)
    return handle(
        Form(f"Cancel payment {payment_id}", (), action="Cancel the payment"), target, done=lambda _: page,
        said="The payment was cancelled.", back=page, outcome=Outcome(_cancelled, rehearsed=False),
    )  # fmt: skip


def _cancelled(payment: Mapping[str, Any], _: Mapping[str, str]) -> list[tuple[str, Any]]:
    return [
        ("Not to be paid any more", money(payment["amount"], payment["currency"])),
        ("Credits that will not arrive", whole(payment["credits"])),
        ("Invoice", "becomes void, by a credit note" if payment["invoice_id"] else "none was issued"),
    ]
