"""Who reads the audit trail."""

from typing import ClassVar

from app.auth.guards import Guard, guarded_by
from app.auth.permissions import Role, scopes


class _EveryAccount(Guard):
    """Admits staff and machines to the rows of all accounts."""

    sets_tenant: ClassVar[bool] = True


READ = guarded_by(_EveryAccount(roles=(Role.ADMINISTRATOR,), scopes=scopes("audit", "read")))
