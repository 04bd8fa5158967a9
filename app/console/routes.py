"""The blueprints of the pages, complete once this module is imported."""

from app.console import sign_in_routes
from app.console.portal.routes import blueprint as portal
from app.console.staff import (
    account_books,
    account_corrections,
    account_users,
    audit,
    billing_accounts,
    bookings,
    catalogue,
    clients,
    customer_forms,
    customers,
    documents,
    health,
    imports,
    keys,
    payment_runs,
    payments,
    purchases,
    reports,
    search,
    work_periods,
)
from app.console.staff.blueprint import blueprint as console

BLUEPRINTS = (sign_in_routes.blueprint, console, portal)
# Their routes are registered by importing them.
PAGES = (
    account_books,
    account_corrections,
    account_users,
    audit,
    billing_accounts,
    bookings,
    catalogue,
    clients,
    customer_forms,
    customers,
    documents,
    health,
    imports,
    keys,
    payment_runs,
    payments,
    purchases,
    reports,
    search,
    work_periods,
)
