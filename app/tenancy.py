"""Tenant of the current transaction, read by the row-level security policies of every customer table.

A table kept per customer has a policy that shows only rows whose account is the one set here, so that a query that
forgets its own condition finds nothing of others. Before it is known which account a caller acts in, and for what
belongs to a person and to no account, the person is set instead: they see their memberships, the invitations to their
verified e-mail address, and the accounts of both, and can change nothing. What is set lasts until the transaction ends,
which also holds behind a pool that gives connections out by transaction.
"""

from app.db.fast.prepared import Prepared
from app.db.transaction import defer

# The value with which all accounts are seen, for operators and machines.
EVERY_ACCOUNT = "*"
SETTING = "billing.account_id"
USER_SETTING = "billing.user_id"
# With ASCII letters in lower case, as the policies compare.
EMAIL_SETTING = "billing.email"

_SET = Prepared(f"""
    SELECT set_config('{SETTING}', CAST(:account_id AS text), true),
        set_config('{USER_SETTING}', :user_id, true), set_config('{EMAIL_SETTING}', :email, true)
""")


def set_account(account_id: int) -> None:
    """Show the rest of this transaction the rows of one account and no others."""
    _set(account_id=str(account_id))


def set_every_account() -> None:
    """Show the rest of this transaction the rows of all accounts: never for a request of a customer."""
    _set(account_id=EVERY_ACCOUNT)


def set_person(user_id: str, folded_email: str = "") -> None:
    """Show the rest of this transaction what belongs to a person: memberships, and invitations to an address."""
    _set(user_id=user_id, email=folded_email)


def _set(*, account_id: str = "", user_id: str = "", email: str = "") -> None:
    defer(_SET, {"account_id": account_id, "user_id": user_id, "email": email})
