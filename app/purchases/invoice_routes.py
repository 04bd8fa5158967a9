"""`/v1/billing`: invoices and credit notes."""

from typing import Any

from flask import Response
from sqlalchemy import Row

from app.customers.guards import member
from app.customers.membership import Membership
from app.db.paging import Page
from app.purchases import credit_notes, invoices, pdf
from app.purchases import invoice_schemas as schemas
from app.web.blueprint import ApiBlueprint
from app.web.paper import BINARY, MIMETYPE, file_response
from app.web.resource import Resource
from app.web.schemas import page_of

blueprint = ApiBlueprint(
    "invoices",
    __name__,
    url_prefix="/v1/billing",
    description="Invoices and credit notes.",
    guide="invoices.md#invoices",
)

_member = member()


@blueprint.route("/invoices")
class Invoices(Resource):
    """The invoices of the account."""

    @blueprint.arguments(schemas.InvoiceQuery(), location="query")
    @blueprint.response(200, page_of(schemas.Invoice))
    @blueprint.doc(operationId="listInvoices")
    @_member
    def get(self, arguments: dict[str, Any], membership: Membership) -> Page:
        """List invoices

        Lists the invoices of the caller's account, newest first. Filters select a status and a range of time; invalid
        ones are refused with 400 `invalid_input`.
        """
        return invoices.search(membership.account_id, arguments)


@blueprint.route("/invoices/<bigint_id:invoice_id>")
class OneInvoice(Resource):
    """One invoice."""

    @blueprint.response(200, schemas.Invoice)
    @blueprint.doc(operationId="getInvoice")
    @_member
    def get(self, invoice_id: int, membership: Membership) -> Row[Any]:
        """Get an invoice

        Returns one invoice of the caller's account. An unknown invoice, and one of another account, is refused with 404
        `not_found`.
        """
        return invoices.get(membership.account_id, invoice_id)


@blueprint.route("/invoices/<bigint_id:invoice_id>/pdf")
class InvoicePdf(Resource):
    """One invoice as a PDF."""

    @blueprint.response(200, BINARY, content_type=MIMETYPE)
    @blueprint.doc(operationId="getInvoicePdf")
    @member(limit="pdf")
    def get(self, invoice_id: int, membership: Membership) -> Response:
        """Get an invoice as a PDF

        Returns the invoice as a PDF file, without the JSON envelope; failures are JSON. An unknown invoice, and one of
        another account, is refused with 404 `not_found`.
        """
        invoice = invoices.get(membership.account_id, invoice_id)
        return file_response(invoice.invoice_number, pdf.render_invoice(invoice._asdict()))


@blueprint.route("/credit-notes")
class CreditNotes(Resource):
    """The credit notes of the account."""

    guide = "invoices.md#credit-notes"

    @blueprint.arguments(schemas.CreditNoteQuery(), location="query")
    @blueprint.response(200, page_of(schemas.CreditNote))
    @blueprint.doc(operationId="listCreditNotes")
    @_member
    def get(self, arguments: dict[str, Any], membership: Membership) -> Page:
        """List credit notes

        Lists the credit notes of the caller's account, newest first. Filters select an invoice and a range of time;
        invalid ones are refused with 400 `invalid_input`.
        """
        return credit_notes.search(membership.account_id, arguments)


@blueprint.route("/credit-notes/<bigint_id:credit_note_id>")
class OneCreditNote(Resource):
    """One credit note."""

    guide = "invoices.md#credit-notes"

    @blueprint.response(200, schemas.CreditNote)
    @blueprint.doc(operationId="getCreditNote")
    @_member
    def get(self, credit_note_id: int, membership: Membership) -> Row[Any]:
        """Get a credit note

        Returns one credit note of the caller's account. An unknown credit note, and one of another account, is refused
        with 404 `not_found`.
        """
        return credit_notes.get(membership.account_id, credit_note_id)


@blueprint.route("/credit-notes/<bigint_id:credit_note_id>/pdf")
class CreditNotePdf(Resource):
    """One credit note as a PDF."""

    guide = "invoices.md#credit-notes"

    @blueprint.response(200, BINARY, content_type=MIMETYPE)
    @blueprint.doc(operationId="getCreditNotePdf")
    @member(limit="pdf")
    def get(self, credit_note_id: int, membership: Membership) -> Response:
        """Get a credit note as a PDF

        Returns the credit note as a PDF file, without the JSON envelope; failures are JSON. An unknown credit note, and
        one of another account, is refused with 404 `not_found`.
        """
        note = credit_notes.get(membership.account_id, credit_note_id)
        return file_response(note.credit_note_number, pdf.render_credit_note(note._asdict()))
