"""`/v1/admin/invoices` and `/v1/admin/credit-notes`: those of all accounts."""

from typing import Any

from flask import Response

from app.db.paging import Page
from app.desk import failures, guards, payments, schemas
from app.purchases import pdf
from app.purchases.invoice_schemas import CreditNoteQuery
from app.web.blueprint import ApiBlueprint
from app.web.failures import fails
from app.web.paper import BINARY, MIMETYPE, file_response
from app.web.resource import Resource
from app.web.schemas import page_of

blueprint = ApiBlueprint(
    "desk-documents",
    __name__,
    url_prefix="/v1/admin",
    description="The vendor's desk: invoices and credit notes of all accounts.",
    guide="desk.md#approve-a-transfer",
)

_reads = guards.reads()


@blueprint.route("/invoices")
class Invoices(Resource):
    """The invoices of all accounts."""

    @blueprint.arguments(schemas.DeskInvoiceQuery(), location="query")
    @blueprint.response(200, page_of(schemas.DeskInvoice))
    @blueprint.doc(operationId="listAllInvoices")
    @_reads
    def get(self, arguments: dict[str, Any]) -> Page:
        """List the invoices of all accounts

        Lists invoices with the accounts they are of, newest first. Filters select a number, a status and a range of
        time.
        """
        return payments.search_invoices(arguments)


@blueprint.route("/invoices/<bigint_id:invoice_id>")
class OneInvoice(Resource):
    """One invoice."""

    @blueprint.response(200, schemas.DeskInvoice)
    @fails(failures.NO_INVOICE)
    @blueprint.doc(operationId="getAnyInvoice")
    @_reads
    def get(self, invoice_id: int) -> dict[str, Any]:
        """Get an invoice of any account

        Returns an invoice with the account it is of. An unknown one is refused with 404 `not_found`.
        """
        return payments.get_invoice(invoice_id)


@blueprint.route("/invoices/<bigint_id:invoice_id>/pdf")
class InvoicePdf(Resource):
    """One invoice as a PDF."""

    @blueprint.response(200, BINARY, content_type=MIMETYPE)
    @fails(failures.NO_INVOICE)
    @blueprint.doc(operationId="getAnyInvoicePdf")
    @guards.reads(limit="pdf")
    def get(self, invoice_id: int) -> Response:
        """Get an invoice of any account as a PDF

        Returns the file that the customer gets, without the JSON envelope; failures are JSON. An unknown invoice is
        refused with 404 `not_found`.
        """
        invoice = payments.get_invoice(invoice_id)
        return file_response(invoice["invoice_number"], pdf.render_invoice(invoice))


@blueprint.route("/credit-notes")
class CreditNotes(Resource):
    """The credit notes of all accounts."""

    @blueprint.arguments(CreditNoteQuery(), location="query")
    @blueprint.response(200, page_of(schemas.DeskCreditNote))
    @blueprint.doc(operationId="listAllCreditNotes")
    @_reads
    def get(self, arguments: dict[str, Any]) -> Page:
        """List the credit notes of all accounts

        Lists credit notes with the accounts they are of, newest first. Filters select an invoice and a range of time.
        """
        return payments.search_credit_notes(arguments)


@blueprint.route("/credit-notes/<bigint_id:credit_note_id>")
class OneCreditNote(Resource):
    """One credit note."""

    @blueprint.response(200, schemas.DeskCreditNote)
    @fails(failures.NO_CREDIT_NOTE)
    @blueprint.doc(operationId="getAnyCreditNote")
    @_reads
    def get(self, credit_note_id: int) -> dict[str, Any]:
        """Get a credit note of any account

        Returns a credit note with the account it is of. An unknown one is refused with 404 `not_found`.
        """
        return payments.get_credit_note(credit_note_id)


@blueprint.route("/credit-notes/<bigint_id:credit_note_id>/pdf")
class CreditNotePdf(Resource):
    """One credit note as a PDF."""

    @blueprint.response(200, BINARY, content_type=MIMETYPE)
    @fails(failures.NO_CREDIT_NOTE)
    @blueprint.doc(operationId="getAnyCreditNotePdf")
    @guards.reads(limit="pdf")
    def get(self, credit_note_id: int) -> Response:
        """Get a credit note of any account as a PDF

        Returns the file that the customer gets, without the JSON envelope; failures are JSON. An unknown credit note is
        refused with 404 `not_found`.
        """
        note = payments.get_credit_note(credit_note_id)
        return file_response(note["credit_note_number"], pdf.render_credit_note(note))
