"""Invoices and credit notes of all customers."""

from flask import Response

from app.console import calls, listing
from app.console.pages import render
from app.console.staff.blueprint import blueprint
from app.console.tables import Column, link

_INVOICES, _NOTES = "/v1/admin/invoices", "/v1/admin/credit-notes"
_INVOICE_FILTERS = ("invoice_number", "status", "start_date", "end_date")
_NOTE_FILTERS = ("invoice_number", "start_date", "end_date")
_STATUSES = (
    ("pending", "Pending"),
    ("paid", "Paid"),
    ("void", "Void"),
    ("partially_refunded", "Partially refunded"),
    ("refunded", "Refunded"),
)
_CUSTOMER = link("Customer", "account_name", "/console/customers/", "account_id")
_SUMS = (
    Column("Net", "net_amount", "money"),
    Column("Tax", "tax_amount", "money"),
    Column("Total", "total_amount", "money"),
)
_INVOICE_COLUMNS = (
    link("Number", "invoice_number", "/console/invoices/"),
    _CUSTOMER,
    Column("Status", "status", "badge"),
    Column("Issued", "issued_at", "day"),
    Column("Due", "due_date", "day"),
    *_SUMS,
)
_NOTE_COLUMNS = (
    link("Number", "credit_note_number", "/console/credit-notes/"),
    _CUSTOMER,
    link("Invoice", "invoice_number", "/console/invoices/", "invoice_id"),
    Column("Issued", "created_at", "day"),
    Column("Reason", "reason"),
    *_SUMS,
)
_LINES = (
    Column("Description", "description"),
    Column("Quantity", "quantity", "whole"),
    Column("Unit price", "unit_price", "money"),
    Column("Net", "net", "money"),
    Column("Tax rate", "tax_rate", "percent"),
    Column("Tax", "tax", "money"),
)


@blueprint.get("/invoices")
def invoices() -> Response | str:
    """The invoices of all customers."""
    if listing.wants_file():
        return listing.file(_INVOICES, *_INVOICE_FILTERS)
    found = listing.read(_INVOICES, *_INVOICE_FILTERS)
    return render(
        "console/documents/list.html", title="Invoices", list=found, columns=_INVOICE_COLUMNS, statuses=_STATUSES
    )


@blueprint.get("/credit-notes")
def credit_notes() -> Response | str:
    """The credit notes of all customers."""
    if listing.wants_file():
        return listing.file(_NOTES, *_NOTE_FILTERS)
    found = listing.read(_NOTES, *_NOTE_FILTERS)
    return render("console/documents/list.html", title="Credit notes", list=found, columns=_NOTE_COLUMNS, statuses=())


@blueprint.get("/invoices/<int:invoice_id>")
def invoice(invoice_id: int) -> str:
    """An invoice with its lines and totals."""
    found = calls.get(calls.path("v1", "admin", "invoices", invoice_id))
    return render(
        "console/documents/detail.html", title=f"Invoice {found['invoice_number']}", document=found, lines=_LINES
    )


@blueprint.get("/credit-notes/<int:credit_note_id>")
def credit_note(credit_note_id: int) -> str:
    """A credit note with its lines and totals."""
    found = calls.get(calls.path("v1", "admin", "credit-notes", credit_note_id))
    return render(
        "console/documents/detail.html",
        title=f"Credit note {found['credit_note_number']}",
        document=found,
        lines=_LINES,
    )


@blueprint.get("/<any(invoices, 'credit-notes'):kind>/<int:document_id>/pdf")
def document_pdf(kind: str, document_id: int) -> Response:
    """An invoice or a credit note as the file that the customer gets."""
    return calls.download(calls.path("v1", "admin", kind, document_id, "pdf"))
