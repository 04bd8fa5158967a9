"""What a customer has: a tab for each list, with its columns and filters."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.console.tables import Column, link

Choices = Sequence[tuple[str, str]]


def _named(*values: str) -> Choices:
    return [(value, value.replace("_", " ").capitalize()) for value in values]


@dataclass(frozen=True, slots=True)
class Tab:
    """A list of what a customer has."""

    label: str
    operation: str
    columns: Sequence[Column]
    empty: str
    texts: Choices = ()
    choices: Sequence[tuple[str, str, Choices]] = ()
    above: str = ""
    files: str = ""

    @property
    def filters(self) -> list[str]:
        """The names of its filters."""
        return [*(name for name, _ in self.texts), *(name for name, *_ in self.choices)]


_WHEN, _BY = Column("Created", "created_at", "moment"), Column("By", "created_by")
_DATES = (("start_date", "From (yyyy-mm-dd)"), ("end_date", "To (yyyy-mm-dd)"))
TABS = {
    "lots": Tab(
        "Lots",
        "listAccountLots",
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
        above="console/customers/timeline.html",
    ),
    "holds": Tab(
        "Holds",
        "listAccountHolds",
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
        choices=(("status", "Status", _named("open", "captured", "released", "expired")),),
    ),
    "transactions": Tab(
        "Transactions",
        "listAccountTransactions",
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
        texts=_DATES,
        choices=(
            (
                "transaction_type",
                "Type",
                _named(
                    "grant",
                    "purchase",
                    "deduction",
                    "refund",
                    "adjustment",
                    "expiry",
                    "void",
                    "chargeback",
                    "debt_payment",
                ),
            ),
        ),
    ),
    "usage": Tab(
        "Usage",
        "listAccountUsage",
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
        texts=(*_DATES, ("operation_type", "Operation")),
    ),
    "purchases": Tab(
        "Purchases",
        "listAccountPayments",
        (
            link("Payment", "id", "/console/purchases/"),
            _WHEN,
            Column("Status", "status", "badge"),
            Column("Method", "payment_method"),
            Column("Credits", "credits", "whole"),
            Column("Amount", "amount", "money"),
            Column("Refunded", "amount_refunded", "money"),
            link("Invoice", "invoice_number", "/console/invoices/", "invoice_id"),
            _BY,
        ),
        "This customer has bought nothing yet.",
        choices=(
            (
                "status",
                "Status",
                _named(
                    "pending",
                    "succeeded",
                    "failed",
                    "cancelled",
                    "refunding",
                    "partially_refunded",
                    "refunded",
                    "disputed",
                    "charged_back",
                ),
            ),
            ("payment_method", "Method", (("stripe", "Card"), ("manual", "Bank transfer"))),
        ),
    ),
    "invoices": Tab(
        "Invoices",
        "listAccountInvoices",
        (
            link("Number", "invoice_number", "/console/invoices/"),
            Column("Issued", "issued_at", "day"),
            Column("Due", "due_date", "day"),
            Column("Status", "status", "badge"),
            Column("Net", "net_amount", "money"),
            Column("Tax", "tax_amount", "money"),
            Column("Total", "total_amount", "money"),
        ),
        "No invoice matches.",
        texts=_DATES,
        choices=(("status", "Status", _named("pending", "paid", "void", "partially_refunded", "refunded")),),
        files="/console/invoices/",
    ),
    "team": Tab(
        "Team",
        "listAccountMembers",
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
    "history": Tab(
        "History",
        "listAccountChanges",
        (),
        "Nothing of this customer was changed yet.",
    ),
}
