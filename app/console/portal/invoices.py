"""Invoices and credit notes."""

from flask import Response, request

from app.console import calls, listing
from app.console.pages import render
from app.console.portal.blueprint import blueprint

_INVOICES, _CREDIT_NOTES = "/v1/billing/invoices", "/v1/billing/credit-notes"
_FILTERS = ("status", "start_date", "end_date")
_CREDIT_NOTE_FILTERS = ("invoice_number", "start_date", "end_date")
_STATUSES = ("pending", "paid", "void", "partially_refunded", "refunded")
_TABS = (("/portal/invoices", "Invoices"), ("/portal/credit-notes", "Credit notes"))


@blueprint.get("/invoices")
def invoices() -> Response | str:
    """All invoices."""
    if listing.wants_file():
        return listing.file(_INVOICES, *_FILTERS)
    statuses = [(each, each.replace("_", " ")) for each in _STATUSES]
    found = listing.read(_INVOICES, *_FILTERS)
    return render("console/portal/invoices.html", title="Invoices", tabs_of=_TABS, list=found, statuses=statuses)


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
    if listing.wants_file():
        return listing.file(_CREDIT_NOTES, *_CREDIT_NOTE_FILTERS)
    found = listing.read(_CREDIT_NOTES, *_CREDIT_NOTE_FILTERS)
    return render("console/portal/credit_notes.html", title="Credit notes", tabs_of=_TABS, list=found)


@blueprint.get("/credit-notes/<int:credit_note_id>/pdf")
def credit_note_pdf(credit_note_id: int) -> Response:
    """A credit note as a PDF."""
    return calls.download(calls.path("v1", "billing", "credit-notes", credit_note_id, "pdf"))
