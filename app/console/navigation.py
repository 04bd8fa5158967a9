"""The sections of the console and the portal."""

from typing import NamedTuple

from app.console.permitted import may


class Section(NamedTuple):
    """A section, and whether the page belongs to it."""

    label: str
    address: str
    is_current: bool


# With the operation that its first page calls: who may not call it does not see the section.
_STAFF = (
    ("Search", "/console", "searchEverything"),
    ("Billing accounts", "/console/billing-accounts", "listBillingAccounts"),
    ("Clients", "/console/clients", "listClients"),
    ("Payments", "/console/payments", "listWorkPeriodPayments"),
    ("Bookings", "/console/bookings", "listResourceBookings"),
    ("Customers", "/console/customers", "listAccounts"),
    ("Transfers", "/console/transfers", "listAllPayments"),
    ("Invoices", "/console/invoices", "listAllInvoices"),
    ("Catalogue", "/console/catalogue", "listPlans"),
    ("Reports", "/console/reports", "getUsageReport"),
    ("API keys", "/console/keys", "listApiKeys"),
    ("Imports", "/console/imports", "listImports"),
    ("Audit", "/console/audit", "listAuditEntries"),
    ("Health", "/console/health", "getHealthReport"),
)
_PORTAL = (
    ("Overview", "/portal", "getCreditBalance"),
    ("Credits", "/portal/credits", "listCreditLots"),
    ("Usage", "/portal/usage", "getUsageAnalytics"),
    ("Buy", "/portal/buy", "listCreditPackages"),
    ("Payments", "/portal/payments", "listPayments"),
    ("Invoices", "/portal/invoices", "listInvoices"),
    ("Team", "/portal/team", "listTeamMembers"),
    ("Limits", "/portal/limits", "listCreditCaps"),
    ("API keys", "/portal/keys", "listAccountApiKeys"),
    ("Settings", "/portal/settings", "getAccountSettings"),
    ("History", "/portal/history", "listAccountAuditEntries"),
    ("Your accounts", "/portal/accounts", "listMemberships"),
)
_HOMES = ("/console", "/portal")


def sections(path: str) -> list[Section]:
    """The sections of the part that `path` belongs to, as far as the person may open them."""
    offered = _PORTAL if path.startswith("/portal") else _STAFF
    return [
        Section(label, address, _is_current(address, path)) for label, address, operation in offered if may(operation)
    ]


def _is_current(address: str, path: str) -> bool:
    path = path.rstrip("/")
    return path == address or (address not in _HOMES and path.startswith(f"{address}/"))
