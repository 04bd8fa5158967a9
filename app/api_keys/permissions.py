"""Who manages the keys of all accounts, and what keys may be for."""

from typing import ClassVar

from app.auth.guards import Guard, guarded_by
from app.auth.permissions import READ_ACCOUNT, SCOPES, Role

# What a key of a customer account can be for: nothing else is confined to its account.
ACCOUNT_SCOPES = (READ_ACCOUNT, "spend:credits")
EVERY_SCOPE = (*SCOPES, READ_ACCOUNT)


class _EveryAccount(Guard):
    """Admits staff to the keys of all accounts."""

    sets_tenant: ClassVar[bool] = True


STAFF = guarded_by(_EveryAccount(roles=(Role.ADMINISTRATOR,)))
