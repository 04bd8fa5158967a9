"""What a customer has: a tab for each list, with its columns and filters."""

from dataclasses import dataclass

from app.console.tables import (
    DATES,
    HOLD_STATUSES,
    INVOICE_STATUSES,
    METHODS,
    PAYMENT_STATUSES,
    TRANSACTION_TYPES,
    Column,
    Listed,
    file_of,
    link,
)


@dataclass(frozen=True, slots=True)
class Tab:
    """A list of what a customer has, and the template of its page."""

    label: str
    operation: str
    listed: Listed
    template: str = "console/list.html"


_WHEN, _BY = Column("Created", "created_at", "moment"), Column("By", "created_by")
TABS = {
    "lots": Tab(
        "Lots",
        "listAccountLots",
        Listed(
            (
                Column("Lot", "id"),
                Column("Source", "source"),
                Column("Status", "status", "badge"),
                Column("Credits", "credits", "whole"),
                Column("Remaining", "remaining", "whole"),
                Column("Held", "held", "whole"),
                Column("Effective", "effective_at", "moment"),
                Column("Expires", "expires_at", "moment"),
                Column("Description", "description"),
                _BY,
            ),
            "This customer has no credits yet. Grant some, or wait for a purchase.",
        ),
        "console/customers/lots.html",
    ),
    "holds": Tab(
        "Holds",
        "listAccountHolds",
        Listed(
            (
                Column("Reference", "reference", "code"),
                Column("Status", "status", "badge"),
                Column("For", "operation_type"),
                Column("Amount", "amount", "whole"),
                Column("Captured", "captured", "whole"),
                Column("Remaining", "remaining", "whole"),
                _WHEN,
                Column("Expires", "expires_at", "moment"),
                _BY,
            ),
            "Nothing is or was held.",
            texts=(("reference", "Reference"), ("operation_type", "Operation")),
            choices=(("status", "Status", HOLD_STATUSES),),
        ),
    ),
    "transactions": Tab(
        "Transactions",
        "listAccountTransactions",
        Listed(
            (
                Column("Id", "id"),
                _WHEN,
                Column("Type", "transaction_type", "badge"),
                Column("Amount", "amount", "whole"),
                Column("Balance after", "balance_after", "whole"),
                Column("Description", "description"),
                _BY,
            ),
            "No change of the balance matches.",
            dates=DATES,
            choices=(("transaction_type", "Type", TRANSACTION_TYPES),),
        ),
    ),
    "usage": Tab(
        "Usage",
        "listAccountUsage",
        Listed(
            (
                Column("Id", "id"),
                _WHEN,
                Column("Operation", "operation_type"),
                Column("Credits", "credits_used", "whole"),
                Column("Reversed", "credits_reversed", "whole"),
                Column("Value (USD)", "cost_usd", "money"),
                Column("Description", "description"),
                _BY,
            ),
            "No usage matches.",
            texts=(("operation_type", "Operation"),),
            dates=DATES,
        ),
    ),
    "purchases": Tab(
        "Purchases",
        "listAccountPayments",
        Listed(
            (
                link("Payment", "id", "/console/purchases/"),
                _WHEN,
                Column("Status", "status", "badge"),
                Column("Method", "payment_method", names=METHODS),
                Column("Credits", "credits", "whole"),
                Column("Amount", "amount", "money"),
                Column("Refunded", "amount_refunded", "money"),
                link("Invoice", "invoice_number", "/console/invoices/", "invoice_id"),
                _BY,
            ),
            "This customer has bought nothing yet.",
            choices=(
                ("status", "Status", PAYMENT_STATUSES),
                ("payment_method", "Method", tuple(METHODS.items())),
            ),
        ),
    ),
    "invoices": Tab(
        "Invoices",
        "listAccountInvoices",
        Listed(
            (
                link("Number", "invoice_number", "/console/invoices/"),
                Column("Issued", "issued_at", "day"),
                Column("Due", "due_date", "day"),
                Column("Status", "status", "badge"),
                Column("Net", "net_amount", "money"),
                Column("Tax", "tax_amount", "money"),
                Column("Total", "total_amount", "money"),
                file_of("/console/invoices/", "invoice_number"),
            ),
            "No invoice matches.",
            dates=DATES,
            choices=(("status", "Status", INVOICE_STATUSES),),
        ),
    ),
    "team": Tab(
        "Team",
        "listAccountMembers",
        Listed(
            (
                Column("E-mail", "email"),
                Column("First name", "first_name"),
                Column("Last name", "last_name"),
                Column("Role", "role"),
                Column("Joined", "is_active", "yes"),
                Column("Since", "date_joined", "moment"),
                Column("Invited by", "created_by"),
            ),
            "This customer has no members: nobody can sign in to it.",
        ),
    ),
    "history": Tab(
        "History",
        "listAccountChanges",
        Listed(
            (),
            "Nothing of this customer was changed yet.",
        ),
        "console/history.html",
    ),
}
