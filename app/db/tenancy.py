"""Whose rows a transaction may see: the setting that the row-level security of every customer table goes by.

A table kept per customer has a policy that shows only rows whose account is the one set here, so that a query that
forgets its own condition finds nothing of others. What is set lasts until the transaction ends, which also holds
behind a pool that gives connections out by transaction.
"""

from app.db.prepared import Prepared
from app.db.transaction import defer

# The value with which all accounts are seen, for operators and machines.
EVERY_ACCOUNT = "*"
SETTING = "billing.account_id"

_SEE = Prepared(f"SELECT set_config('{SETTING}', CAST(:account_id AS text), true)")


def see(account_id: int) -> None:
    """Let the rest of this transaction see the rows of one account."""
    _set(str(account_id))


def see_every_account() -> None:
    """Let the rest of this transaction see the rows of all accounts: not for what a customer asks for."""
    _set(EVERY_ACCOUNT)


def _set(tenant: str) -> None:
    defer(_SEE, {"account_id": tenant})
