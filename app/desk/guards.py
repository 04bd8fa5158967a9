"""Guards for the desk, which come last among the decorators of a view: the input is read, and a transaction is open.

`reads` lets the transaction read the rows of all accounts. What is about one account is done as its tenant, as it would
be for a member: see `of_account`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ClassVar

from app import tenancy
from app.auth.guards import Guard, View, guarded_by, requires
from app.db import streaming
from app.desk import accounts, permissions

# What the vendor offers, and its tax, is kept for no account.
reads_offer = requires(roles=permissions.STAFF, scopes=permissions.READ)
manages_offer = requires(roles=permissions.STAFF, scopes=permissions.MANAGE)


@dataclass(frozen=True)
class DeskGuard(Guard):
    """Admits staff and machines to the accounts of customers."""

    roles: tuple[str, ...] = permissions.STAFF
    sets_tenant: ClassVar[bool] = True


def reads(
    *, or_scopes: Iterable[str] = (), limit: str | None = None, of_one_snapshot: bool = False
) -> Callable[[View], View]:
    """Guard a view that reads the rows of all accounts; machines with one of the scopes `or_scopes` may, too.

    With `of_one_snapshot`, all its statements read one state of the database.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def run(*arguments: Any, **values: Any) -> Any:
            if of_one_snapshot:
                streaming.of_one_snapshot()
            tenancy.set_desk()
            return view(*arguments, **values)

        return guarded_by(DeskGuard(scopes=(*permissions.READ, *or_scopes), limit=limit))(run)

    return decorate


def of_account(*scopes: str, limit: str | None = None) -> Callable[[View], View]:
    """Guard a view about the account in its path, which becomes the tenant; the view gets it as `account`.

    Machines need one of `scopes`. An unknown account is refused with NotFound.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def run(*arguments: Any, account_id: int, **values: Any) -> Any:
            account = accounts.enter(account_id)
            return view(*arguments, account=account, **values)

        return guarded_by(DeskGuard(scopes=scopes, limit=limit))(run)

    return decorate
