"""Who may use which account."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from sqlalchemy import Row

from app.audit.models import ObjectType
from app.audit.recording import record
from app.auth.actor import Actor
from app.billing_accounts import queries, service, visibility
from app.billing_accounts.ledger.refusals import not_found
from app.billing_accounts.models import BillingAccount
from app.clock import utc_now
from app.db.base import db
from app.db.paging import Page
from app.errors import NotFound

# `id`, `user_id`, `name`, `status` and `created_at`, and what the grant was before.
GrantedUser: TypeAlias = Row[Any]


def users(actor: Actor, account_id: int, arguments: Mapping[str, Any]) -> Page:
    """One page of the users who may use the account, in the order they were granted it. Raises NotFound."""
    service.require_visible(actor, account_id)
    return queries.USERS.page(arguments, account_id=account_id)


def grant(account_id: int, user_id: str, user_handle: str | None) -> GrantedUser:
    """Let the user use the account; a second grant changes at most the handle. Raises NotFound."""
    if db.session.get(BillingAccount, account_id, with_for_update={"read": True, "key_share": True}) is None:
        raise not_found(account_id)
    parameters = {"account_id": account_id, "user_id": user_id, "user_handle": user_handle or None, "now": utc_now()}
    granted = db.session.execute(queries.GRANT, parameters).one()
    after = {"user_id": granted.user_id, "user_handle": granted.user_handle}
    before = None if granted.user_id_before is None else after | {"user_handle": granted.user_handle_before}
    record(ObjectType.BILLING_ACCOUNT, account_id, before=before, after=after)
    return granted


def revoke(account_id: int, user_id: str) -> None:
    """Take the user's permission away. Raises NotFound when there is no such account or grant."""
    revoked = db.session.execute(queries.REVOKE, {"account_id": account_id, "user_id": user_id}).first()
    if revoked is None:
        has_access(account_id, user_id)
        raise NotFound(f"User {user_id} has no access to billing account {account_id}")
    record(ObjectType.BILLING_ACCOUNT, account_id, before=revoked._asdict())


def has_access(account_id: int, user_id: str, granted_to: str | None = None) -> bool:
    """Whether the user may use the account. Raises NotFound without one that is granted to `granted_to`, if given."""
    parameters = {"account_id": account_id, "user_id": user_id, "granted_to": granted_to}
    found = db.session.execute(queries.HAS_ACCESS, parameters).scalar_one_or_none()
    if found is None:
        raise not_found(account_id)
    return found


def check(actor: Actor, account_id: int, user_id: str) -> bool:
    """Whether the user may use an account that the caller sees. Raises NotFound."""
    return has_access(account_id, user_id, visibility.sight(actor).limit)
