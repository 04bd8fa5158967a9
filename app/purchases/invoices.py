"""Invoices: numbered per year without gaps, with customer and seller as they were at the time of issue."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from app.db.base import db
from app.db.paging import ListQuery, Page
from app.errors import NotFound
from app.purchases import queries, seller
from app.purchases.models import CURRENCY, InvoiceStatus


def search(account_id: int, arguments: Mapping[str, Any], listed: ListQuery | None = None) -> Page:
    """One page of the invoices of an account; `listed` is a query of the same rows with more columns."""
    return (listed or queries.INVOICES).page(arguments, account_id=account_id)


def get(account_id: int, invoice_id: int) -> Row[Any]:
    """An invoice of the account. Raises NotFound."""
    values = {"account_id": account_id, "invoice_id": invoice_id}
    invoice = db.session.execute(queries.INVOICE, values).one_or_none()
    if invoice is None:
        raise NotFound(f"Invoice {invoice_id} was not found")
    return invoice


def create(account_id: int, package: Row[Any], now: datetime) -> int:
    """Create an invoice for a package, with the next number of this year (UTC), and return its id."""
    number = db.session.execute(queries.NEXT_NUMBER, {"year": now.year}).scalar_one()
    values = {
        "account_id": account_id,
        "invoice_number": f"INV-{now.year}-{number:03}",
        "description": f"{package.name}: {package.credits:,} credits",
        "total_amount": package.price,
        "currency": CURRENCY,
        **seller.present(),
        "now": now,
    }
    invoice_id: int = db.session.execute(queries.CREATE_INVOICE, values).scalar_one()
    return invoice_id


def mark(invoice_id: int, status: InvoiceStatus, now: datetime) -> None:
    """Set the status of an invoice."""
    db.session.execute(queries.MARK_INVOICE, {"invoice_id": invoice_id, "status": status, "now": now})
