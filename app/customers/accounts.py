"""Opening customer accounts, and their settings."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import uuid4

from sqlalchemy import Row

from app import origin, tenancy
from app.audit.models import ObjectType
from app.audit.recording import record
from app.auth.actor import Actor
from app.clock import utc_now
from app.customers import directory, membership, openings, queries, states
from app.customers.models import MemberRole
from app.db import versions
from app.db.base import db
from app.db.versions import Expected
from app.errors import Conflict

_MAX_SLUG = 60
_NOT_SLUG = re.compile(r"[^a-z0-9]+")


class Opened(NamedTuple):
    """A new account, and whether it receives the first credits of its plan."""

    account: Row[Any]
    is_first: bool


def create(actor: Actor, values: Mapping[str, Any], *, limit: int) -> Opened:
    """Open an account owned by the caller, and set it as the tenant of the transaction.

    Raises Forbidden for a token without a user id, and Conflict if the caller already owns an account, other than a
    closed one, or opened `limit` accounts.
    """
    db.session.execute(queries.ONE_OPENING_AT_A_TIME, {"user_id": membership.require_person(actor)})
    # Among their accounts is one that was opened while this waited.
    tenancy.set_person(**membership.own(actor))
    if db.session.execute(queries.OWNS_SOME_ACCOUNT, membership.own(actor)).scalar_one():
        raise Conflict("You already own an account")
    is_first = openings.record(actor, limit)
    tenancy.set_every_account()
    settings = {
        **dict.fromkeys(queries.CHANGEABLE, ""),
        "members_may_buy": False,
        "billing_email": membership.verified_email(actor) or "",
        **values,
    }
    account = _insert(actor, settings)
    tenancy.set_account(account.id)
    origin.act_in(account.id)
    record(ObjectType.CUSTOMER_ACCOUNT, account.id, after=_changeable(account), account_id=account.id)
    now = utc_now()
    owner = {**membership.person(actor), "account_id": account.id, "role": MemberRole.OWNER, "date_joined": now}
    made = {**owner, "invited_at": now, "invited_by": "", "expires_at": None}
    member = db.session.execute(queries.ADD_MEMBER, made).one()
    directory.list_account(account.id)
    directory.list_members(account.id, [member.id])
    return Opened(account, is_first)


def settings(account_id: int) -> Row[Any]:
    """The settings of the account."""
    return db.session.execute(queries.ACCOUNT, {"account_id": account_id}).one()


def update(account_id: int, changes: Mapping[str, Any], expected: Expected) -> Row[Any]:
    """Update the given settings of the account. Raises PreconditionFailed, and Forbidden if it is closed."""
    states.lock(account_id)
    present = settings(account_id)
    known = _changeable(present)
    after = known | {name: value for name, value in changes.items() if name in known}
    values = {**after, "account_id": account_id, "updated_at": utc_now(), "expected": versions.listed(expected)}
    changed = db.session.execute(queries.UPDATE, values).one_or_none()
    if changed is None:
        raise versions.failure(present.version, expected)
    directory.list_account(account_id)
    record(ObjectType.CUSTOMER_ACCOUNT, account_id, before=known, after=after, account_id=account_id)
    return changed


def _changeable(account: Row[Any]) -> dict[str, Any]:
    return {name: value for name, value in account._asdict().items() if name in queries.CHANGEABLE}


def _insert(actor: Actor, settings: Mapping[str, Any]) -> Row[Any]:
    slug = _slug(settings["name"])
    now = utc_now()
    values = {**settings, "created_by": actor.subject, "created_at": now, "updated_at": now}
    account = db.session.execute(queries.CREATE, {**values, "slug": slug}).one_or_none()
    if account is None:
        # The slug is taken: a random suffix makes it unique.
        account = db.session.execute(queries.CREATE, {**values, "slug": f"{slug}-{uuid4().hex[:12]}"}).one()
    return account


def _slug(name: str) -> str:
    """The URL-safe form of a name: `Łódź Coffee & Co.` as `odz-coffee-co`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _NOT_SLUG.sub("-", plain)[:_MAX_SLUG].strip("-") or "account"
