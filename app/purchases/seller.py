"""The seller named on invoices."""

from datetime import date, timedelta

from flask import current_app

from app.config import Settings
from app.config.groups import Seller


def present() -> dict[str, str]:
    """The seller from the current settings, as columns of an invoice."""
    seller = _settings()
    return {
        "seller_name": seller.name,
        "seller_address": seller.address,
        "seller_tax_id": seller.tax_id,
        "seller_registration": seller.registration,
        "seller_bank": seller.bank,
    }


def due_date(issued_on: date) -> date:
    """The day by which a bank transfer for an invoice of this day is due."""
    return issued_on + timedelta(days=_settings().due_days)


def _settings() -> Seller:
    settings: Settings = current_app.config["SETTINGS"]
    return settings.seller
