"""Invoices and credit notes of all customers."""

from flask import Response

from app.console import calls, listing
from app.console.pages import render
from app.console.staff.blueprint import blueprint
from app.console.tables import DATES, INVOICE_STATUSES, Column, Listed, file_of, link

_TABS = (("/console/invoices", "Invoices"), ("/console/credit-notes", "Credit notes"))
_CUSTOMER = link("Customer", "account_name", "/console/customers/", "account_id")
_NUMBER = (("invoice_number", "Invoice number"),)
_NONE = "None matches. They are issued with purchases, cancellations and refunds."
_SUMS = (
    Column("Net", "net_amount", "money"),
    Column("Tax", "tax_amount", "money"),
    Column("Total", "total_amount", "money"),
)
_INVOICES = Listed(
    (
        link("Number", "invoice_number", "/console/invoices/"),
        _CUSTOMER,
        Column("Status", "status", "badge"),
        Column("Issued", "issued_at", "day"),
        Column("Due", "due_date", "day"),
        *_SUMS,
        file_of("/console/invoices/", "invoice_number"),
    ),
    _NONE,
    texts=_NUMBER,
    choices=(("status", "Status", INVOICE_STATUSES),),
    dates=DATES,
)
_NOTES = Listed(
    (
        link("Number", "credit_note_number", "/console/credit-notes/"),
        _CUSTOMER,
        link("Invoice", "invoice_number", "/console/invoices/", "invoice_id"),
        Column("Issued", "created_at", "day"),
        Column("Reason", "reason"),
        *_SUMS,
        file_of("/console/credit-notes/", "credit_note_number"),
    ),
    _NONE,
    texts=_NUMBER,
    dates=DATES,
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
    return listing.page(_INVOICES, "/v1/admin/invoices", title="Invoices", tabs=_TABS)


@blueprint.get("/credit-notes")
def credit_notes() -> Response | str:
    """The credit notes of all customers."""
    return listing.page(_NOTES, "/v1/admin/credit-notes", title="Credit notes", tabs=_TABS)


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
