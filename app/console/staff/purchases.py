"""Payments of customers: the worklist of bank transfers, and what becomes of a payment."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from flask import Response
from werkzeug.wrappers import Response as AnyResponse

from app.console import calls, listing
from app.console.forms import Field, Form, Kind, Outcome, Rows, Target, handle
from app.console.pages import render
from app.console.staff.blueprint import blueprint
from app.console.tables import DATES, METHODS, PAYMENT_STATUSES, Column, Listed, link

_LIST = "/v1/admin/payments"
_PENDING = {"status": "pending", "payment_method": "manual"}
_PAYMENTS = Listed(
    (
        link("Payment", "id", "/console/purchases/"),
        link("Customer", "account_name", "/console/customers/", "account_id"),
        link("Invoice", "invoice_number", "/console/invoices/", "invoice_id"),
        Column("Status", "status", "badge"),
        Column("Method", "payment_method", names=METHODS),
        Column("Amount", "amount", "money"),
        Column("Credits", "credits", "whole"),
        Column("Ordered", "created_at", "day"),
    ),
    "No payment matches. If a transfer names an invoice, search for its number with any status.",
    texts=(("invoice_number", "Invoice number"),),
    choices=(("status", "Status", PAYMENT_STATUSES), ("payment_method", "Method", tuple(METHODS.items()))),
    dates=DATES,
)
_REFUNDS = (
    Column("Refund", "id"),
    Column("Status", "status", "badge"),
    Column("Amount", "amount", "money"),
    Column("Credits", "credits", "whole"),
    Column("Reason", "reason"),
    Column("Made", "created_at", "moment"),
)
_APPROVAL = (
    Field("received_amount", "Received", Kind.MONEY, required=True, hint="In US dollars; filled in with what is due."),
    Field("reference", "Reference", hint="The bank's reference of the transfer."),
    Field("received_on", "Received on", Kind.DATE, hint="Not in the future."),
    Field("accept_difference", "Accept another amount than is due as full payment", Kind.CHECK),
    Field("reason", "Why the difference is accepted", Kind.LINES),
)
_REFUND = (
    Field("amount", "Amount", Kind.MONEY, hint="Tax included. If empty: the share of the credits, or the rest."),
    Field("credits", "Credits", Kind.INTEGER, hint="To take back. If empty: the share of the amount, or the rest."),
    Field("reason", "Reason", Kind.LINES, required=True),
)


@blueprint.get("/transfers")
def transfers() -> Response | str:
    """Bank transfers that wait for approval; or, by the filters, any payments."""
    template = "console/purchases/list.html"
    return listing.page(_PAYMENTS, _LIST, title="Transfers", template=template, defaults=_PENDING)


@blueprint.get("/purchases/<int:payment_id>")
def purchase(payment_id: int) -> str:
    """A payment with its refunds and disputes."""
    found = calls.get(calls.path("v1", "admin", "payments", payment_id))
    return render(
        "console/purchases/detail.html",
        title=f"Payment {payment_id}",
        payment=found,
        refunds=_REFUNDS,
        left=_left(found),
    )


@blueprint.route("/purchases/<int:payment_id>/approve", methods=["GET", "POST"])
def approve(payment_id: int) -> AnyResponse | str:
    """Settle a bank transfer that has arrived."""
    found = calls.get(calls.path("v1", "admin", "payments", payment_id))
    form = Form(
        f"Approve transfer {found['invoice_number'] or payment_id}",
        _APPROVAL,
        "Approve",
        about=f"{found['account_name']} owes {found['amount']} {found['currency']} for {found['credits']} credits.",
        blame={"amount_mismatch": "received_amount"},
    )
    return handle(
        form,
        Target("POST", _operation(payment_id, "approve")),
        done=_page_of,
        said="The transfer was approved, and its credits were added.",
        back=f"/console/purchases/{payment_id}",
        initial={"received_amount": found["amount"]},
    )


@blueprint.route("/purchases/<int:payment_id>/cancel", methods=["GET", "POST"])
def cancel(payment_id: int) -> AnyResponse | str:
    """Cancel a payment that was not made."""
    form = Form(
        f"Cancel payment {payment_id}", (), "Cancel the payment", about="Its invoice is voided by a credit note."
    )
    return handle(
        form,
        Target("POST", _operation(payment_id, "cancel"), current=_current(payment_id), versioned=False),
        done=_page_of,
        said="The payment was cancelled.",
        back=f"/console/purchases/{payment_id}",
        outcome=Outcome(_of_cancellation, rehearsed=False),
    )


@blueprint.route("/purchases/<int:payment_id>/refund", methods=["GET", "POST"])
def refund(payment_id: int) -> AnyResponse | str:
    """Return money or credits of a payment, or what is left of both."""
    form = Form(
        f"Refund payment {payment_id}",
        _REFUND,
        "Refund",
        about="Credits are taken back first, then the money is returned by the same method.",
        blame={"refund_exceeds_payment": "amount", "credits_spent": "credits"},
    )
    return handle(
        form,
        Target("POST", _operation(payment_id, "refund"), current=_current(payment_id), versioned=False),
        done=_page_of,
        said="The refund was made; it counts once the gateway confirms it.",
        back=f"/console/purchases/{payment_id}",
        outcome=Outcome(_of_refund, rehearsed=False),
        initial={"amount": "", "credits": ""},
    )


def _left(payment: Mapping[str, Any]) -> tuple[Decimal, int]:
    """The amount and the credits of a payment that are not returned."""
    gone = sum(Decimal(payment[name]) for name in ("amount_refunded", "amount_disputed", "amount_charged_back"))
    return Decimal(payment["amount"]) - gone, payment["credits"] - payment["credits_refunded"]


def _of_cancellation(payment: Mapping[str, Any], _: Mapping[str, str]) -> Rows:
    return [
        ("Customer", payment["account_name"]),
        ("Amount that is not paid", f"{payment['amount']} {payment['currency']}"),
        ("Credits that are not added", payment["credits"]),
        ("Invoice that is voided", payment["invoice_number"]),
    ]


def _of_refund(payment: Mapping[str, Any], entered: Mapping[str, str]) -> Rows:
    amount, credits = _left(payment)
    currency = payment["currency"]
    return [
        ("Customer", payment["account_name"]),
        ("Paid", f"{payment['amount']} {currency} for {payment['credits']} credits"),
        ("Returned so far", f"{payment['amount_refunded']} {currency} and {payment['credits_refunded']} credits"),
        ("Can be returned", f"{amount} {currency} and {credits} credits"),
        ("Amount of this refund", entered["amount"] or ("the share of the credits" if entered["credits"] else amount)),
        ("Credits of this refund", entered["credits"] or ("the share of the amount" if entered["amount"] else credits)),
        ("Reason", entered["reason"]),
    ]


def _current(payment_id: int) -> str:
    return calls.path("v1", "admin", "payments", payment_id)


def _operation(payment_id: int, does: str) -> str:
    return calls.path("v1", "billing", "payments", payment_id, does)


def _page_of(payment: Mapping[str, Any]) -> str:
    return f"/console/purchases/{payment['id']}"
