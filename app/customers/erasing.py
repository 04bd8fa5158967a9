"""Erasing what an account says about people: its team, and who it is."""

from uuid import uuid4

from app.clock import utc_now
from app.customers import directory, queries, states
from app.customers.models import AccountStatus
from app.db.base import db
from app.errors import Conflict


def erase(account_id: int) -> None:
    """Empty the team and the settings of a closed account, which the caller records.

    Raises NotFound, and Conflict if the account is not closed.
    """
    status = states.lock_closed_too(account_id).status
    if status != AccountStatus.CLOSED:
        raise Conflict(f"Account {account_id} is {status}; only closed accounts can be erased")
    db.session.execute(queries.REMOVE_TEAM, {"account_id": account_id})
    values = {"account_id": account_id, "name": f"Erased account {account_id}", "slug": f"erased-{uuid4().hex}"}
    db.session.execute(queries.ERASE_ACCOUNT, {**values, "now": utc_now()})
    directory.forget_team(account_id)
    directory.list_account(account_id)
