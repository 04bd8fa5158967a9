"""The blueprint of the portal, complete once this module is imported."""

from app.console.portal import (
    accounts,
    buying,
    caps,
    credits,
    history,
    invoices,
    keys,
    overview,
    payments,
    settings,
    team,
    usage,
)
from app.console.portal.blueprint import blueprint

__all__ = ["blueprint"]

# Their routes are registered by importing them.
PAGES = (
    accounts,
    buying,
    caps,
    credits,
    history,
    invoices,
    keys,
    overview,
    payments,
    settings,
    team,
    usage,
)
