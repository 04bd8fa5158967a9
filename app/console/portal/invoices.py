"""Invoices and credit notes."""

from flask import Response, request

from app.console import calls, listing
from app.console.pages import render
from app.console.portal.blueprint import blueprint
from app.console.tables import DATES, INVOICE_STATUSES, Column, Listed, file_of, link

_TABS = (("/portal/invoices", "Invoices"), ("/portal/credit-notes", "Credit notes"))
_INVOICES = Listed(
    (
        link("Number", "invoice_number", "/portal/invoices/"),
        Column("Status", "status", "badge"),
        Column("Total", "total_amount", "money", currency="currency"),
        Column("Credited", "amount_credited", "money", currency="currency"),
        Column("Issued", "issued_at", "moment"),
        Column("Due", "due_date", "day"),
        file_of("/portal/invoices/", "invoice_number"),
    ),
    "No invoice matches. Buy credits, or clear the filters.",
    choices=(("status", "Status", INVOICE_STATUSES),),
    dates=DATES,
)
_CREDIT_NOTES = Listed(
    (
        Column("Number", "credit_note_number"),
        link("Invoice", "invoice_number", "/portal/invoices/", "invoice_id"),
        Column("Total", "total_amount", "money", currency="currency"),
        Column("Reason", "reason"),
        Column("Issued", "created_at", "moment"),
        file_of("/portal/credit-notes/", "credit_note_number"),
    ),
    "There is no credit note. Refunds and cancelled orders are corrected by them.",
    texts=(("invoice_number", "Invoice"),),
    dates=DATES,
)


@blueprint.get("/invoices")
def invoices() -> Response | str:
    """All invoices."""
    return listing.page(_INVOICES, "/v1/billing/invoices", title="Invoices", tabs=_TABS)


@blueprint.get("/invoices/<int:invoice_id>")
def invoice(invoice_id: int) -> str:
    """An invoice, and how to pay it."""
    found = calls.get(calls.path("v1", "billing", "invoices", invoice_id))
    payment_id = request.args.get("payment", type=int)
    return render(
        "console/portal/invoice.html", title=f"Invoice {found['invoice_number']}", invoice=found, payment_id=payment_id
    )


@blueprint.get("/invoices/<int:invoice_id>/pdf")
def invoice_pdf(invoice_id: int) -> Response:
    """An invoice as a PDF."""
    return calls.download(calls.path("v1", "billing", "invoices", invoice_id, "pdf"))


@blueprint.get("/credit-notes")
def credit_notes() -> Response | str:
    """All credit notes."""
    return listing.page(_CREDIT_NOTES, "/v1/billing/credit-notes", title="Credit notes", tabs=_TABS)


@blueprint.get("/credit-notes/<int:credit_note_id>/pdf")
def credit_note_pdf(credit_note_id: int) -> Response:
    """A credit note as a PDF."""
    return calls.download(calls.path("v1", "billing", "credit-notes", credit_note_id, "pdf"))
