"""The tax on a sale: decided by the country of the customer, the day, and their VAT number."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from stdnum.eu import vat

from app.customers import countries
from app.db.base import db
from app.errors import Conflict, Reason
from app.money import ZERO
from app.purchases import seller, tax_queries

# Greece has another prefix in VAT numbers than ISO code, and Northern Ireland one without being a member state.
_ISO_CODES = {"EL": "GR"}
MEMBER_STATES = frozenset(state.upper() for state in vat.MEMBER_STATES) - {"XI"}
REVERSE_CHARGE = (
    "Reverse charge: VAT is to be accounted for by the recipient (Article 196 of Council Directive 2006/112/EC)."
)


class Tax(NamedTuple):
    """The tax on a sale: its rate as a fraction, what the invoice notes about it, and what it was decided by."""

    rate: Decimal
    note: str
    country: str
    tax_id: str


class Buyer(NamedTuple):
    """A customer who may buy: the tax on a sale to them, None if it depends on their country, which is unknown."""

    tax: Tax | None
    status: str
    members_may_buy: bool


def buyer(account_id: int, day: date) -> Buyer:
    """A customer as of a sale on a day."""
    found = db.session.execute(tax_queries.BUYER, {"account_id": account_id, "day": day}).one()
    # Two lists of the same rows, or none.
    rates = dict(zip(found.countries or (), found.rates or (), strict=True))
    code = countries.code_of(found.billing_country)
    decided = decide(rates, code, found.tax_id, seller.present()["seller_tax_id"])
    return Buyer(decided, found.status, found.members_may_buy)


def decide(rates: Mapping[str, Decimal], country: str, tax_id: str, seller_tax_id: str) -> Tax | None:
    """The tax on a sale, given the rates in force; None if rates are in force and the country is unknown.

    A customer in a member state of the EU with a valid VAT number of that state accounts for the tax, unless the seller
    is in the same state. Countries without a rate are not taxed.
    """
    if not rates:
        return Tax(ZERO, "", country, tax_id)
    if not country:
        return None
    if country == vat_state(tax_id) and country != _state(seller_tax_id):
        return Tax(ZERO, REVERSE_CHARGE, country, tax_id)
    return Tax(rates.get(country, ZERO), "", country, tax_id)


def vat_state(tax_id: str) -> str:
    """The ISO code of the member state of a valid EU VAT number; `""` for any other text.

    Its format and check digits are validated, not whether it is registered.
    """
    return _state(tax_id) if tax_id and vat.is_valid(tax_id) else ""


def _state(tax_id: str) -> str:
    prefix = tax_id.strip()[:2].upper()
    code = _ISO_CODES.get(prefix, prefix)
    return code if code in MEMBER_STATES else ""


def country_unknown() -> Conflict:
    """The failure of a purchase whose tax depends on the country of the customer."""
    return Conflict(
        "The tax depends on your country: set billing_country in the settings of the account to an ISO code or an "
        "English name",
        reason=Reason.TAX_COUNTRY_UNKNOWN,
    )
