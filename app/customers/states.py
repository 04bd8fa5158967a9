"""The status of an account, and what it lets happen.

A suspended account neither spends, holds nor buys; everything else works. A closed account can be read and no more.
What changes money or members decides by the status under a lock that a change of the status takes as well: that of the
account, or that of its balance (`app.credits.ledger`).
"""

from typing import Any

from sqlalchemy import Row

from app.clock import utc_now
from app.customers import queries
from app.customers.membership import MANAGERS, Membership
from app.customers.models import AccountStatus
from app.db.base import db
from app.db.fast.prepared import AnyPrepared
from app.errors import Forbidden, NotFound, Reason

_SENTENCES = {
    Reason.ACCOUNT_SUSPENDED: "is suspended: it cannot spend, hold or buy credits",
    Reason.ACCOUNT_CLOSED: "is closed: it can be read, and no longer changed",
}


def lock(account_id: int) -> Row[Any]:
    """Lock the account until the transaction ends, and return its status. Raises NotFound, and Forbidden if closed."""
    found = lock_closed_too(account_id)
    require_open(account_id, found.status)
    return found


def lock_closed_too(account_id: int) -> Row[Any]:
    """Lock the account until the transaction ends, and return its status. Raises NotFound."""
    return _read(queries.LOCK_ACCOUNT, account_id)


def require_open_of(account_id: int) -> Row[Any]:
    """Return the status of the account, which stays until the transaction ends.

    Raises NotFound, and Forbidden if it is closed.
    """
    found = _read(queries.SHARE_ACCOUNT, account_id)
    require_open(account_id, found.status)
    return found


def require_active(account_id: int, status: str) -> None:
    """Raise Forbidden if the account is suspended or closed."""
    if status == AccountStatus.SUSPENDED:
        raise refusal(account_id, Reason.ACCOUNT_SUSPENDED)
    require_open(account_id, status)


def require_open(account_id: int, status: str) -> None:
    """Raise Forbidden if the account is closed."""
    if status == AccountStatus.CLOSED:
        raise refusal(account_id, Reason.ACCOUNT_CLOSED)


def require_may_buy(membership: Membership) -> None:
    """Raise Forbidden if the account is suspended or closed, or the member is not among those who buy.

    None of this changes until the transaction ends.
    """
    account = require_open_of(membership.account_id)
    require_active(membership.account_id, account.status)
    if not may_buy(membership, account.status, members_may_buy=account.members_may_buy):
        raise not_a_buyer()


def may_buy(membership: Membership, status: str, *, members_may_buy: bool) -> bool:
    """Whether the member is among those who buy, and the status of the account lets them."""
    return (membership.role in MANAGERS or members_may_buy) and status == AccountStatus.ACTIVE


def not_a_buyer() -> Forbidden:
    """The failure of a member who is neither owner nor admin of an account whose members do not buy."""
    return Forbidden(
        "Only an owner or an admin of the account may buy; the setting members_may_buy permits it to all members",
        details={"roles": sorted(MANAGERS, reverse=True), "scopes": []},
    )


def refusal(account_id: int, reason: Reason) -> Forbidden:
    """The failure of what the status of an account does not permit."""
    return Forbidden(f"Account {account_id} {_SENTENCES[reason]}", reason=reason)


def set_status(account_id: int, status: AccountStatus) -> None:
    """Change the status of an account. The caller holds the locks of the account and of its balance."""
    db.session.execute(queries.SET_STATUS, {"account_id": account_id, "status": status, "now": utc_now()})


def _read(statement: AnyPrepared, account_id: int) -> Row[Any]:
    found = db.session.execute(statement, {"account_id": account_id}).one_or_none()
    if found is None:
        raise NotFound(f"Account {account_id} was not found")
    return found
