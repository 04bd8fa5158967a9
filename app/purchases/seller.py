"""The seller named on invoices."""

from flask import current_app

from app.config import Settings


def present() -> dict[str, str]:
    """The seller from the current settings, as columns of an invoice."""
    settings: Settings = current_app.config["SETTINGS"]
    seller = settings.seller
    return {
        "seller_name": seller.name,
        "seller_address": seller.address,
        "seller_tax_id": seller.tax_id,
        "seller_registration": seller.registration,
        "seller_bank": seller.bank,
    }
